/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGUSR2: this process executes the program that is at its path now. Before anything is stopped,
 * that program checks the configuration (--check), and everything that execve() needs is prepared.
 */
#include "connd/app_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/process/notify.h"

/* True if the new program could serve the same data from the snapshot without its manager. */
static bool
has_snapshot_for(const struct app *a, const struct config *new)
{
	const struct config *old = a->settings->config;
	char name[CONFIG_NAME_SIZE];

	return snapshot_is_current(a->snapshot) &&
	       !config_differs(old, new, CONFIG_NEEDS_UPGRADE, name) &&
	       config_same_option(old, new, "snapshot", "key_file");
}

/* True if the new configuration names another manager or other objects. */
static bool
asks_anew(const struct config *old, const struct config *new)
{
	char name[CONFIG_NAME_SIZE];

	return !config_same_manager(old, new) ||
	       config_differs(old, new, CONFIG_NEEDS_UPGRADE, name);
}

/* True if the data is not locked but the new program requires that. */
static bool
lacks_lock(const struct config *old, const struct config *new, const struct replica_status *st)
{
	return new->memory.lock == ARENA_LOCK_REQUIRE && old->memory.lock != ARENA_LOCK_OFF &&
	       st->bytes > st->locked_bytes;
}

/*
 * Decides whether the check must ask the manager: *online. 0, or -errno with a sentence in why if
 * the new program would not start or would have no data.
 */
static int
judge(struct app *a, const struct config *new, bool *online, struct why *why)
{
	const struct config *old = a->settings->config;
	char name[CONFIG_NAME_SIZE];
	struct replica_status st;

	replica_status(a->replica, clock_boot_ms(), &st);
	*online = !has_snapshot_for(a, new) && asks_anew(old, new);
	if (config_differs(old, new, CONFIG_NEEDS_RESTART, name))
		why_set(why, "%s cannot change without a restart", name);
	else if (lacks_lock(old, new, &st))
		why_set(why,
		    "not all data is in locked memory now, and [memory] lock = require: raise "
		    "LimitMEMLOCK and restart");
	else if (!*online && *st.last_error && !has_snapshot_for(a, new))
		why_set(why, "the last sync failed, and no snapshot holds what is served: %s",
		    st.last_error);
	else
		return 0;
	return -EINVAL;
}

/* Makes the new program's environment now, while a lack of memory can still refuse the upgrade. */
static int
announce(const struct app *a)
{
	struct passed shown = listener_shows(a->listener);
	char names[PASSED_NAMES_SIZE];
	int r;

	passed_names(&shown, names);
	r = reexec_announce(shown.lock >= 0 ? 2 : 1, names);
	return r == 0 ? notify_export() : r;
}

static void
refuse(const char *why)
{
	log_error("upgrade refused", LOG_STR("reason", why));
}

static void
on_program_checked(void *env, const char *why)
{
	struct app *a = env;
	int r;

	if (a->state != APP_SERVING)
		return;
	if (why) {
		log_error("upgrade refused: the new program does not accept the configuration",
		    LOG_STR("reason", why));
		return;
	}
	if (a->reload) { /* its thread reads the environment */
		refuse("a reload still waits for a file or a name service");
		return;
	}
	r = announce(a);
	if (r < 0) {
		refuse(strerror(-r));
		return;
	}
	log_info("upgrading");
	notify_reloading();
	app_enter(a, APP_UPGRADING);
	app_begin_to_stop(a);
}

static void
check_program(struct app *a, bool online)
{
	int r;

	a->check = reexec_check_free(a->check);
	r = reexec_check_new(&a->check, a->loop, a->config_path, online, on_program_checked, a);
	if (r < 0)
		log_error("upgrade refused: the new program cannot be started",
		    LOG_STR("reason", strerror(-r)));
}

static void
begin_upgrade(struct app *a, const struct config *new)
{
	struct why why;
	bool online = false;
	int r = app_check_room(a, new, &why);

	if (r == 0)
		r = judge(a, new, &online, &why);
	if (r < 0)
		log_warn("upgrade refused", LOG_STR("reason", why.text));
	else
		check_program(a, online);
}

static void
on_settings(void *env, struct settings *s, const char *why)
{
	struct app *a = env;

	a->upgrade = loading_free(a->upgrade);
	if (a->state == APP_SERVING && s)
		begin_upgrade(a, s->config);
	else if (a->state == APP_SERVING)
		refuse(why);
	settings_free(s);
}

void
app_on_upgrade(void *arg)
{
	struct app *a = arg;
	int r;

	if (a->state != APP_SERVING || a->upgrade)
		return;
	r = loading_new(&a->upgrade, a->loop, a->background, a->config_path, on_settings, a);
	if (r < 0)
		refuse(strerror(-r));
}

void
app_become_newer(const char *config_path, struct passed *kept)
{
	int fd[REEXEC_FDS] = { kept->socket, kept->lock };
	int r;

	log_stop();
	r = reexec_now(fd, config_path);
	kept->socket = fd[0];
	kept->lock = fd[1];
	notify_init();
	if (log_start() < 0)
		log_warn("a log that is not read can stop connd: no thread can be made for it");
	log_error(
	    "cannot become the new program, the old one goes on", LOG_STR("reason", strerror(-r)));
}
