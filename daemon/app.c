/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "core/replica.h"
#include "edge/harden.h"
#include "edge/listener.h"
#include "edge/loop.h"
#include "edge/notify.h"
#include "edge/peer.h"
#include "edge/serve.h"
#include "edge/settings.h"
#include "edge/sync.h"
#include "edge/upstream.h"
#include "edge/watch.h"

#define READY_GRACE_S  10 /* without data we say READY after this time all the same */
#define DRAIN_S        4  /* then what is left is closed: systemd and people wait */
#define EXTEND_EVERY_S 5  /* while [require] is not met */
#define EXTEND_BY_MS   15000
#define SPARE_FILES    64              /* descriptors that are no connections */
#define SAY_AGAIN_MS   (5 * 60 * 1000) /* the same failure is logged that often */

struct app {
	const char *config_path;
	struct settings *settings;
	struct loop *loop;
	struct replica *replica;
	struct service service;
	struct upstream *upstream;
	struct sync *sync;
	struct watch *watch;
	struct listener *listener;
	struct peers *peers;
	struct alarm *alarm; /* when the replica wants its next turn */
	struct later turn;   /* its turn comes at the end of this one */
	struct event *ready_timer, *watchdog, *drain_timer;
	bool ready, grace_over, stopping;
	bool lock_warned;
	bool follow;               /* a good sync: its manager may be watched */
	bool noted;                /* the sync that ended just now had its line */
	uint64_t failures, unsaid; /* in a row; of them without a line */
	int64_t said_ms;
};

/* --- the replica's turns ----------------------------------------------------------------- */

static void
say_status(const struct replica_status *st)
{
	static const char *const name[] = { "not ready", "fresh", "stale", "offline", "expired" };
	char text[256];

	(void)snprintf(text, sizeof text, "%s: %zu connections, %zu variables%s%.150s",
	    name[st->state], st->n[KIND_CONNECTION], st->n[KIND_VARIABLE],
	    *st->last_error ? "; " : "", st->last_error);
	notify_status(text);
}

/* [require] decides when there is any; else any data does, or patience that has ended. */
static bool
is_ready(struct app *a, const struct replica_status *st, int64_t now_ms)
{
	const struct config *c = a->settings->config;

	for (size_t i = 0; i < c->require.n_keys; i++)
		if (!replica_has(a->replica, now_ms, c->require.key[i].kind,
			span_of(c->require.key[i].key), c->require.max_age_ms))
			return false;
	return c->require.n_keys > 0 || st->state != NOT_READY || a->grace_over;
}

static void
check_ready(struct app *a)
{
	int64_t now_ms = clock_boot_ms();
	struct replica_status st;

	replica_status(a->replica, now_ms, &st);
	if (!a->stopping)
		say_status(&st);
	if (a->ready || a->stopping || !is_ready(a, &st, now_ms))
		return;
	a->ready = true;
	(void)event_del(a->ready_timer);
	log_info("ready", LOG_INT("connections", (int64_t)st.n[KIND_CONNECTION]),
	    LOG_INT("variables", (int64_t)st.n[KIND_VARIABLE]));
	notify_ready();
}

static void
take_turn(struct app *a)
{
	alarm_set(a->alarm, replica_turn(a->replica, clock_boot_ms()));
	if (a->follow)
		watch_follow(a->watch, sync_watchable_url(a->sync));
	a->follow = false;
	check_ready(a);
}

static void
on_turn(struct later *job)
{
	take_turn((struct app *)((char *)job - offsetof(struct app, turn)));
}

static void
on_alarm(void *arg)
{
	take_turn(arg);
}

/* Many questions may begin to wait in one turn: they share one. */
static void
on_wait_began(void *env)
{
	struct app *a = env;

	loop_after_turn(a->loop, &a->turn);
}

/* --- what the replica needs of the world --------------------------------------------------- */

static void
start_sync(void *env)
{
	struct app *a = env;

	sync_start(a->sync, replica_current(a->replica));
}

static void
on_published(void *env)
{
	struct app *a = env;
	struct replica_status st;

	replica_status(a->replica, clock_boot_ms(), &st);
	log_info("new generation", LOG_INT("generation", (int64_t)st.generation),
	    LOG_INT("connections", (int64_t)st.n[KIND_CONNECTION]),
	    LOG_INT("variables", (int64_t)st.n[KIND_VARIABLE]),
	    LOG_INT("environment_variables", (int64_t)st.n[KIND_ENV]),
	    LOG_INT("withheld", (int64_t)st.withheld), LOG_INT("invalid", (int64_t)st.invalid),
	    LOG_INT("bytes", (int64_t)st.bytes), LOG_INT("locked_bytes", (int64_t)st.locked_bytes));
	if (st.bytes > st.locked_bytes && !a->lock_warned &&
	    a->settings->config->memory.lock == ARENA_LOCK_PREFER) {
		log_warn("memory is not locked: it may be written to swap; raise LimitMEMLOCK, or "
			 "set [memory] lock = off to accept it",
		    LOG_INT("limit_bytes", (int64_t)harden_max_locked()));
		a->lock_warned = true;
	}
}

