/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* What base_protect() and base_init() found. */
static struct {
	mode_t umask;
	const char *key_log; /* in the process's own environment block; NULL: none */
	void (*on_sigpipe)(int sig);
} inherited = { .umask = 077, .on_sigpipe = SIG_DFL };

void
base_protect(void)
{
	static const struct rlimit none;

	/*
	 * A core_pattern that is a pipe ignores RLIMIT_CORE, so the process is made undumpable too.
	 * That also stops other processes of the same uid from tracing it.
	 */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	inherited.umask = umask(077);
	inherited.key_log = getenv("SSLKEYLOGFILE");
	(void)unsetenv("SSLKEYLOGFILE");
}

void
base_unprotect(void)
{
	(void)umask(inherited.umask);
	(void)signal(SIGPIPE, inherited.on_sigpipe);
	if (inherited.key_log)
		(void)setenv("SSLKEYLOGFILE", inherited.key_log, 0);
}

int
base_init(void)
{
	/* Libraries write to sockets without MSG_NOSIGNAL; a closed connection must not end us. */
	inherited.on_sigpipe = signal(SIGPIPE, SIG_IGN);
	if (inherited.on_sigpipe == SIG_ERR)
		return -errno;
	return sodium_init() < 0 ? -EIO : 0;
}
