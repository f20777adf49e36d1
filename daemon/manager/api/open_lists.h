/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that are being sent. Each holds an instant of the store, of which there are only so many:
 * when they run short, the caller with the most open lists gives way. A list ends as soon as its
 * token may not have it any more, wherever it is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "manager/api/list.h"

struct open_lists;

/* A part of the structure that is behind a list being sent. */
struct open_list {
	struct open_list *prev, *next;
	struct open_lists *all; /* NULL: it is not open */
	struct request *rq;     /* borrowed */
	const struct list *list;
	struct share *share;
	uint64_t rights; /* of the store, before this was found to be allowed */
	bool ended;      /* it ends with the piece that is being made */
};

MUST_CHECK int open_lists_new(struct open_lists **out, struct api *api); /* 0 or -errno */
struct open_lists *open_lists_free(struct open_lists *a); /* after the HTTP server; NULL is fine */

/* The list was just authorised; rq and l live until it is removed. */
void open_lists_add(
    struct open_lists *a, struct open_list *o, struct request *rq, const struct list *l);
void open_lists_remove(struct open_list *o); /* fine when it is not open */
/*
 * Whether the token may have the list still; cheap as long as no rights have changed. The store may
 * be waited for: o must be open until then.
 */
MUST_CHECK bool open_list_is_allowed(struct open_list *o);
/*
 * Ends one list of the heaviest caller for rq's. False: no caller has more than rq's would have
 * then.
 */
MUST_CHECK bool open_lists_make_room(struct open_lists *a, const struct request *rq);
