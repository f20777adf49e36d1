/* SPDX-License-Identifier: Apache-2.0 */
/* A list of environment objects that a token may have: for list.c, and watch.c, which holds it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "manager/encode.h"
#include "manager/request.h"

struct list {
	struct store_query query;
	struct encode_view view;
	struct place place;
};

/* Reads what the call asks for. True when the token may have it; else the call is answered. */
MUST_CHECK bool list_read(struct request *rq, struct list *l);

/* The change number that stands in an If-None-Match of the call is there still. */
bool list_is_known(struct request *rq, const struct list *l);

/* Whether two lists are the same bytes at one instant of the store. */
bool list_equal(const struct list *a, const struct list *b);

/*
 * The whole body, for calls that ask for the same at one instant. NULL when it is too large for that, or could
 * not be made: then each call is answered by itself.
 */
struct http_body *list_render(struct api *api, const struct list *l, uint64_t *number);
void list_answer_shared(struct request *rq, const struct list *l, struct http_body *body,
    uint64_t number, int64_t wait_s);

/* Each answers the call. wait_s: what was applied of Prefer: wait; 0: nothing. */
void list_answer(struct request *rq, const struct list *l, int64_t wait_s);
void list_answer_unchanged(struct request *rq, const struct list *l, int64_t wait_s);
