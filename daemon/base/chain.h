/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive doubly linked list. A node is embedded in the listed object, so adding and removing
 * need neither an allocation nor a search. The head is a separate node. A node that is in no list
 * is linked to itself.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

struct chain {
	struct chain *prev, *next;
};

/* Initializes a head as an empty list, or a node as being in no list. */
static inline void
chain_init(struct chain *c)
{
	c->prev = c->next = c;
}

/* For a head: true if the list is empty. For a node: true if it is in no list. */
static inline bool
chain_is_empty(const struct chain *c)
{
	return c->next == c;
}

/* Removes node from its list. Does nothing if it is in no list. */
static inline void
chain_remove(struct chain *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	chain_init(node);
}

/* Appends node, which must be in no list. */
static inline void
chain_append(struct chain *head, struct chain *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}
