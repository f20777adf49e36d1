/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/app_internal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "edge/process/harden.h"
#include "edge/process/httpd.h"
#include "edge/process/notify.h"

#define DISK_MS     800 /* added for the snapshot's disk */
#define TURNS_FIRST 2   /* one for accepting, one for reading and responding */
/* Descriptors reserved for other uses than connections; at most half of all. */
#define SPARE_FILES (64 + HTTPD_CONNECTIONS)

/* --- from the configuration to the parts ------------------------------------------------------ */

struct replica_config
app_replica_config(const struct config *c)
{
	return (struct replica_config){
		.windows = c->freshness.windows,
		.refresh_ms = c->manager.refresh_ms,
		.timeout_ms = c->manager.timeout_ms,
		.cold_wait_ms = c->freshness.cold_wait_ms,
		.deletion_guard_percent = c->freshness.deletion_guard_percent,
		.probe_ms = c->misses.probe_ms,
		.lock = c->memory.lock,
		.max_bytes = c->memory.max_bytes,
	};
}

struct peers_limits
app_peers_limits(const struct config *c)
{
	struct peers_limits l = {
		.max_frame = c->socket.max_frame,
		.max_connections = c->socket.max_connections,
		.max_connections_per_uid = c->socket.max_connections_per_uid,
		.max_buffered = LIMIT_BUFFERED,
	};
	uint64_t files = harden_max_files();
	uint64_t spare = files / 2 < SPARE_FILES ? files / 2 : SPARE_FILES;

	if (l.max_connections > files - spare) {
		log_warn("fewer connections than [socket] max_connections: the limit of open files",
		    LOG_INT("wanted", l.max_connections), LOG_INT("open_files", (int64_t)files));
		l.max_connections = (uint32_t)(files - spare);
	}
	return l;
}

static struct sync_source
source_of(struct app *a, const struct settings *s, struct upstream *u)
{
	struct sync_source source = {
		.config = s->config, .token_path = s->token_path, .upstream = u
	};

	if (s->config->manager.report)
		source.report = (struct fetch_report){ app_write_report, a };
	return source;
}

void
app_use_source(struct app *a, const struct settings *s, struct upstream *u)
{
	struct sync_source source = source_of(a, s, u);

	watch_use(a->watch, &source);
	probing_use(a->probing, &source);
	names_use(a->names, &source);
	sync_use(a->sync, &source);
}

void
app_serve_by(struct app *a, const struct settings *s)
{
	struct service *service = &a->service;

	service->acl = s->acl;
	service->hide_teams = s->config->access.teams;
	service->organization = s->config->manager.organization;
	service->deployment = s->config->manager.deployment;
	service->workspace = s->config->manager.workspace;
}

int
app_check_lock(const struct config *c, struct why *why)
{
	if (c->memory.lock != ARENA_LOCK_REQUIRE || harden_can_lock(0))
		return 0;
	why_set(why, "memory cannot be locked, and [memory] lock = require: raise LimitMEMLOCK");
	return -EPERM;
}

int
app_check_room(const struct app *a, const struct config *c, struct why *why)
{
	struct replica_status st;

	replica_status(a->replica, clock_boot_ms(), &st);
	if (st.bytes <= c->memory.max_bytes)
		return 0;
	why_set(why,
	    "[memory] max_bytes = %zu is less than the data that is served now: expected at least "
	    "%zu",
	    c->memory.max_bytes, st.bytes);
	return -ENOSPC;
}

/* --- beginning ------------------------------------------------------------------------------ */

void
app_enter(struct app *a, enum app_state state)
{
	static const char *const name[] = { "starting", "serving", "upgrading", "lingering",
		"stopping" };

	log_debug("state", LOG_STR("from", name[a->state]), LOG_STR("to", name[state]));
	a->state = state;
}

static void
say_not_started(const char *why)
{
	log_error("connd cannot start", LOG_STR("reason", why));
	notify_status(why);
}

/*
 * Requests that waited in the socket's queue come first: loading maps libraries, and this thread
 * would wait for the kernel at every page it touches meanwhile.
 */
static void
on_idle(struct later *job)
{
	struct app *a = CONTAINER_OF(job, struct app, idle);

	if (++a->turns < TURNS_FIRST)
		loop_after_turn(a->loop, job);
	else
		library_load(&a->library);
}

static void
on_accepted(void *env, int fd)
{
	struct app *a = env;

	peers_accept(a->peers, fd);
}

/* connd is not ready while new clients cannot connect. */
static void
on_socket_trouble(void *env, const char *sentence)
{
	struct app *a = env;

	ready_hinder(a->ready, sentence);
}

