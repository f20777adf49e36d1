/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are served a little later: those of a token that asks too often. Owns the waiting
 * requests; a client that goes frees its own, and a token that is revoked meanwhile is refused.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/api/request.h"

struct later;

MUST_CHECK struct later *later_new(struct api *api); /* NULL: no memory */
struct later *later_free(struct later *l);           /* after the HTTP server; NULL is fine */

/* go(rq) is called in ms, as from a handler. -ENOMEM: it is not, and the call is as it was. */
MUST_CHECK int later_call(
    struct later *l, struct request *rq, int64_t ms, void (*go)(struct request *rq));
/* All of them now. */
void later_stop(struct later *l);
