/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Push: one list request that the manager holds until something changes (`Prefer: wait` with
 * If-None-Match). Its response says that something has changed; a sync then fetches what.
 *
 * Push only makes syncs earlier: they also run at their usual times, and only they change the
 * freshness. If the server does not wait, connd polls it for a while. If a proxy cuts held
 * requests, connd requests a shorter wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "edge/process/loop.h"
#include "edge/upstream/sync.h"

struct watch;

/*
 * Copies source; borrows loop. Calls changed(env) when something has changed at the manager, so
 * that a sync is due. 0 or -ENOMEM.
 */
MUST_CHECK int watch_new(struct watch **out, struct loop *loop, const struct sync_source *source,
    void (*changed)(void *env), void *env);
/* Applies a reload: cancels the held request. The next watch_follow() starts a new one. */
void watch_use(struct watch *w, const struct sync_source *source);
/*
 * Starts, moves or ends the watch. Call it after each successful sync with sync_watchable_url(),
 * which may be NULL.
 */
void watch_follow(struct watch *w, const char *url);
struct watch *watch_free(struct watch *w); /* w may be NULL; returns NULL */

enum watch_state {
	WATCH_OFF,     /* not configured, or no list with an ETag yet */
	WATCH_HOLDING, /* changes arrive at once */
	WATCH_POLLING, /* the manager does not wait for changes */
	WATCH_CUT,     /* held requests are cut on the way; shorter waits are tried */
};

struct watch_status {
	enum watch_state state;
	bool holds;           /* a request is being held */
	int64_t wait_s;       /* the wait that the next request asks for */
	int64_t cut_after_ms; /* WATCH_CUT: how long the last held request lasted */
};
void watch_status(const struct watch *w, struct watch_status *out); /* w may be NULL: off */
