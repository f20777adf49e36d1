/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files app*.c alone. */
#pragma once

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
	APP_UPGRADING, /* begun requests are finished, then this process becomes a newer program */
	APP_LINGERING, /* the loop turns, and the end is near: [socket] linger */
	APP_STOPPING,  /* begun requests are finished, then it ends */
};

/* A generation whose last reference the worker drops. */
struct released {
	struct work work;
	struct generation *generation;
};
#define APP_RELEASED 4 /* more than lists may pin: MAX_BESIDE in edge/socket/streams.c */

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
	struct snapshot *snapshot;              /* NULL: there is none */
	char snapshot_why[SNAPSHOT_ERROR_SIZE]; /* why, though one is configured; else "" */
	struct listener *listener;
	struct access_lookup *access;
	struct peers *peers;
	struct ready *ready;
	struct metrics *metrics;
	struct alarm *alarm; /* when the replica wants its next turn */
	struct later turn;   /* its turn comes at the end of this one */
	struct later idle;   /* begins to load the library, after some turns */
	int turns;
	struct later follow;  /* after a good sync: watch its manager */
	struct later refusal; /* ends a sync that could not begin */
	char refusal_why[SETTINGS_WHY_SIZE];
	struct event *drain_timer;
	struct {
		struct event *timer;
		int idle_looks; /* in a row, without a client */
		int64_t until_ms;
	} linger;
	struct loading *reload;     /* the settings for SIGHUP; NULL: none are loaded now */
	bool reload_again;          /* a SIGHUP came meanwhile */
	struct loading *upgrade;    /* the settings for SIGUSR2; NULL: none are loaded now */
	struct reexec_check *check; /* of the program to become; NULL: none runs */
	struct {
		bool unlocked;             /* the warning that memory is not locked */
		bool outcome;              /* the line about the sync that ended just now */
		uint64_t failures, unsaid; /* failed syncs in a row; those without a line */
		int64_t failure_ms;        /* when the last line about one was written */
		int64_t token_ms;          /* the same about a token that ends; 0: not yet */
		int64_t family_ms;         /* and about one whose family ends */
	} logged;
};

/* app.c: from the configuration to the parts */

void app_enter(struct app *a, enum app_state state);
struct replica_config app_replica_config(const struct config *c);
struct peers_limits app_peers_limits(const struct config *c);
/* Syncs, probes and the held call use these settings and this upstream from now on. */
void app_use_source(struct app *a, const struct settings *s, struct upstream *u);
/* Serves requests by the access rules and ids of s, which it borrows. */
void app_serve_by(struct app *a, const struct settings *s);
/* 0, or -EPERM with a sentence in why: [memory] lock = require, and no memory can be locked. */
MUST_CHECK int app_check_lock(const struct config *c, char why[static SETTINGS_WHY_SIZE]);
/*
 * 0, or -ENOSPC with a sentence in why: what is served now does not fit into [memory] max_bytes of
 * c. No sync and no snapshot would bring data then.
 */
MUST_CHECK int app_check_room(
    const struct app *a, const struct config *c, char why[static SETTINGS_WHY_SIZE]);

/* app_replica.c: what the replica needs of the world, and what it learns */

extern const struct replica_ops app_replica_ops;
void app_turn(struct app *a);
void app_on_turn(struct later *job);    /* of a->turn */
void app_on_follow(struct later *job);  /* of a->follow */
void app_on_refusal(struct later *job); /* of a->refusal */
void app_on_alarm(void *arg);
void app_wake(void *env); /* a turn at the end of this one: many requests share it */
void app_start_sync(void *env);
void app_refresh(void *env); /* a sync as soon as this turn of the loop is over */
void app_on_library(void *env, const char *why); /* a try to load it has ended; NULL: well */
bool app_on_sync_done(void *env, const struct sync_result *result);
/* Drops a reference to g; the last one is dropped by the worker, since that costs a wipe. */
void app_release(void *env, struct generation *g);
void app_on_probe_done(void *env, bool found, int64_t retry_after_ms);
void app_on_changed(void *env);

/* app_report.c: what Status and the metrics show; env is the app */

void app_report(void *env, struct report *out);
/* Appends the report for a manager that asks for it (X-Connd-Report). */
void app_write_report(void *env, struct buf *out);

/* app_signals.c: stop and reload */

MUST_CHECK int app_hear_signals(struct app *a);
void app_on_drain_over(evutil_socket_t fd, short what, void *arg);
/* Accepts no more clients and finishes begun requests. The state is UPGRADING or STOPPING. */
void app_begin_to_stop(struct app *a);

/* app_linger.c: between SIGTERM and the end */

/* False: there is no such time. True: the state is LINGERING, until app_end_linger(). */
MUST_CHECK bool app_begin_to_linger(struct app *a);
void app_on_linger(evutil_socket_t fd, short what, void *arg);
void app_end_linger(struct app *a);

/* app_upgrade.c: SIGUSR2 */

void app_on_upgrade(void *arg);
/*
 * Executes the program at our path with these descriptors, after all parts were freed. Returns only
 * on failure; the descriptors are still open then.
 */
void app_become_newer(const char *config_path, struct passed *kept);
