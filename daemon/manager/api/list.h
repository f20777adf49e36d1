/* SPDX-License-Identifier: Apache-2.0 */
/* A list of environment objects that a token may have: reads the query of the request. */
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

/* Reads the query. True if the token may have the list; else the request has its response. */
MUST_CHECK bool list_read(struct request *rq, struct list *l);

/* True if the two lists have the same bytes when read from the same state of the store. */
bool list_equal(const struct list *a, const struct list *b);
