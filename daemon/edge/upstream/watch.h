/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Being told of changes: one list call held open at the manager (`Prefer: wait` with If-None-Match),
 * whose answer says that something changed; what, the next sync finds out.
 *
 * Only an accelerator: syncs go on at their own pace, freshness is theirs alone. A server that does not
 * know how to wait is left alone for a while.
 */
#pragma once

#include "base/attr.h"
#include "edge/process/loop.h"
#include "edge/upstream/sync.h"

struct watch;

/* changed(env): something has changed at the manager, so a sync is due. 0 or -ENOMEM. */
MUST_CHECK int watch_new(struct watch **out, struct loop *loop, const struct sync_source *source,
    void (*changed)(void *env), void *env);
/* On reload: the call held is given up; the next watch_follow() begins anew. */
void watch_use(struct watch *w, const struct sync_source *source);
/* After each good sync: the URL that answered and gives tags, or NULL. Begins, moves or ends the watch. */
void watch_follow(struct watch *w, const char *url);
struct watch *watch_free(struct watch *w); /* NULL is fine; returns NULL */
