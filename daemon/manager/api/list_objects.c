/* SPDX-License-Identifier: Apache-2.0 */
/* GET .../environment-objects: responds now, or holds the request until the list has changed. */
#include "manager/api/fairness.h"
#include "manager/api/list_response.h"
#include "manager/api/sidecars.h"
#include "manager/api/watch.h"

#define LIST_WAIT_MAX 60 /* seconds: shorter than a proxy waits for a response */

/* How long the client wants to wait for a change (RFC 7240), in seconds; 0: not at all. */
static int64_t
preferred_wait(const struct request *rq)
{
	int64_t wait_s = 0;

	for (size_t i = 0; i < rq->http->n_fields && !wait_s; i++)
		if (http_span_is(rq->http->fields[i].name, "prefer"))
			wait_s = prefer_wait(rq->http->fields[i].value);
	return wait_s < LIST_WAIT_MAX ? wait_s : LIST_WAIT_MAX;
}

/* Reads the query again, because the request may have waited for its turn. */
static void
serve_list(struct request *rq)
{
	struct list_wait wait = list_wait(preferred_wait(rq));
	struct list l = { 0 };

	if (list_read(rq, &l))
		list_respond(rq, &l, &wait);
}

void
list_objects(struct request *rq)
{
	int64_t wait_s = preferred_wait(rq);
	struct list l = { 0 };
	int r;

	if (!list_read(rq, &l))
		return;
	sidecars_note(rq->api->sidecars, rq, &l);
	if (!list_is_known(rq, &l)) {
		fairness_serve(rq->api->fairness, rq, serve_list);
		return;
	}
	if (!wait_s) {
		list_respond_unchanged(rq, &l, NULL);
		return;
	}
	/* Refuses to hold the request. An early 304 would make the client ask again at once. */
	r = watch_hold(rq->api->watch, rq, &l, wait_s);
	if (r < 0)
		respond_internal_error(rq->conn, r);
}