static void
on_note(void *env, const char *event, const char *detail)
{
	static const char *const good[] = { "sync recovered", "held list taken",
		"data is current again", "fewer secrets withheld", "no secrets withheld any more" };
	struct app *a = env;

	a->noted = true;
	for (size_t i = 0; i < N_ELEMENTS(good); i++)
		if (strcmp(event, good[i]) == 0) {
			log_info(event, LOG_STR("detail", detail),
			    LOG_INT("failed_syncs", (int64_t)a->failures));
			return;
		}
	log_warn(event, LOG_STR("reason", detail));
}

static int64_t
jitter(void *env, int64_t low, int64_t high)
{
	(void)env;
	return rnd_between(low, high);
}

/*
 * The replica notes a failure that differs from the one before, and the recovery. The same failure again
 * is said now and then, with the number of those that were not.
 */
static void
say_outcome(struct app *a, const struct sync_result *result)
{
	int64_t now_ms = clock_boot_ms();

	if (result->outcome == SYNC_OK || result->outcome == SYNC_NOT_MODIFIED) {
		a->failures = a->unsaid = 0;
		return;
	}
	a->failures++;
	if (!a->noted && now_ms - a->said_ms < SAY_AGAIN_MS) {
		a->unsaid++;
		return;
	}
	if (!a->noted)
		log_warn("sync still fails", LOG_STR("reason", result->reason),
		    LOG_INT("not_logged", (int64_t)a->unsaid));
	a->unsaid = 0;
	a->said_ms = now_ms;
}

static bool
on_sync_done(void *env, const struct sync_result *result)
{
	struct app *a = env;
	bool taken;

	a->noted = false;
	taken = replica_sync_done(a->replica, clock_boot_ms(), result);
	say_outcome(a, result);
	loop_after_turn(a->loop, &a->turn);
	a->follow = a->follow || taken;
	return taken;
}

/* The manager held a call until something changed, or refused to go on. */
static void
on_changed(void *env)
{
	struct app *a = env;

	replica_sync_soon(a->replica, clock_boot_ms());
	loop_after_turn(a->loop, &a->turn);
}

/* --- from the configuration to the parts ------------------------------------------------------ */

static struct replica_config
replica_config_of(const struct config *c)
{
	return (struct replica_config){
		.windows = c->freshness.windows,
		.refresh_ms = c->manager.refresh_ms,
		.cold_wait_ms = c->freshness.cold_wait_ms,
		.deletion_guard_percent = c->freshness.deletion_guard_percent,
		.lock = c->memory.lock,
		.max_bytes = c->memory.max_bytes,
	};
}

static struct peers_limits
peers_limits_of(const struct config *c)
{
	struct peers_limits l = {
		.max_frame = c->socket.max_frame,
		.max_connections = c->socket.max_connections,
		.max_connections_per_uid = c->socket.max_connections_per_uid,
	};
	uint64_t files = harden_max_files();

	if (files > SPARE_FILES && l.max_connections > files - SPARE_FILES) {
		log_warn("fewer connections than [socket] max_connections: the limit of open files",
		    LOG_INT("wanted", l.max_connections), LOG_INT("open_files", (int64_t)files));
		l.max_connections = (uint32_t)(files - SPARE_FILES);
	}
	return l;
}

static int
new_upstream(struct upstream **out, struct loop *loop, const struct config *c)
{
	struct upstream_options o = {
		.ca_file = c->manager.ca_file,
		.client_cert = c->manager.client_cert,
		.client_key = c->manager.client_key,
		.pin = c->manager.pin,
		.proxy = c->manager.proxy,
		.timeout_ms = c->manager.timeout_ms,
	};

	return upstream_new(out, loop, &o);
}

static struct sync_source
source_of(const struct settings *s, struct upstream *u)
{
	return (
	    struct sync_source){ .config = s->config, .token_path = s->token_path, .upstream = u };
}

/* --- signals ------------------------------------------------------------------------------------ */

static void
on_drained(void *env)
{
	struct app *a = env;

	loop_stop(a->loop);
}

