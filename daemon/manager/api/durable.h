/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses to changes wait until the change is on disk; nobody else does.
 *
 * A handler makes its change and responds, in a straight line. Its response is withheld until the
 * store's disk thread has synced what the handler committed. When that fails or takes too long, it
 * becomes a 500, or a 202 when the change is in effect all the same (rq->in_memory).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/api/request.h"

struct durable;

/* For api->base and api->store, which are set. NULL: out of memory. */
MUST_CHECK struct durable *durable_new(struct api *api);
struct durable *durable_free(struct durable *d); /* after the HTTP server; NULL is fine */

/* Calls handler(rq), and withholds the response as long as what it committed is not on disk. */
void durable_serve(struct durable *d, struct request *rq, request_handler *handler);

/* The same for changes that did not come by HTTP. */
struct durable_wait {
	struct durable_wait *prev, *next;
	struct durable *in; /* NULL: not waiting */
	uint64_t commits;
	int64_t until_ms;
	void (*done)(struct durable_wait *w, int r); /* 0, or -errno: it may be lost */
};
/*
 * done() comes when all that is committed now is on disk. False: its sync has ended already, with
 * *r as done() would have it, and done() does not come.
 */
MUST_CHECK bool durable_wait(struct durable *d, struct durable_wait *w, int *r);
void durable_forget(
    struct durable_wait *w); /* done() does not come any more; fine when not waiting */
