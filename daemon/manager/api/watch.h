/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that wait for a change: `Prefer: wait=N`.
 *
 * Owns the held requests. A request gets its response when something in its view changes, when its
 * time is up, when its token is revoked or expires, or when the organization's switch goes off.
 * Each response is authorised again. A client that disconnects frees its request at once. Waiting
 * costs only memory.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/api/list.h"

struct watch;

/* api->base and api->store are set. 0 or -errno. */
MUST_CHECK int watch_new(struct watch **out, struct api *api);
/* Call it after the HTTP server is freed. NULL is fine; returns NULL. */
struct watch *watch_free(struct watch *w);

/* Holds the request for at most wait_s seconds. 0; -EBUSY: too many are held; or -errno. */
MUST_CHECK int watch_hold(
    struct watch *w, struct request *rq, const struct list *l, int64_t wait_s);
/* Responds to all held requests now, as unchanged. Later requests are not held. */
void watch_stop(struct watch *w);
