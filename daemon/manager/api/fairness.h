/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expensive requests take turns: to begin a list of ten thousand rows takes tens of milliseconds,
 * and a hundred clients that request one at once must not keep everybody else waiting for seconds.
 * The first one in a turn of the loop is served at once; the others follow in order until the turn
 * has taken its time, and the loop serves other connections. A request that has waited for four
 * seconds gets a 503 with Retry-After.
 */
#pragma once

#include "base/attr.h"
#include "manager/api/request.h"

struct fairness;

MUST_CHECK struct fairness *fairness_new(struct api *api); /* NULL: out of memory */
/* free the HTTP server first; NULL is fine */
struct fairness *fairness_free(struct fairness *f);

/* Calls go(rq) now or in a later turn, unless the client disconnects first. */
void fairness_serve(struct fairness *f, struct request *rq, void (*go)(struct request *rq));
