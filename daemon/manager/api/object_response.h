/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of one environment object have in common: finding it, the state that If-Match
 * expects, and the responses. For objects.c and objects_history.c.
 */
#pragma once

#include "base/attr.h"
#include "manager/api/input/object.h"
#include "manager/api/request.h"

/*
 * Reads the object of the path into the holder of the api, when the token may see it and do `what`
 * to it. False: the request has its response.
 */
MUST_CHECK bool object_find(struct request *rq, enum action what, struct store_object *o);

/*
 * The same for a request that changes the object. *expect: the state that was read, when If-Match
 * makes the change depend on it; NULL: any. A tag that is not the object's is a 412.
 */
struct object_found {
	struct store_object object;
	struct store_version version;
	const struct store_version *expect;
};
MUST_CHECK bool object_find_to_change(
    struct request *rq, enum action what, struct object_found *found);

/* 200 with the object, without secrets, and its ETag; 304 when If-None-Match lists that. */
void object_respond(struct request *rq, const struct store_object *o);
/* The same for the object as it is stored now, after a change. */
void object_respond_stored(struct request *rq, const struct id *id);
/* An empty response, or one with a JSON body, to a change. */
void object_respond_empty(struct request *rq, int status);
void object_respond_json(struct request *rq, const struct buf *body);

/*
 * A change that the store refused: r is a store_result but STORE_OK, or -errno; fault says where
 * for those that have one. body: NULL where the request has none.
 */
void object_respond_refused(
    struct request *rq, int r, const struct object_body *body, const struct store_fault *fault);
