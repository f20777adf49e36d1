/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are served a little later: those of a token that sends too many. Owns the waiting
 * requests. A client that closes its connection frees its own; a token that is revoked meanwhile is
 * refused.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/api/request.h"

struct throttle;

MUST_CHECK struct throttle *throttle_new(struct api *api); /* NULL: out of memory */
struct throttle *throttle_free(struct throttle *t);        /* after the HTTP server; NULL is fine */

/* Calls go(rq) in ms, as from a handler. -ENOMEM: it will not, and the request is as it was. */
MUST_CHECK int throttle_delay(
    struct throttle *t, struct request *rq, int64_t ms, void (*go)(struct request *rq));
/* Serves all delayed requests now. */
void throttle_stop(struct throttle *t);