/*
 * If the snapshot's key cannot be read, connd runs without a snapshot, and leaves the files of an
 * earlier one as they are.
 */
static int
start_replica(struct app *a)
{
	struct replica_config rc = app_replica_config(a->settings->config);
	struct why *why = &a->snapshot_why;
	int r;

	r = replica_new(&a->replica, &rc, &app_replica_ops, a, (uint64_t)clock_wall_ms());
	if (r < 0)
		return r;
	r = snapshot_new(&a->snapshot, a->loop, a->replica, a->settings->config, why);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		log_warn("no snapshot is read or written", LOG_STR("reason", why->text));
	snapshot_load(a->snapshot);
	return 0;
}

/* A name of [access] can be resolved now. */
static void
on_name_found(void *env)
{
	struct app *a = env;

	if (settings_bind_again(a->settings) < 0)
		return; /* the old rules stay in force; the next lookup tries again */
	app_serve_by(a, a->settings);
	log_info(
	    "[access] rules bound again", LOG_STR("still_unknown", buf_str(&a->settings->names)));
	access_lookup_await(a->access, buf_str(&a->settings->names));
}

static int
start_serving(struct app *a, struct why *why)
{
	static const struct listener_calls calls = { .accepted = on_accepted,
		.trouble = on_socket_trouble };
	struct peers_limits limits = app_peers_limits(a->settings->config);
	int r;

	a->service = (struct service){
		.replica = a->replica,
		.wait_began = app_wake,
		.report = app_report,
		.refresh = app_refresh,
		.release = app_release,
		.env = a,
	};
	app_serve_by(a, a->settings);
	r = peers_new(&a->peers, a->loop, &a->service, &limits);
	if (r < 0)
		return r;
	a->drain_timer = evtimer_new(loop_base(a->loop), app_on_drain_over, a);
	a->linger.timer = event_new(loop_base(a->loop), -1, EV_PERSIST, app_on_linger, a);
	if (!a->drain_timer || !a->linger.timer)
		return -ENOMEM;
	r = ready_new(&a->ready, a->loop, a->replica, a->settings->config);
	a->service.ready = a->ready;
	if (r == 0)
		r = metrics_new(&a->metrics, a->loop, &a->service, a->peers);
	if (r == 0)
		r = metrics_listen(a->metrics, &a->settings->config->metrics.listen, why);
	if (r == 0)
		r = access_lookup_new(&a->access, a->loop, a->background, on_name_found, a);
	if (r < 0)
		return r;
	access_lookup_await(a->access, buf_str(&a->settings->names));
	return listener_start(a->listener, &calls, a);
}

/* Makes the parts that send requests to the manager. They need libcurl, which is loaded later. */
static int
start_asking(struct app *a)
{
	struct sync_source source;
	int r = upstream_new(&a->upstream, a->loop, a->settings->config);

	source = source_of(a, a->settings, a->upstream);
	if (r == 0)
		r = worker_new(&a->worker, a->loop);
	if (r == 0)
		r = sync_new(&a->sync, a->loop, a->worker, &source, app_on_sync_done, a);
	if (r == 0)
		r = watch_new(&a->watch, a->loop, &source, app_on_changed, a);
	if (r == 0)
		r = probing_new(&a->probing, a->loop, a->worker, &source, app_on_probe_done, a);
	if (r == 0)
		r = names_new(&a->names, &source);
	if (r < 0)
		return r;
	library_init(&a->library, a->worker, app_on_library, a);
	loop_after_turn(a->loop, &a->idle);
	return 0;
}

/*
 * The socket comes first, so that a second connd ends before it sends a request. Then the parts
 * that serve lookups, then those that sync.
 */
