/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that are being sent. Each holds a database snapshot, of which the store has a fixed
 * number: when none is free, a list of the caller with the most open lists is cut off. A list is
 * also cut off as soon as its token may no longer read it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "manager/api/list.h"

struct open_lists;

/* Embedded in the structure of a list that is being sent. */
struct open_list {
	struct open_list *prev, *next;
	struct open_lists *all; /* NULL: the list is not open */
	struct request *rq;     /* borrowed */
	const struct list *list;
	struct share *share;
	uint64_t rights; /* store_rights() before the list was found to be allowed */
	bool ended;      /* the list ends when its current piece is made */
};

MUST_CHECK int open_lists_new(struct open_lists **out, struct api *api); /* 0 or -errno */
/* free the HTTP server first; NULL is fine */
struct open_lists *open_lists_free(struct open_lists *a);

/* The list was just authorised; rq and l live until it is removed. */
void open_lists_add(
    struct open_lists *a, struct open_list *o, struct request *rq, const struct list *l);
void open_lists_remove(struct open_list *o); /* fine when it is not open */
/*
 * True while the token may read the list. Cheap as long as no rights have changed. The store may
 * wait in it: o must be open until it returns.
 */
MUST_CHECK bool open_list_is_allowed(struct open_list *o);
/*
 * Cuts off one list of the caller with the most open lists, so that rq's list can begin. False: no
 * caller has more open lists than rq's caller would have then.
 */
MUST_CHECK bool open_lists_make_room(struct open_lists *a, const struct request *rq);
