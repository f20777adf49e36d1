/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sync: fetches the lists of connections, Airflow variables and environment variables, page by
 * page, and builds a new list for the replica, or reports why it cannot.
 *
 * It chooses the URL and the order of the requests. paging.h checks that a list is complete,
 * refusal.h interprets status codes, and the replica decides whether to serve the list.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/config/config.h"
#include "core/replica.h"
#include "edge/process/loop.h"
#include "edge/process/worker.h"
#include "edge/upstream/fetch.h"
#include "edge/upstream/token.h"

struct sync;

/* Where the manager is, and how to reach it. Borrowed until the next sync_use() or sync_free(). */
struct sync_source {
	const struct config *config;
	const char *token_path;
	struct upstream *upstream;
	struct fetch_report report; /* beside lists */
};

/*
 * Called at the end of a sync; takes the list of result. Returns what replica_sync_done() returns:
 * true if the list is now served, so that the next sync may send its ETags.
 */
typedef bool sync_done(void *env, const struct sync_result *result);

/* Copies source; borrows loop and worker. 0 or -ENOMEM. */
MUST_CHECK int sync_new(struct sync **out, struct loop *loop, struct worker *worker,
    const struct sync_source *source, sync_done *done, void *env);
/*
 * Applies a reload. If the [manager] section has changed, drops the ETags, and a running sync
 * starts over with the new source; it still ends once. Otherwise a running sync continues, so that
 * repeated reloads do not keep it from ending.
 */
void sync_use(struct sync *s, const struct sync_source *source);
/* Starts a sync; none may be running. Calls done() once, later, not from within. */
void sync_start(struct sync *s, const struct sync_basis *basis);
const char *sync_url(const struct sync *s); /* the URL in use */
/*
 * Returns the URL in use if its lists carry ETags, so that it may support waiting for changes; else
 * NULL.
 */
const char *sync_watchable_url(const struct sync *s);
/* Returns the lifetime stated in the token that was read last. */
struct token_life sync_token_life(const struct sync *s);
struct sync *sync_free(struct sync *s); /* does not call done(); s may be NULL; returns NULL */
