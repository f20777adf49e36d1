/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connd --check: makes the checks of a start, and reports what a start would do without, as the
 * user who runs it. A running connd may hold the socket, the lock and the port. Nothing is changed
 * or kept.
 */
#include "connd/app.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "connd/metrics.h"
#include "connd/running.h"
#include "connd/settings.h"
#include "edge/process/harden.h"
#include "edge/socket/socket_file.h"
#include "edge/upstream/libcurl.h"
#include "edge/upstream/trial.h"

#define SERVICE_USER "connd" /* of the unit */

struct check {
	const struct settings *settings;
	struct running running;
	bool online;
	unsigned faults;
};

static void PRINTF(2, 3) fault(struct check *k, const char *fmt, ...)
{
	va_list args;

	(void)fputs("connd: ", stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
	k->faults++;
}

/* Only the service's own processes see the credentials that its unit loads. */
static void
hint_at_credentials(const struct settings *s)
{
	if (!s->token_path && !getenv("CREDENTIALS_DIRECTORY"))
		(void)fputs("connd: warning: a credential of the unit is not seen here; to check "
			    "with it: systemd-run --pipe --wait -p User=" SERVICE_USER
			    " -p LoadCredential=token:FILE connd --check\n",
		    stderr);
}

static void
check_settings(struct check *k)
{
	const char *line = buf_str(&k->settings->oddities), *end;

	for (; (end = strchr(line, '\n')); line = end + 1)
		(void)fprintf(stderr, "connd: warning: %.*s\n", (int)(end - line), line);
	for (line = buf_str(&k->settings->faults); (end = strchr(line, '\n')); line = end + 1)
		fault(k, "%.*s", (int)(end - line), line);
	hint_at_credentials(k->settings);
}

/* --- the socket, and who listens there --------------------------------------------------- */

/* The name of a process; "" if unknown. */
static void
name_of(pid_t pid, char name[static 32])
{
	struct buf text = BUF_INIT(256);
	char path[64];
	struct why why;

	(void)snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
	if (file_read(path, &text, &why) < 0)
		buf_reset(&text);
	(void)snprintf(name, 32, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
	buf_fini(&text);
}

/* A socket of systemd is not a conflict: its unit starts connd when the first client connects. */
static void
check_listener(struct check *k, int client)
{
	struct ucred owner = { 0 };
	socklen_t size = sizeof owner;
	char name[32];

	if (running_ask(client, &k->running) == 0)
		return;
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &owner, &size) < 0)
		owner.pid = 0;
	name_of(owner.pid, name);
	if (owner.pid != 1 || strcmp(name, "systemd") != 0)
		fault(k,
		    "[socket] path: process %ld (%s) listens at %s, and does not answer as connd "
		    "does",
		    (long)owner.pid, name, k->settings->config->socket.path);
}

static void
check_socket(struct check *k)
{
	const struct config *c = k->settings->config;
	struct socket_file f = {
		.path = c->socket.path, .group = c->socket.group, .mode = c->socket.mode
	};
	struct why why;
	int client;

	if (socket_file_check(&f, &client, &why) < 0)
		fault(k, "%s", why.text);
	if (client < 0)
		return;
	check_listener(k, client);
	(void)close(client);
}

/* --- the rest ---------------------------------------------------------------------------- */

static void
check_metrics(struct check *k)
{
	const struct config_list *listen = &k->settings->config->metrics.listen;
	struct why why;

	if (listen->n == 0 || strcmp(listen->item[0], k->running.metrics) == 0)
		return;
	if (metrics_check(listen->item[0], &why) < 0)
		fault(k, "%s", why.text);
}

/* lock = require: a start must be able to lock as much as the running connd has, or a page. */
static void
check_lock(struct check *k)
{
	const struct config *c = k->settings->config;

	if (c->memory.lock == ARENA_LOCK_REQUIRE && !harden_can_lock((size_t)k->running.bytes))
		fault(k,
		    "memory cannot be locked, and [memory] lock = require: raise LimitMEMLOCK "
		    "(now %llu bytes)",
		    (unsigned long long)harden_max_locked());
}

static void
check_snapshot(struct check *k)
{
	const char *path = k->settings->config->snapshot.path, *slash;
	char dir[4096];

	if (!path)
		return;
	slash = strrchr(path, '/');
	(void)snprintf(
	    dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0)
		fault(k, "[snapshot] path: connd cannot write in %s: %s", dir, strerror(errno));
}

static void
check_library(struct check *k)
{
	struct why why;

	if (libcurl_load(&why) < 0)
		fault(k, "%s", why.text);
}

static void
say_answer(void *env, const char *line)
{
	(void)env;
	(void)fprintf(stderr, "connd: %s\n", line);
}

/* Sends one real list request, if there is no other fault: it needs the token and libcurl. */
static void
check_online(struct check *k)
{
	const struct settings *s = k->settings;

	if (k->online && k->faults == 0 &&
	    trial_run(s->config, s->token_path, say_answer, NULL) < 0)
		k->faults++;
}

/* Names the user, since readable files and limits depend on it. */
static void
say_who(const char *config_path)
{
	const struct passwd *p = getpwuid(geteuid());

	(void)fprintf(stderr, "connd: checking %s as user %s (uid %ld)", config_path,
	    p ? p->pw_name : "?", (long)geteuid());
	if (geteuid() == 0)
		(void)fprintf(stderr,
		    "; under systemd connd runs as user " SERVICE_USER ": runuser -u " SERVICE_USER
		    " -- connd --check --config %s",
		    config_path);
	(void)fputc('\n', stderr);
}

int
app_check(const char *config_path, bool online)
{
	/* The socket comes first: the connd that answers there says what it holds. */
	static void (*const checks[])(struct check *) = { check_settings, check_socket,
		check_metrics, check_lock, check_snapshot, check_library, check_online };
	struct why why;
	struct check k = { .online = online };
	struct settings *s = NULL;

	say_who(config_path);
	if (settings_load(&s, config_path, &why) < 0) {
		fault(&k, "%s", why.text);
	} else {
		k.settings = s;
		for (size_t i = 0; i < N_ELEMENTS(checks); i++)
			checks[i](&k);
	}
	settings_free(s);
	if (k.faults == 0)
		(void)puts("OK");
	return k.faults ? 1 : 0;
}
