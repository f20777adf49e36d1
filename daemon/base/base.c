/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
	(void)umask(077);
	(void)unsetenv("SSLKEYLOGFILE");
}

int
base_init(void)
{
	/* Libraries write to sockets without MSG_NOSIGNAL; a closed connection must not end us. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	return sodium_init() < 0 ? -EIO : 0;
}
