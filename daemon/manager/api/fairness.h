/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that cost much take turns: to begin a list of ten thousand rows is tens of milliseconds,
 * and a hundred clients that ask for one at once must not keep everybody else waiting for seconds.
 * The first in a turn of the loop is served at once, the others in their order as long as the turn
 * is short; then the loop looks at who else is there.
 */
#pragma once

#include "base/attr.h"
#include "manager/api/request.h"

struct turns;

MUST_CHECK struct turns *turns_new(struct api *api); /* NULL: no memory */
struct turns *turns_free(struct turns *t);           /* after the HTTP server; NULL is fine */

/* go(rq) is called now or soon, as from a handler; not at all when the client goes first. */
void turns_serve(struct turns *t, struct request *rq, void (*go)(struct request *rq));
