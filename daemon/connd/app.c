/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/app_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/process/harden.h"
#include "edge/process/notify.h"

#define DISK_MS     800 /* the snapshot's disk may take that much longer */
#define TURNS_FIRST 2   /* one accepts, one reads and answers */
#define SPARE_FILES 64  /* descriptors that are no connections */

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
	};
	uint64_t files = harden_max_files();

	if (files > SPARE_FILES && l.max_connections > files - SPARE_FILES) {
		log_warn("fewer connections than [socket] max_connections: the limit of open files",
		    LOG_INT("wanted", l.max_connections), LOG_INT("open_files", (int64_t)files));
		l.max_connections = (uint32_t)(files - SPARE_FILES);
	}
	return l;
}

struct sync_source
app_source(const struct settings *s, struct upstream *u)
{
	return (
	    struct sync_source){ .config = s->config, .token_path = s->token_path, .upstream = u };
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

static void
say_not_started(const char *why)
{
	log_error("connd cannot start", LOG_STR("reason", why));
	notify_status(why);
}

/* --- libcurl comes -------------------------------------------------------------------------------- */

/*
 * Questions that waited in the socket's queue come first: loading maps libraries, and this thread would
 * wait for the kernel at every page it touches meanwhile.
 */
static void
on_idle(struct later *job)
{
	struct app *a = (struct app *)((char *)job - offsetof(struct app, idle));

	if (++a->turns < TURNS_FIRST)
		loop_after_turn(a->loop, job);
	else
		worker_do(a->worker, &a->loading);
}

static void
load(struct work *w)
{
	struct app *a = (struct app *)((char *)w - offsetof(struct app, loading));

	a->load_error = libcurl_load(a->load_why);
}

/* Without it there is no sync, ever; we are not ready yet, so a start has failed. */
static void
on_loaded(struct work *w)
{
	struct app *a = (struct app *)((char *)w - offsetof(struct app, loading));

	if (a->load_error < 0) {
		say_not_started(a->load_why);
		a->failure = a->load_error;
		loop_stop(a->loop);
		return;
	}
	a->loaded = true;
	ready_begin(a->ready);
	if (a->sync_wanted)
		app_start_sync(a);
	app_turn(a);
}

/* --- birth and end ----------------------------------------------------------------------------------- */

static void
on_accepted(void *env, int fd)
{
	struct app *a = env;

	peers_accept(a->peers, fd);
}

static int
start_replica(struct app *a, char why[static SETTINGS_WHY_SIZE])
{
	struct replica_config rc = app_replica_config(a->settings->config);
	int r;

	r = replica_new(&a->replica, &rc, &app_replica_ops, a, (uint64_t)clock_wall_ms());
	if (r == 0)
		r = snapshot_new(&a->snapshot, a->loop, a->replica, a->settings->config, why);
	if (r < 0)
		return r;
	snapshot_load(a->snapshot);
	return 0;
}

static int
start_serving(struct app *a, char why[static SETTINGS_WHY_SIZE])
{
	struct peers_limits limits = app_peers_limits(a->settings->config);
	int r;

	a->service = (struct service){
		.replica = a->replica,
		.wait_began = app_wake,
		.report = app_report,
		.env = a,
	};
	app_serve_by(a, a->settings);
	r = peers_new(&a->peers, a->loop, &a->service, &limits);
	if (r < 0)
		return r;
	a->drain_timer = evtimer_new(loop_base(a->loop), app_on_drain_over, a);
	if (!a->drain_timer)
		return -ENOMEM;
	r = ready_new(&a->ready, a->loop, a->replica, a->settings->config);
	a->service.ready = a->ready;
	if (r == 0)
		r = metrics_new(&a->metrics, a->loop, &a->service);
	if (r == 0)
		r = metrics_listen(a->metrics, &a->settings->config->metrics.listen, why);
	if (r < 0)
		return r;
	return listener_start(a->listener, on_accepted, a);
}

/* What asks the manager; no lookup waits for it, nor for the library that it needs. */
static int
start_asking(struct app *a)
{
	struct sync_source source;
	int r = upstream_new(&a->upstream, a->loop, a->settings->config);

	if (r < 0)
		return r;
	source = app_source(a->settings, a->upstream);
	r = worker_new(&a->worker, a->loop);
	if (r == 0)
		r = sync_new(&a->sync, a->loop, a->worker, &source, app_on_sync_done, a);
	if (r == 0)
		r = watch_new(&a->watch, a->loop, &source, app_on_changed, a);
	if (r == 0)
		r = probing_new(&a->probing, a->loop, a->worker, &source, app_on_probe_done, a);
	if (r == 0)
		loop_after_turn(a->loop, &a->idle);
	return r;
}

/*
 * The socket first: a second connd must learn that before it asks a manager for anything. Then what is
 * needed to answer, then the rest.
 */
static int
start(struct app *a, char why[static SETTINGS_WHY_SIZE])
{
	struct listener_options o;
	int r = settings_load(&a->settings, a->config_path, why);

	if (r < 0)
		return r;
	log_setup(a->settings->config->log.format, a->settings->config->log.level);
	settings_log_oddities(a->settings);
	if (a->settings->config->memory.lock == ARENA_LOCK_REQUIRE && !harden_can_lock()) {
		(void)snprintf(why, SETTINGS_WHY_SIZE,
		    "memory cannot be locked, and [memory] lock = require: raise LimitMEMLOCK");
		return -EPERM;
	}
	o = (struct listener_options){
		.path = a->settings->config->socket.path,
		.group = a->settings->config->socket.group,
		.mode = a->settings->config->socket.mode,
	};
	r = loop_new(&a->loop);
	if (r == 0)
		r = app_hear_signals(a);
	if (r == 0)
		r = alarm_new(&a->alarm, a->loop, app_on_alarm, a);
	(void)snprintf(why, SETTINGS_WHY_SIZE, "%s", r < 0 ? strerror(-r) : "");
	if (r == 0)
		r = listener_new(&a->listener, a->loop, &o, why);
	if (r < 0)
		return r;
	r = start_replica(a, why);
	if (r == 0)
		r = start_serving(a, why);
	if (r == 0)
		r = start_asking(a);
	if (r < 0 && !*why)
		(void)snprintf(why, SETTINGS_WHY_SIZE, "%s", strerror(-r));
	return r;
}

static void
stop(struct app *a)
{
	a->stopping = true;
	a->check = reexec_check_free(a->check);
	a->probing = probing_free(a->probing);
	a->watch = watch_free(a->watch);
	a->sync = sync_free(a->sync);
	a->worker = worker_free(a->worker);
	a->upstream = upstream_free(a->upstream);
	a->peers = peers_free(a->peers);
	a->listener = listener_free(a->listener);
	a->metrics = metrics_free(a->metrics);
	a->ready = ready_free(a->ready);
	a->snapshot = snapshot_free(a->snapshot, DISK_MS);
	a->replica = replica_free(a->replica);
	if (a->drain_timer)
		event_free(a->drain_timer);
	if (a->loop) {
		loop_forget(a->loop, &a->turn);
		loop_forget(a->loop, &a->idle);
	}
	a->alarm = alarm_free(a->alarm);
	a->loop = loop_free(a->loop);
	a->settings = settings_free(a->settings);
}

int
app_run(const char *config_path)
{
	struct app a = {
		.config_path = config_path,
		.turn.run = app_on_turn,
		.idle.run = on_idle,
		.loading = { .run = load, .done = on_loaded },
	};
	char why[SETTINGS_WHY_SIZE] = "";
	const char *name = NULL;
	int r, fd = -1;

	log_setup(LOG_FORMAT_AUTO, LOG_INFO);
	notify_init();
	r = start(&a, why);
	if (r < 0) {
		say_not_started(why);
		stop(&a);
		return 1;
	}
	log_info("connd serves", LOG_STR("version", CONND_VERSION),
	    LOG_STR("socket",
		listener_was_passed(a.listener) ? "passed" : a.settings->config->socket.path),
	    LOG_STR("manager", a.settings->config->manager.url.item[0]));
	loop_after_turn(a.loop, &a.turn);
	r = loop_run(a.loop);
	if (r < 0)
		log_error("the event loop gave up", LOG_STR("reason", strerror(-r)));
	else
		r = a.failure;
	if (r == 0 && a.upgrading)
		fd = listener_give(a.listener, &name);
	stop(&a);
	if (fd >= 0)
		return app_become_newer(&a, fd, name);
	log_info("stopped");
	return r < 0 ? 1 : 0;
}

static void
say_answer(void *env, const char *line)
{
	(void)env;
	(void)fprintf(stderr, "connd: %s\n", line);
}

/* 0 or 1. */
static int
check_manager(const struct settings *s)
{
	return trial_run(s->config, s->token_path, say_answer, NULL) < 0 ? 1 : 0;
}

int
app_check(const char *config_path, bool online)
{
	char why[SETTINGS_WHY_SIZE], library_why[LIBCURL_WHY_SIZE];
	struct settings *s;
	int code = 0;

	log_setup(LOG_FORMAT_KV, LOG_INFO);
	if (settings_load(&s, config_path, why) < 0) {
		(void)fprintf(stderr, "connd: %s\n", why);
		return 1;
	}
	settings_log_oddities(s);
	if (libcurl_load(library_why) < 0) {
		(void)fprintf(stderr, "connd: %s\n", library_why);
		code = 1;
	}
	if (code == 0 && online)
		code = check_manager(s);
	settings_free(s);
	if (code == 0)
		(void)puts("OK");
	return code;
}