static void
on_drain_over(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;

	(void)fd;
	(void)what;
	log_warn(
	    "connections are closed unfinished", LOG_INT("connections", peers_count(a->peers)));
	loop_stop(a->loop);
}

static void
on_terminate(void *arg)
{
	static const struct timeval longest = { .tv_sec = DRAIN_S };
	struct app *a = arg;

	if (a->stopping) {
		loop_stop(a->loop); /* asked twice: at once */
		return;
	}
	a->stopping = true;
	log_info("stopping", LOG_INT("connections", peers_count(a->peers)));
	notify_stopping();
	notify_status("stopping");
	listener_stop(a->listener);
	if (evtimer_add(a->drain_timer, &longest) < 0) {
		loop_stop(a->loop);
		return;
	}
	peers_drain(a->peers, on_drained, a);
}

/* What questions are answered by that the configuration decides. Borrows from s. */
static void
serve_by(struct service *service, const struct settings *s)
{
	service->acl = s->acl;
	service->hide_teams = s->config->access.teams;
	service->organization = s->config->manager.organization;
	service->deployment = s->config->manager.deployment;
	service->workspace = s->config->manager.workspace;
}

/* All of the new one or all of the old one. */
static int
apply(struct app *a, struct settings *s)
{
	struct replica_config rc = replica_config_of(s->config);
	struct peers_limits limits = peers_limits_of(s->config);
	struct upstream *u, *old_upstream = a->upstream;
	struct settings *old = a->settings;
	struct sync_source source;
	int r = new_upstream(&u, a->loop, s->config);

	if (r < 0)
		return r;
	source = source_of(s, u);
	a->settings = s;
	a->upstream = u;
	serve_by(&a->service, s);
	log_setup(s->config->log.format, s->config->log.level);
	settings_log_oddities(s);
	peers_limit(a->peers, &limits);
	replica_configure(a->replica, &rc);
	watch_use(a->watch, &source);
	sync_use(a->sync, &source);
	upstream_free(old_upstream);
	settings_free(old);
	return 0;
}

static void
on_reload(void *arg)
{
	char why[SETTINGS_WHY_SIZE];
	struct app *a = arg;
	struct settings *s;
	const char *fixed;
	int r;

	if (a->stopping)
		return;
	notify_reloading();
	r = settings_load(&s, a->config_path, why);
	if (r == 0) {
		fixed = config_fixed_difference(a->settings->config, s->config);
		if (fixed) {
			(void)snprintf(
			    why, sizeof why, "%s cannot change without a restart", fixed);
			r = -EINVAL;
		} else {
			r = apply(a, s);
			(void)snprintf(why, sizeof why, "%s", strerror(-r));
		}
		if (r < 0)
			settings_free(s);
	}
	if (r < 0) {
		log_error("reload refused, the old configuration stays", LOG_STR("reason", why));
	} else {
		log_info("reloaded");
		replica_sync_soon(a->replica, clock_boot_ms());
	}
	take_turn(a);
	if (a->ready)
		notify_ready();
}

/* --- timers --------------------------------------------------------------------------------------- */

static void
on_ready_timer(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;

	(void)fd;
	(void)what;
	if (a->settings->config->require.n_keys > 0)
		notify_extend_timeout(EXTEND_BY_MS);
	else
		a->grace_over = true;
	check_ready(a);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_watchdog();
}

static int
start_timers(struct app *a)
{
	bool require = a->settings->config->require.n_keys > 0;
	struct timeval ready = { .tv_sec = require ? EXTEND_EVERY_S : READY_GRACE_S };
	int64_t watchdog_ms = notify_watchdog_ms();
	struct timeval ping = { .tv_sec = watchdog_ms / 1000,
		.tv_usec = watchdog_ms % 1000 * 1000 };
	struct event_base *base = loop_base(a->loop);

	a->ready_timer = event_new(base, -1, EV_PERSIST, on_ready_timer, a);
	a->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, a);
	a->drain_timer = evtimer_new(base, on_drain_over, a);
	if (!a->ready_timer || !a->watchdog || !a->drain_timer ||
	    event_add(a->ready_timer, &ready) < 0)
		return -ENOMEM;
	return watchdog_ms > 0 && event_add(a->watchdog, &ping) < 0 ? -ENOMEM : 0;
}

/* --- birth and end ----------------------------------------------------------------------------------- */

static void
on_accepted(void *env, int fd)
{
	struct app *a = env;

	peers_accept(a->peers, fd);
}

