/* SPDX-License-Identifier: Apache-2.0 */
/* Included only by app*.c. */
#pragma once

#include "base/why.h"
#include "connd/app.h"

#include <event2/util.h>

#include "connd/access.h"
#include "connd/library.h"
#include "connd/loading.h"
#include "connd/metrics.h"
#include "connd/settings.h"
#include "core/replica.h"
#include "edge/disk/snapshot.h"
#include "edge/process/loop.h"
#include "edge/process/ready.h"
#include "edge/process/reexec.h"
#include "edge/process/report.h"
#include "edge/process/worker.h"
#include "edge/socket/listener.h"
#include "edge/socket/peer.h"
#include "edge/socket/serve.h"
#include "edge/upstream/fetch.h"
#include "edge/upstream/names.h"
#include "edge/upstream/probe.h"
#include "edge/upstream/sync.h"
#include "edge/upstream/trial.h"
#include "edge/upstream/watch.h"

/* A process passes through these in order. */
enum app_state {
	APP_STARTING,  /* the parts are made */
	APP_SERVING,   /* the loop turns */
	APP_UPGRADING, /* requests in progress end, then this process executes a newer program */
	APP_LINGERING, /* serves until the clients are gone: [socket] linger */
	APP_STOPPING,  /* requests in progress are finished, then it exits */
};

/* A generation whose last reference the worker is to drop. */
struct released {
	struct work work;
	struct generation *generation;
};
#define APP_RELEASED 4 /* more than lists may keep alive: MAX_BESIDE in edge/socket/streams.c */

struct app {
	const char *config_path;
	enum app_state state; /* set by app_enter() alone */
	struct settings *settings;
	struct loop *loop;
	struct replica *replica;
	struct service service;
	struct upstream *upstream;
	struct worker *worker;
	struct background *background; /* for what may hang */
	struct library library;
	struct released released[APP_RELEASED];
	struct sync *sync;
	struct watch *watch;
	struct probing *probing;
	struct names *names;
	struct snapshot *snapshot; /* NULL: there is none */
	struct why snapshot_why;   /* why the configured snapshot is not used; else "" */
	struct listener *listener;
	struct access_lookup *access;
	struct peers *peers;
	struct ready *ready;
	struct metrics *metrics;
	struct alarm *alarm; /* when replica_turn() is due next */
	struct later turn;   /* calls replica_turn() after this turn of the loop */
	struct later idle;   /* starts to load libcurl, after some turns */
	int turns;
	struct later follow;  /* after a successful sync: watch its manager */
	struct later refusal; /* ends a sync that could not start */
	struct why refusal_why;
	struct event *drain_timer;
	struct {
		struct event *timer;
		int idle_looks; /* consecutive checks without a client */
		int64_t until_ms;
	} linger;
	struct loading *reload;     /* being loaded for SIGHUP; or NULL */
	bool reload_again;          /* a SIGHUP came meanwhile */
	struct loading *upgrade;    /* being loaded for SIGUSR2; or NULL */
	struct reexec_check *check; /* the check by the new program; NULL: none runs */
	struct {
		bool unlocked; /* the warning that memory is not locked */
		bool outcome;  /* the log line about the sync that has just ended */
		uint64_t failures,
		    unsaid;         /* consecutive failed syncs; those that were not logged */
		int64_t failure_ms; /* when one was last logged */
		int64_t token_ms;   /* when the token's end was last logged; 0: never */
		int64_t family_ms;  /* when the end of its family was last logged */
	} logged;
};

/* app.c: configuration and parts */

void app_enter(struct app *a, enum app_state state);
struct replica_config app_replica_config(const struct config *c);
struct peers_limits app_peers_limits(const struct config *c);
/* Makes syncs, probes and the held request use these settings and this upstream. */
void app_use_source(struct app *a, const struct settings *s, struct upstream *u);
/* Makes the socket use the access rules and ids of s, which it borrows. */
void app_serve_by(struct app *a, const struct settings *s);
/* 0, or -EPERM with a sentence in why: [memory] lock = require, and no memory can be locked. */
MUST_CHECK int app_check_lock(const struct config *c, struct why *why);
/*
 * 0, or -ENOSPC with a sentence in why: the served data does not fit into [memory] max_bytes of c,
 * so that no sync and no snapshot could be taken.
 */
MUST_CHECK int app_check_room(const struct app *a, const struct config *c, struct why *why);

/* app_replica.c: what the replica needs, and what it reports */

extern const struct replica_ops app_replica_ops;
void app_turn(struct app *a);
void app_on_turn(struct later *job);    /* of a->turn */
void app_on_follow(struct later *job);  /* of a->follow */
void app_on_refusal(struct later *job); /* of a->refusal */
void app_on_alarm(void *arg);
void app_wake(
    void *env); /* calls replica_turn() after this turn of the loop, once for many requests */
void app_start_sync(void *env);
void app_refresh(void *env); /* requests a sync after this turn of the loop */
void app_on_library(void *env,
    const char *why); /* an attempt to load libcurl has ended; why is NULL after success */
bool app_on_sync_done(void *env, const struct sync_result *result);
/* Drops a reference to g; the last one is dropped by the worker, since that costs a wipe. */
void app_release(void *env, struct generation *g);
void app_on_probe_done(void *env, bool found, int64_t retry_after_ms);
void app_on_changed(void *env);

/* app_report.c: data for Status and the metrics; env is the app */

void app_report(void *env, struct report *out);
/* Appends the report for a manager that asks for it (X-Connd-Report). */
void app_write_report(void *env, struct buf *out);

/* app_signals.c: stop and reload */

MUST_CHECK int app_hear_signals(struct app *a);
void app_on_drain_over(evutil_socket_t fd, short what, void *arg);
/*
 * Accepts no more clients and finishes the requests in progress. The state is UPGRADING or
 * STOPPING.
 */
void app_begin_to_stop(struct app *a);

/* app_linger.c: from SIGTERM to the exit */

/* True: the state is LINGERING until app_end_linger(). False if [socket] linger is 0. */
MUST_CHECK bool app_begin_to_linger(struct app *a);
void app_on_linger(evutil_socket_t fd, short what, void *arg);
void app_end_linger(struct app *a);

/* app_upgrade.c: SIGUSR2 */

void app_on_upgrade(void *arg);
/*
 * Executes the program at connd's path with these descriptors, after all parts were freed. Returns
 * only on failure; the descriptors are still open then.
 */
void app_become_newer(const char *config_path, struct passed *kept);
