/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delays the requests of a token that sends too many. Owns the waiting requests. A client that
 * disconnects frees its own; one whose token is revoked meanwhile is refused.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/api/request.h"

struct throttle;

MUST_CHECK struct throttle *throttle_new(struct api *api); /* NULL: out of memory */
/* free the HTTP server first; NULL is fine */
struct throttle *throttle_free(struct throttle *t);

/*
 * Calls go(rq) after `ms`, as from a handler. -ENOMEM: it is not called, and the request is
 * unchanged.
 */
MUST_CHECK int throttle_delay(
    struct throttle *t, struct request *rq, int64_t ms, void (*go)(struct request *rq));
/* Serves all delayed requests now. */
void throttle_stop(struct throttle *t);
