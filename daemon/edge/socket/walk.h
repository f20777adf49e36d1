/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes through the records of one generation that a caller may read, some in a turn: what is asked
 * of the rules is taken off a budget, so that many keys and many rules do not hold up the loop.
 */
#pragma once

#include <stddef.h>

#include "edge/socket/service.h"

struct walk {
	struct service *service;
	struct caller *caller;
	struct generation *generation; /* a reference, until walk_end() */
	enum record_kind kind;         /* whose records come next; set next to 0 with it */
	size_t next;
};

enum walk_step {
	WALK_RECORD,  /* *r: the caller may read it */
	WALK_SKIPPED, /* the caller may not */
	WALK_OVER,    /* there are no more of this kind */
	WALK_PAUSE,   /* the budget is spent */
};

void walk_begin(struct walk *w, struct service *s, struct caller *c);
enum walk_step walk_next(struct walk *w, const struct record **r, size_t *budget);
void walk_end(struct walk *w);
