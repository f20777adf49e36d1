/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response to a list of environment objects: its ETag, and its rows, streamed from one instant
 * of the store, or made once for many requests.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "manager/api/list.h"

/* How much of the request's `Prefer: wait` was granted; 0 seconds: nothing. */
struct list_wait {
	int64_t seconds;
	char applied[32];
};

struct list_wait list_wait(int64_t seconds);

/* True if an If-None-Match of the request names the view's version. */
bool list_is_known(struct request *rq, const struct list *l);

/*
 * The whole response, for requests of the same list, valid as long as the view has this version.
 * NULL when it is too large for that, or could not be made: then each request gets its own.
 */
struct http_shared *list_render(
    struct api *api, const struct list *l, struct store_version *version);
/* Records the read in the audit log, once a token, view and version. */
void list_note_read(struct request *rq, const struct list *l, const struct store_version *version);
/* Responds with a shared body and records no read. wait->seconds is over 0. */
void list_respond_shared(
    struct request *rq, struct http_shared *response, const struct list_wait *wait);

/* Each responds. wait: NULL for none. */
void list_respond(struct request *rq, const struct list *l, const struct list_wait *wait);
void list_respond_unchanged(struct request *rq, const struct list *l, const struct list_wait *wait);