static int
start_replica(struct app *a)
{
	static const struct replica_ops ops = {
		.start_sync = start_sync,
		.published = on_published,
		.note = on_note,
		.jitter = jitter,
	};
	struct replica_config rc = replica_config_of(a->settings->config);
	struct sync_source source;
	int r;

	r = replica_new(&a->replica, &rc, &ops, a, (uint64_t)clock_wall_ms());
	if (r < 0)
		return r;
	r = new_upstream(&a->upstream, a->loop, a->settings->config);
	if (r < 0)
		return r;
	source = source_of(a->settings, a->upstream);
	r = sync_new(&a->sync, a->loop, &source, on_sync_done, a);
	return r < 0 ? r : watch_new(&a->watch, a->loop, &source, on_changed, a);
}

static int
start_serving(struct app *a)
{
	struct peers_limits limits = peers_limits_of(a->settings->config);
	int r;

	a->service = (struct service){
		.replica = a->replica,
		.wait_began = on_wait_began,
		.env = a,
	};
	serve_by(&a->service, a->settings);
	r = peers_new(&a->peers, a->loop, &a->service, &limits);
	if (r < 0)
		return r;
	return listener_start(a->listener, on_accepted, a);
}

static int
start_signals(struct app *a)
{
	int r = loop_on_signal(a->loop, SIGTERM, on_terminate, a);

	if (r == 0)
		r = loop_on_signal(a->loop, SIGINT, on_terminate, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGHUP, on_reload, a);
	return r;
}

/* The socket first: a second connd must learn that before it asks a manager for anything. */
static int
start(struct app *a, char why[static SETTINGS_WHY_SIZE])
{
	struct listener_options o;
	int r = settings_load(&a->settings, a->config_path, why);

	if (r < 0)
		return r;
	log_setup(a->settings->config->log.format, a->settings->config->log.level);
	settings_log_oddities(a->settings);
	o = (struct listener_options){
		.path = a->settings->config->socket.path,
		.group = a->settings->config->socket.group,
		.mode = a->settings->config->socket.mode,
	};
	r = loop_new(&a->loop);
	if (r == 0)
		r = start_signals(a);
	if (r == 0)
		r = alarm_new(&a->alarm, a->loop, on_alarm, a);
	(void)snprintf(why, SETTINGS_WHY_SIZE, "%s", r < 0 ? strerror(-r) : "");
	if (r == 0)
		r = listener_new(&a->listener, a->loop, &o, why);
	if (r < 0)
		return r;
	r = start_replica(a);
	if (r == 0)
		r = start_serving(a);
	if (r == 0)
		r = start_timers(a);
	(void)snprintf(why, SETTINGS_WHY_SIZE, "%s", r < 0 ? strerror(-r) : "");
	return r;
}

static void
stop(struct app *a)
{
	a->stopping = true;
	a->watch = watch_free(a->watch);
	a->sync = sync_free(a->sync);
	a->upstream = upstream_free(a->upstream);
	a->peers = peers_free(a->peers);
	a->listener = listener_free(a->listener);
	a->replica = replica_free(a->replica);
	if (a->ready_timer)
		event_free(a->ready_timer);
	if (a->watchdog)
		event_free(a->watchdog);
	if (a->drain_timer)
		event_free(a->drain_timer);
	if (a->loop)
		loop_forget(a->loop, &a->turn);
	a->alarm = alarm_free(a->alarm);
	a->loop = loop_free(a->loop);
	a->settings = settings_free(a->settings);
}

int
app_run(const char *config_path)
{
	struct app a = { .config_path = config_path, .turn.run = on_turn };
	char why[SETTINGS_WHY_SIZE] = "";
	int r;

	log_setup(LOG_FORMAT_AUTO, LOG_INFO);
	notify_init();
	r = start(&a, why);
	if (r < 0) {
		log_error("connd cannot start", LOG_STR("reason", why));
		notify_status(why);
		stop(&a);
		return 1;
	}
	log_info("connd serves", LOG_STR("version", CONND_VERSION),
	    LOG_STR("socket",
		listener_was_passed(a.listener) ? "passed" : a.settings->config->socket.path),
	    LOG_STR("manager", a.settings->config->manager.url.item[0]));
	take_turn(&a);
	r = loop_run(a.loop);
	if (r < 0)
		log_error("the event loop gave up", LOG_STR("reason", strerror(-r)));
	stop(&a);
	log_info("stopped");
	return r < 0 ? 1 : 0;
}

int
app_check(const char *config_path)
{
	char why[SETTINGS_WHY_SIZE];
	struct settings *s;

	log_setup(LOG_FORMAT_KV, LOG_INFO);
	if (settings_load(&s, config_path, why) < 0) {
		(void)fprintf(stderr, "connd: %s\n", why);
		return 1;
	}
	settings_log_oddities(s);
	settings_free(s);
	(void)puts("OK");
	return 0;
}
