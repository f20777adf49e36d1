/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive list. A node is embedded in the object it lists, so adding and removing take no
 * memory and no search. The head is a node of its own; a node in no list is linked to itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct chain {
	struct chain *prev, *next;
};

/* The object that a node is embedded in. */
#define CHAIN_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Makes an empty list of a head, or a node that is in no list. */
static inline void
chain_init(struct chain *c)
{
	c->prev = c->next = c;
}

/* Of a head: the list is empty. Of a node: it is in no list. */
static inline bool
chain_is_empty(const struct chain *c)
{
	return c->next == c;
}

/* A node in no list stays so. */
static inline void
chain_remove(struct chain *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	chain_init(node);
}

/* node must be in no list. */
static inline void
chain_append(struct chain *head, struct chain *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}
