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
#include "edge/libcurl.h"
#include "edge/listener.h"
#include "edge/loop.h"
#include "edge/metrics.h"
#include "edge/notify.h"
#include "edge/peer.h"
#include "edge/probing.h"
#include "edge/ready.h"
#include "edge/reexec.h"
#include "edge/serve.h"
#include "edge/settings.h"
#include "edge/snapshot.h"
#include "edge/sync.h"
#include "edge/upstream.h"
#include "edge/watch.h"
#include "edge/worker.h"

#define DRAIN_S      4               /* then what is left is closed: systemd and people wait */
#define DISK_MS      800             /* the snapshot's disk may take that much longer */
#define TURNS_FIRST  2               /* one accepts, one reads and answers */
#define SPARE_FILES  64              /* descriptors that are no connections */
#define SAY_AGAIN_MS (5 * 60 * 1000) /* the same failure is logged that often */

struct app {
	const char *config_path;
	struct settings *settings;
	struct loop *loop;
	struct replica *replica;
	struct service service;
	struct upstream *upstream;
	struct worker *worker;
	struct sync *sync;
	struct watch *watch;
	struct probing *probing;
	struct snapshot *snapshot; /* NULL: there is none */
	struct listener *listener;
	struct peers *peers;
	struct alarm *alarm; /* when the replica wants its next turn */
	struct later turn;   /* its turn comes at the end of this one */
	struct ready *ready;
	struct metrics *metrics;
	struct event *drain_timer;
	struct later idle;   /* begins the loading */
	int turns;           /* of the loop before that */
	struct work loading; /* of libcurl */
	int load_error;
	char load_why[LIBCURL_WHY_SIZE];
	bool loaded;
	bool sync_wanted; /* as soon as it is */
	bool stopping;
	bool upgrading;             /* stopping, to become a newer program */
	struct reexec_check *check; /* is that one content with the configuration? */
	bool lock_warned;
	bool follow;               /* a good sync: its manager may be watched */
	bool noted;                /* the sync that ended just now had its line */
	uint64_t failures, unsaid; /* in a row; of them without a line */
	int64_t said_ms;
};

/* --- the replica's turns ----------------------------------------------------------------- */

