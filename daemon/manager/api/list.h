/* SPDX-License-Identifier: Apache-2.0 */
/* A list of environment objects that a token may have: for list.c, and watch.c, which holds it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "manager/api/encode.h"
#include "manager/api/request.h"

struct list {
	struct store_query query;
	struct encode_view view;
	struct place place;
};

/* Reads what the call asks for. True when the token may have it; else the call is answered. */
MUST_CHECK bool list_read(struct request *rq, struct list *l);

/* What was made of Prefer: wait; 0 seconds: nothing. */
struct list_wait {
	int64_t seconds;
	char applied[32];
};

struct list_wait list_wait(int64_t seconds);

/* The change number that stands in an If-None-Match of the call is there still. */
bool list_is_known(struct request *rq, const struct list *l);

/* Whether two lists are the same bytes at one instant of the store. */
bool list_equal(const struct list *a, const struct list *b);

/*
 * The whole answer, for calls that ask for the same, good as long as the view has this number. NULL when it is
 * too large for that, or could not be made: then each call is answered by itself.
 */
struct http_shared *list_render(struct api *api, const struct list *l, uint64_t *number);
/* For the audit log, which has it once for all that one token was answered of one view and number. */
void list_note_read(struct request *rq, const struct list *l, uint64_t number);
/* Only answers; wait: not of 0 seconds. */
void list_answer_shared(
    struct request *rq, struct http_shared *answer, const struct list_wait *wait);

/* Each answers the call. wait: NULL for nothing. */
void list_answer(struct request *rq, const struct list *l, const struct list_wait *wait);
void list_answer_unchanged(struct request *rq, const struct list *l, const struct list_wait *wait);
