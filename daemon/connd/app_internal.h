/* SPDX-License-Identifier: Apache-2.0 */
/* What app.c (birth and end), app_replica.c and app_signals.c share; for nobody else. */
#pragma once

#include "connd/app.h"

#include <event2/util.h>

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
#include "edge/upstream/libcurl.h"
#include "edge/upstream/probe.h"
#include "edge/upstream/sync.h"
#include "edge/upstream/trial.h"
#include "edge/upstream/watch.h"

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
	int load_error;      /* this and the next are the worker's until it is done */
	char load_why[LIBCURL_WHY_SIZE];
	int failure; /* it could not be: the start has failed */
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
	int64_t token_warned_ms; /* 0: not yet */
};

/* app.c: from the configuration to the parts */

struct replica_config app_replica_config(const struct config *c);
struct peers_limits app_peers_limits(const struct config *c);
struct sync_source app_source(const struct settings *s, struct upstream *u);
/* What questions are answered by that the configuration decides. Borrows from s. */
void app_serve_by(struct app *a, const struct settings *s);

/* app_replica.c: what the replica needs of the world, and what the world tells it */

extern const struct replica_ops app_replica_ops;
void app_turn(struct app *a);
void app_on_turn(struct later *job); /* of a->turn */
void app_on_alarm(void *arg);
void app_wake(void *env); /* a turn at the end of this one: many questions share it */
void app_start_sync(void *env);
bool app_on_sync_done(void *env, const struct sync_result *result);
void app_on_probe_done(void *env, bool found, int64_t retry_after_ms);
void app_on_changed(void *env);

/* app_report.c: what Status and the metrics show; env is the app */

void app_report(void *env, struct report *out);

/* app_signals.c: stop, upgrade, reload */

MUST_CHECK int app_hear_signals(struct app *a);
void app_on_drain_over(evutil_socket_t fd, short what, void *arg);
/* Everything is gone but the socket. Returns only when it failed, with an exit code. */
int app_become_newer(const struct app *a, int fd, const char *name);
