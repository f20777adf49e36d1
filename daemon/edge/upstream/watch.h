/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Push: one list request that the manager holds until something changes (`Prefer: wait` with
 * If-None-Match). Its response says that something changed; the next sync finds out what.
 *
 * Only an accelerator: syncs go on at their own pace, and freshness is theirs alone. A server that
 * does not wait is polled for a while; where a proxy cuts held requests, they ask for a shorter
 * wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "edge/process/loop.h"
#include "edge/upstream/sync.h"

struct watch;

/* changed(env): something has changed at the manager, so a sync is due. 0 or -ENOMEM. */
MUST_CHECK int watch_new(struct watch **out, struct loop *loop, const struct sync_source *source,
    void (*changed)(void *env), void *env);
/* On reload: gives up the held request; the next watch_follow() begins anew. */
void watch_use(struct watch *w, const struct sync_source *source);
/*
 * After each good sync: the URL that answered and gives tags, or NULL. Begins, moves or ends the
 * watch.
 */
void watch_follow(struct watch *w, const char *url);
struct watch *watch_free(struct watch *w); /* NULL is fine; returns NULL */

enum watch_state {
	WATCH_OFF,     /* not configured, or no manager with tags yet */
	WATCH_HOLDING, /* changes are reported at once */
	WATCH_POLLING, /* the manager does not wait for changes */
	WATCH_CUT,     /* held requests are cut on their way; tried again with a shorter wait */
};

struct watch_status {
	enum watch_state state;
	bool holds;           /* a request is held now */
	int64_t wait_s;       /* that the next held request asks for */
	int64_t cut_after_ms; /* WATCH_CUT: how long the last one lived */
};
void watch_status(const struct watch *w, struct watch_status *out); /* NULL: off */