static void
take_turn(struct app *a)
{
	alarm_set(a->alarm, replica_turn(a->replica, clock_boot_ms()));
	if (a->follow)
		watch_follow(a->watch, sync_watchable_url(a->sync));
	a->follow = false;
	ready_check(a->ready);
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

/* However many questions want it in one turn: they share one. */
static void
wake(void *env)
{
	struct app *a = env;

	loop_after_turn(a->loop, &a->turn);
}

/* --- what the replica needs of the world --------------------------------------------------- */

static void
start_sync(void *env)
{
	struct app *a = env;
	struct sync_basis basis;

	a->sync_wanted = !a->loaded;
	if (!a->loaded)
		return;
	replica_basis(a->replica, clock_boot_ms(), &basis);
	sync_start(a->sync, &basis);
}

static void
start_probe(void *env, enum record_kind kind, struct span key)
{
	struct app *a = env;

	probing_start(a->probing, sync_url(a->sync), kind, key);
}

/* What the manager says to any call of ours goes for all of them. */
static void
leave_alone(struct app *a, int64_t retry_after_ms)
{
	replica_left_alone(a->replica, clock_boot_ms(), retry_after_ms);
	snapshot_stamp(a->snapshot);
}

static void
on_probe_done(void *env, bool found, int64_t retry_after_ms)
{
	struct app *a = env;

	leave_alone(a, retry_after_ms);
	replica_probe_done(a->replica, clock_boot_ms(), found);
	loop_after_turn(a->loop, &a->turn);
}

static void
on_published(void *env)
{
	struct app *a = env;
	struct replica_status st;

	snapshot_changed(a->snapshot, sync_url(a->sync));
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
	snapshot_stamp(a->snapshot);
	loop_after_turn(a->loop, &a->turn);
	a->follow = a->follow || taken;
	return taken;
}

/* The manager held a call until something changed, or refused to go on. */
static void
on_changed(void *env, int64_t retry_after_ms)
{
	struct app *a = env;

	leave_alone(a, retry_after_ms);
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
		.probe_ms = c->misses.probe_ms,
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

/* No more clients; what was begun is finished. */
static void
begin_to_stop(struct app *a)
{
	static const struct timeval longest = { .tv_sec = DRAIN_S };

	a->stopping = true;
	ready_stop(a->ready);
	log_info("stopping", LOG_INT("connections", peers_count(a->peers)));
	listener_stop(a->listener);
	snapshot_close(a->snapshot); /* the disk works while connections end */
	if (evtimer_add(a->drain_timer, &longest) < 0) {
		loop_stop(a->loop);
		return;
	}
	/* With a passed socket another connd may come, and answer whoever asks again. */
	if (!a->upgrading && !listener_was_passed(a->listener))
		replica_close(a->replica);
	peers_drain(a->peers, on_drained, a);
}

static void
on_terminate(void *arg)
{
	struct app *a = arg;

	if (a->stopping && !a->upgrading) {
		loop_stop(a->loop); /* asked twice: at once */
		return;
	}
	notify_stopping();
	notify_status("stopping");
	a->upgrading = false;
	if (!a->stopping)
		begin_to_stop(a);
}

/* --- becoming a newer program ---------------------------------------------------------------- */

/* It would have to be able to answer: from the snapshot, or the manager that just answered us. */
static bool
may_upgrade(struct app *a)
{
	struct replica_status st;

	replica_status(a->replica, clock_boot_ms(), &st);
	if (!*st.last_error || snapshot_is_current(a->snapshot))
		return true;
	log_warn("upgrade refused: the last sync failed, and no snapshot holds what is served",
	    LOG_STR("reason", st.last_error));
	return false;
}

static void
on_program_checked(void *env, const char *why)
{
	struct app *a = env;

	if (a->stopping)
		return;
	if (why) {
		log_error("upgrade refused: the new program does not accept the configuration",
		    LOG_STR("reason", why));
		return;
	}
	log_info("upgrading");
	notify_reloading();
	a->upgrading = true;
	begin_to_stop(a);
}

static void
on_upgrade(void *arg)
{
	struct app *a = arg;
	int r;

	if (a->stopping || !may_upgrade(a))
		return;
	a->check = reexec_check_free(a->check);
	r = reexec_check_new(&a->check, a->loop, a->config_path, on_program_checked, a);
	if (r < 0)
		log_error("upgrade refused: the new program cannot be started",
		    LOG_STR("reason", strerror(-r)));
}

/* Everything is gone but the socket. Returns only when it failed. */
static int
become_newer(const struct app *a, int fd, const char *name)
{
	int r;

	notify_export();
	r = reexec_now(fd, name, a->config_path);
	log_error("cannot become the new program", LOG_STR("reason", strerror(-r)));
	return 1;
}

/* --- reload ---------------------------------------------------------------------------------- */

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
apply(struct app *a, struct settings *s, char why[static SETTINGS_WHY_SIZE])
{
	struct replica_config rc = replica_config_of(s->config);
	struct peers_limits limits = peers_limits_of(s->config);
	struct upstream *u = NULL, *old_upstream = a->upstream;
	struct settings *old = a->settings;
	struct sync_source source;
	int r = new_upstream(&u, a->loop, s->config);

	(void)snprintf(why, SETTINGS_WHY_SIZE, "%s", r < 0 ? strerror(-r) : "");
	if (r == 0 && a->snapshot)
		r = snapshot_use(a->snapshot, s->config, why);
	if (r == 0)
		r = metrics_listen(a->metrics, &s->config->metrics.listen, why);
	if (r < 0) {
		upstream_free(u);
		return r;
	}
	source = source_of(s, u);
	a->settings = s;
	a->upstream = u;
	serve_by(&a->service, s);
	log_setup(s->config->log.format, s->config->log.level);
	settings_log_oddities(s);
	peers_limit(a->peers, &limits);
	replica_configure(a->replica, &rc);
	watch_use(a->watch, &source);
	probing_use(a->probing, &source);
	sync_use(a->sync, &source);
	upstream_retire(old_upstream);
	ready_use(a->ready, s->config);
	settings_free(old);
	return 0;
}

static const char *
fixed_difference(const struct config *old, const struct config *new)
{
	const char *a = old->snapshot.path, *b = new->snapshot.path;

	if ((a || b) && (!a || !b || strcmp(a, b) != 0))
		return "[snapshot] path";
	return config_fixed_difference(old, new);
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
		fixed = fixed_difference(a->settings->config, s->config);
		if (fixed) {
			(void)snprintf(
			    why, sizeof why, "%s cannot change without a restart", fixed);
			r = -EINVAL;
		} else {
			r = apply(a, s, why);
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
	if (ready_is(a->ready))
		notify_ready();
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
		loop_stop(a->loop);
		return;
	}
	a->loaded = true;
	ready_begin(a->ready);
	if (a->sync_wanted)
		start_sync(a);
	take_turn(a);
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
	static const struct replica_ops ops = {
		.start_sync = start_sync,
		.start_probe = start_probe,
		.wake = wake,
		.published = on_published,
		.note = on_note,
		.jitter = jitter,
	};
	struct replica_config rc = replica_config_of(a->settings->config);
	int r;

	r = replica_new(&a->replica, &rc, &ops, a, (uint64_t)clock_wall_ms());
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
	struct peers_limits limits = peers_limits_of(a->settings->config);
	int r;

	a->service = (struct service){
		.replica = a->replica,
		.wait_began = wake,
		.env = a,
	};
	serve_by(&a->service, a->settings);
	r = peers_new(&a->peers, a->loop, &a->service, &limits);
	if (r < 0)
		return r;
	a->drain_timer = evtimer_new(loop_base(a->loop), on_drain_over, a);
	if (!a->drain_timer)
		return -ENOMEM;
	r = ready_new(&a->ready, a->loop, a->replica, a->settings->config);
	a->service.ready = a->ready;
	if (r == 0)
		r = metrics_new(&a->metrics, loop_base(a->loop), a->replica, a->ready);
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
	int r = new_upstream(&a->upstream, a->loop, a->settings->config);

	if (r < 0)
		return r;
	source = source_of(a->settings, a->upstream);
	r = worker_new(&a->worker, a->loop);
	if (r == 0)
		r = sync_new(&a->sync, a->loop, a->worker, &source, on_sync_done, a);
	if (r == 0)
		r = watch_new(&a->watch, a->loop, &source, on_changed, a);
	if (r == 0)
		r = probing_new(&a->probing, a->loop, &source, on_probe_done, a);
	if (r == 0)
		loop_after_turn(a->loop, &a->idle);
	return r;
}

static int
start_signals(struct app *a)
{
	int r = loop_on_signal(a->loop, SIGTERM, on_terminate, a);

	if (r == 0)
		r = loop_on_signal(a->loop, SIGINT, on_terminate, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGHUP, on_reload, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGUSR2, on_upgrade, a);
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
		r = start_signals(a);
	if (r == 0)
		r = alarm_new(&a->alarm, a->loop, on_alarm, a);
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
		.turn.run = on_turn,
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
		r = a.load_error;
	if (r == 0 && a.upgrading)
		fd = listener_give(a.listener, &name);
	stop(&a);
	if (fd >= 0)
		return become_newer(&a, fd, name);
	log_info("stopped");
	return r < 0 ? 1 : 0;
}

int
app_check(const char *config_path)
{
	char why[SETTINGS_WHY_SIZE], library_why[LIBCURL_WHY_SIZE];
	struct settings *s;

	log_setup(LOG_FORMAT_KV, LOG_INFO);
	if (settings_load(&s, config_path, why) < 0) {
		(void)fprintf(stderr, "connd: %s\n", why);
		return 1;
	}
	settings_log_oddities(s);
	settings_free(s);
	if (libcurl_load(library_why) < 0) {
		(void)fprintf(stderr, "connd: %s\n", library_why);
		return 1;
	}
	(void)puts("OK");
	return 0;
}
