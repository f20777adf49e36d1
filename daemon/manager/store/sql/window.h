/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a list that were read ahead, with their links: a list costs few statements, however many
 * rows it has. What is kept of each row is a copy, so the next ones may be read.
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
	struct statement current; /* the row at hand, for db_text() and the like */
	const char *kinds;        /* a letter a column: i, or s and b for bytes */
	size_t n_columns;
	union window_cell *cells; /* WINDOW_ROWS rows of n_columns */
	struct buf bytes;
	size_t n, at;  /* rows; the one at hand */
	size_t n_most; /* so many are read at a time: at first few */
	struct links links;
	int64_t objects[WINDOW_ROWS]; /* whose links are wanted */
	size_t n_objects, links_from; /* links: of the objects from this index on */
	uint16_t index[WINDOW_ROWS];  /* of a row's object in `objects`; WINDOW_ROWS: none */
};

/* kinds: borrowed; of WINDOW_COLUMNS columns at most. */
void window_init(struct window *w, const char *kinds);
void window_fini(struct window *w);
/* Makes it empty, to be filled again. */
void window_reset(struct window *w);
bool window_is_full(const struct window *w);
/* Copies the current row of a statement. 0 or -ENOMEM. */
MUST_CHECK int window_add(struct window *w, struct statement *st);
/* The links of the row that was added last, which is this object's, will be wanted. */
void window_want_links(struct window *w, int64_t object);
/* Moves to the next row. NULL: it was the last one. */
struct statement *window_next(struct window *w);
/*
 * The links of the row at hand, which was this object's; reads those of the rows behind it as well.
 * 0 or -errno.
 */
MUST_CHECK int window_links(
    struct window *w, struct db *db, int64_t object, bool with_overrides, struct link_set *out);
