/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a list that were read ahead, with their links, so that a list needs few statements,
 * however many rows it has. The window has copies, so its statements may be used again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "manager/store/sql/db.h"
#include "manager/store/sql/links.h"

#define WINDOW_ROWS    256
#define WINDOW_COLUMNS 24

/* A column of a row. */
union window_cell {
	int64_t number;
	struct {
		uint32_t at, n; /* in the window's bytes; n UINT32_MAX: NULL */
	} bytes;
};

struct window {
	struct statement current; /* the current row, for db_text() and the like */
	const char *kinds;        /* a letter a column: i, or s and b for bytes */
	size_t n_columns;
	union window_cell *cells; /* WINDOW_ROWS rows of n_columns */
	struct buf bytes;
	size_t n, at;  /* rows; the current one */
	size_t n_most; /* rows that are read at a time: few at first */
	struct links links;
	int64_t objects[WINDOW_ROWS]; /* objects whose links will be read */
	size_t n_objects, links_from; /* links: of the objects from this index on */
	uint16_t index[WINDOW_ROWS];  /* the index in `objects` of each row; WINDOW_ROWS: none */
};

/* kinds: borrowed; of WINDOW_COLUMNS columns at most. */
void window_init(struct window *w, const char *kinds);
void window_fini(struct window *w);
/* Empties it. */
void window_reset(struct window *w);
bool window_is_full(const struct window *w);
/* Copies the current row of a statement. 0 or -ENOMEM. */
MUST_CHECK int window_add(struct window *w, struct statement *st);
/* Says that the links of the last row added, which is this object's, will be read. */
void window_want_links(struct window *w, int64_t object);
/* Moves to the next row. NULL: it was the last one. */
struct statement *window_next(struct window *w);
/*
 * Returns the links of the current row, which is this object's; reads those of later rows with
 * them. 0 or -errno.
 */
MUST_CHECK int window_links(
    struct window *w, struct db *db, int64_t object, bool with_overrides, struct link_set *out);