static int
start(struct app *a, struct passed *passed, struct why *why)
{
	int r = settings_load(&a->settings, a->config_path, why);

	if (r < 0)
		return r;
	log_setup(a->settings->config->log.format, a->settings->config->log.level);
	settings_log(a->settings);
	r = app_check_lock(a->settings->config, why);
	if (r < 0)
		return r;
	r = loop_new(&a->loop);
	if (r == 0)
		r = app_hear_signals(a);
	if (r == 0)
		r = alarm_new(&a->alarm, a->loop, app_on_alarm, a);
	if (r == 0)
		r = background_new(&a->background);
	why_set(why, "%s", r < 0 ? strerror(-r) : "");
	if (r == 0)
		r = listener_new(&a->listener, a->loop, a->settings->config, passed, why);
	if (r < 0)
		return r;
	*why->text = '\0';
	r = start_replica(a);
	if (r == 0)
		r = start_serving(a, why);
	if (r == 0)
		r = start_asking(a);
	if (r < 0 && !*why->text)
		why_set(why, "%s", strerror(-r));
	return r;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void
stop(struct app *a)
{
	a->reload = loading_free(a->reload);
	a->upgrade = loading_free(a->upgrade);
	a->check = reexec_check_free(a->check);
	a->names = names_free(a->names);
	a->probing = probing_free(a->probing);
	a->watch = watch_free(a->watch);
	a->sync = sync_free(a->sync);
	a->worker = worker_free(a->worker);
	a->upstream = upstream_free(a->upstream);
	a->peers = peers_free(a->peers);
	a->access = access_lookup_free(a->access);
	a->background = background_free(a->background);
	a->listener = listener_free(a->listener);
	a->metrics = metrics_free(a->metrics);
	a->ready = ready_free(a->ready);
	a->snapshot = snapshot_free(a->snapshot, DISK_MS);
	a->replica = replica_free(a->replica);
	if (a->drain_timer)
		event_free(a->drain_timer);
	if (a->linger.timer)
		event_free(a->linger.timer);
	if (a->loop) {
		loop_forget(a->loop, &a->turn);
		loop_forget(a->loop, &a->idle);
		loop_forget(a->loop, &a->follow);
		loop_forget(a->loop, &a->refusal);
	}
	a->alarm = alarm_free(a->alarm);
	a->loop = loop_free(a->loop);
	a->settings = settings_free(a->settings);
}

/* --- one life, and the next ------------------------------------------------------------------- */

enum life {
	LIFE_ENDED, /* by a signal */
	LIFE_FAILED,
	LIFE_AGAIN, /* after SIGUSR2: *passed holds the descriptors for the new program */
	LIFE_SHORT, /* out of memory at a start after SIGUSR2: *passed is for the next attempt */
};

/*
 * A start after SIGUSR2 that runs out of memory is tried again: exiting would end a running
 * service.
 */
static enum life
not_started(struct app *a, int error, const char *why, struct passed *passed)
{
	bool again = error == -ENOMEM && passed->resumed;

	if (again && a->listener)
		*passed = listener_give(a->listener);
	say_not_started(why);
	stop(a);
	return again ? LIFE_SHORT : LIFE_FAILED;
}

static enum life
live(const char *config_path, struct passed *passed)
{
	struct app a = {
		.config_path = config_path,
		.turn.run = app_on_turn,
		.idle.run = on_idle,
		.follow.run = app_on_follow,
		.refusal.run = app_on_refusal,
	};
	struct why why = { "" };
	enum life life = LIFE_ENDED;
	int r = start(&a, passed, &why);

	if (r < 0)
		return not_started(&a, r, why.text, passed);
	log_info("connd serves", LOG_STR("version", CONND_VERSION),
	    LOG_STR(
		"socket", listener_was_passed(a.listener) ? "passed" : listener_path(a.listener)),
	    LOG_STR("manager", a.settings->config->manager.url.item[0]));
	app_enter(&a, APP_SERVING);
	loop_after_turn(a.loop, &a.turn);
	r = loop_run(a.loop);
	if (r < 0) {
		log_error("the event loop gave up", LOG_STR("reason", strerror(-r)));
		life = LIFE_FAILED;
	} else if (a.state == APP_UPGRADING) {
		*passed = listener_give(a.listener);
		life = LIFE_AGAIN;
	}
	stop(&a);
	return life;
}

/* Waits before the next attempt. True if a signal to end came first. */
static bool
told_to_end(void)
{
	static const struct timespec pause = { .tv_sec = 1 };
	sigset_t ending;

	(void)sigemptyset(&ending);
	(void)sigaddset(&ending, SIGTERM);
	(void)sigaddset(&ending, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ending, NULL);
	return sigtimedwait(&ending, NULL, &pause) > 0;
}

static int
live_on(const char *config_path, struct passed *passed)
{
	enum life life;

	for (;;) {
		life = live(config_path, passed);
		if (life == LIFE_AGAIN)
			app_become_newer(
			    config_path, passed); /* failed: the old program continues */
		else if (life != LIFE_SHORT || told_to_end())
			break;
	}
	passed_close(passed);
	if (life != LIFE_FAILED)
		log_info("stopped");
	return life == LIFE_FAILED ? 1 : 0;
}

int
app_run(const char *config_path)
{
	struct why why;
	struct passed passed;

	settings_set_up_log(config_path);
	notify_init();
	if (passed_take(&passed, &why) == 0)
		return live_on(config_path, &passed);
	say_not_started(why.text);
	return 1;
}
