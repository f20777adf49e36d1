/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses to changes wait until the change is on disk; other responses do not.
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

/* Calls handler(rq), and withholds the response until what the handler committed is on disk. */
void durable_serve(struct durable *d, struct request *rq, request_handler *handler);

/* The same for changes over the control socket. */
struct durable_wait {
	struct durable_wait *prev, *next;
	struct durable *in; /* NULL: not waiting */
	uint64_t commits;
	int64_t until_ms;
	void (*done)(struct durable_wait *w, int r); /* 0, or -errno: it may be lost */
};
/*
 * Calls done() when everything committed so far is on disk. False: done() is not called, because it
 * is on disk already or its sync has failed; *r is the result.
 */
MUST_CHECK bool durable_wait(struct durable *d, struct durable_wait *w, int *r);
/* Cancels the call of done(). Does nothing when not waiting. */
void durable_forget(struct durable_wait *w);
