/* SPDX-License-Identifier: Apache-2.0 */
/* SIGTERM and SIGINT stop connd, SIGHUP reloads its configuration. */
#include "connd/app_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/process/notify.h"

#define DRAIN_S 4 /* the longest time for requests in progress; then connections are closed */

/* --- stopping --------------------------------------------------------------------------- */

static void
on_drained(void *env)
{
	struct app *a = env;

	loop_stop(a->loop);
}

void
app_on_drain_over(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;

	(void)fd;
	(void)what;
	log_warn(
	    "connections are closed unfinished", LOG_INT("connections", peers_count(a->peers)));
	loop_stop(a->loop);
}

void
app_begin_to_stop(struct app *a)
{
	static const struct timeval longest = { .tv_sec = DRAIN_S };

	ready_stop(a->ready);
	log_info("stopping", LOG_INT("connections", peers_count(a->peers)));
	listener_stop(a->listener);
	snapshot_close(a->snapshot); /* the disk thread works while connections end */
	if (evtimer_add(a->drain_timer, &longest) < 0) {
		loop_stop(a->loop);
		return;
	}
	/*
	 * Waiting lookups fail now, unless a successor on the same socket can serve their retry.
	 */
	if (a->state == APP_STOPPING && !listener_was_passed(a->listener))
		replica_close(a->replica);
	peers_drain(a->peers, on_drained, a);
}

static void
on_terminate(void *arg)
{
	struct app *a = arg;
	enum app_state was = a->state;

	if (was == APP_STOPPING) {
		loop_stop(a->loop); /* a second signal: at once */
		return;
	}
	notify_stopping();
	if (was == APP_SERVING && app_begin_to_linger(a))
		return;
	notify_status("stopping");
	if (was == APP_LINGERING) {
		app_end_linger(a); /* at a second signal, stops waiting for clients */
		return;
	}
	app_enter(a, APP_STOPPING);
	if (was != APP_UPGRADING)
		app_begin_to_stop(a);
}

/* --- reload ---------------------------------------------------------------------------------- */

/* After a start without the snapshot's key, the key may be there now. */
static int
seal_by(struct app *a, const struct settings *s, struct why *why)
{
	int r;

	if (a->snapshot)
		return snapshot_use(a->snapshot, s->config, why);
	r = snapshot_new(&a->snapshot, a->loop, a->replica, s->config, why);
	if (r == 0 && replica_current(a->replica))
		snapshot_changed(a->snapshot, sync_url(a->sync));
	return r;
}

/*
 * Applies both or neither. The snapshot comes last, because it borrows the configuration from then
 * on.
 */
static int
listen_and_seal_by(struct app *a, const struct settings *s, struct why *why)
{
	struct why where = { "out of memory" };
	int r = metrics_listen(a->metrics, &s->config->metrics.listen, why);

	if (r < 0)
		return r;
	r = seal_by(a, s, why);
	if (r < 0 && metrics_listen(a->metrics, &a->settings->config->metrics.listen, &where) < 0)
		log_warn("metrics do not listen any more", LOG_STR("reason", where.text));
	return r;
}

/* Applies all of the new settings, or keeps all of the old ones. */
static int
apply(struct app *a, struct settings *s, struct why *why)
{
	struct replica_config rc = app_replica_config(s->config);
	struct peers_limits limits = app_peers_limits(s->config);
	struct upstream *u = NULL, *old_upstream = a->upstream;
	struct settings *old = a->settings;
	int r = upstream_new(&u, a->loop, s->config);

	why_set(why, "%s", r < 0 ? strerror(-r) : "");
	if (r == 0)
		r = listen_and_seal_by(a, s, why);
	if (r < 0) {
		upstream_free(u);
		return r;
	}
	a->settings = s;
	a->upstream = u;
	app_serve_by(a, s);
	log_setup(s->config->log.format, s->config->log.level);
	settings_log(s);
	peers_limit(a->peers, &limits);
	replica_configure(a->replica, &rc);
	app_use_source(a, s, u);
	upstream_retire(old_upstream);
	ready_use(a->ready, s->config);
	listener_use(a->listener, s->config);
	access_lookup_await(a->access, buf_str(&s->names));
	settings_free(old);
	return 0;
}

/* A reload refuses any fault, even one with which a start would log and continue. */
static int
check_reload(const struct app *a, const struct settings *s, struct why *why)
{
	char name[CONFIG_NAME_SIZE];

	if (config_differs(a->settings->config, s->config, CONFIG_NEEDS_UPGRADE, name)) {
		why_set(why, "%s cannot change without a restart", name);
		return -EINVAL;
	}
	if (settings_have_fault(s, why))
		return -EINVAL;
	if (app_check_lock(s->config, why) < 0)
		return -EPERM;
	return app_check_room(a, s->config, why);
}

static void
end_reload(struct app *a, const char *refusal)
{
	if (refusal) {
		log_error(
		    "reload refused, the old configuration stays", LOG_STR("reason", refusal));
	} else {
		log_info("reloaded");
		replica_sync_now(a->replica, clock_boot_ms());
	}
	app_turn(a);
	if (ready_is(a->ready))
		notify_ready();
}

static void begin_reload(struct app *a);

static void
on_settings(void *env, struct settings *s, const char *load_why)
{
	struct why why;
	struct app *a = env;
	int r = s ? 0 : -EINVAL;

	a->reload = loading_free(a->reload);
	if (a->state != APP_SERVING) {
		settings_free(s);
		return;
	}
	why_set(&why, "%s", load_why);
	if (r == 0)
		r = check_reload(a, s, &why);
	if (r == 0)
		r = apply(a, s, &why);
	if (r < 0)
		settings_free(s);
	end_reload(a, r < 0 ? why.text : NULL);
	if (a->reload_again)
		begin_reload(a);
}

static void
begin_reload(struct app *a)
{
	int r;

	a->reload_again = false;
	notify_reloading();
	r = loading_new(&a->reload, a->loop, a->background, a->config_path, on_settings, a);
	if (r < 0)
		end_reload(a, strerror(-r));
}

/* Signals that arrive while settings are loaded cause one more reload: the file may be newer. */
static void
on_reload(void *arg)
{
	struct app *a = arg;

	if (a->state != APP_SERVING)
		return;
	if (a->reload)
		a->reload_again = true;
	else
		begin_reload(a);
}

/* --- the signals ------------------------------------------------------------------------- */

int
app_hear_signals(struct app *a)
{
	int r = loop_on_signal(a->loop, SIGTERM, on_terminate, a);

	if (r == 0)
		r = loop_on_signal(a->loop, SIGINT, on_terminate, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGHUP, on_reload, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGUSR2, app_on_upgrade, a);
	return r;
}
