/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks for fibers. Below each is a guard page, so an overflow ends the process instead of writing
 * to other memory. A stack is wiped when it is given back, and left out of core dumps.
 *
 * One thread.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"

struct stack {
	struct stack *next; /* in the pool */
	char *low;          /* its lowest byte, above the guard page */
	size_t size;
};

/* Zeroed: an empty pool. */
struct stacks {
	struct stack *idle;
	size_t n_idle;
};

/* NULL: out of memory. The caller gives it back. */
MUST_CHECK struct stack *stack_take(struct stacks *pool);
/* Wipes it; keeps it for the next caller, or unmaps it when the pool has enough. */
void stack_give_back(struct stacks *pool, struct stack *s);
void stacks_free(struct stacks *pool); /* those that were given back */
