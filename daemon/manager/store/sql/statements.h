/* SPDX-License-Identifier: Apache-2.0 */
/* The prepared statements that a connection keeps until it is closed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "manager/store/sql/db.h"

/* A hash table by the address of a statement's text, at most half full. All 0: empty. */
struct statements {
	struct statement **slots; /* NULL: free */
	size_t room;              /* slots: a power of two, or 0 */
	size_t n;
};

/* Prepares the statement of a text, for the first time. NULL: it cannot be prepared. */
typedef struct statement *statement_make(struct db *db, const char *sql, bool kept);

/*
 * Returns the statement of this text, reset; the first time, what `make` returns. sql must be a
 * literal: its address is the key. NULL: `make` failed, or out of memory. The table owns it.
 */
struct statement *statements_get(
    struct statements *t, struct db *db, const char *sql, statement_make *make);
/* Finishes the statements and frees the table, which is then empty. */
void statements_fini(struct statements *t);
