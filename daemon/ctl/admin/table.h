/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of several columns for a person, each as wide as its widest cell. */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

#define TABLE_COLUMNS 6

struct table {
	struct buf text; /* cells, each ended by a NUL */
	size_t n_columns;
	size_t width[TABLE_COLUMNS];
	size_t n_cells;
};

#define TABLE_INIT(columns)                                                                        \
	((struct table){ .text = BUF_INIT((size_t)256 << 20), .n_columns = (columns) })

void table_fini(struct table *t);
/* The next cell, of any text; NULL is an empty one. */
void table_cell(struct table *t, const char *text);
/* Appends it all, a line a row. */
void table_write(struct table *t, struct buf *out);
/* Prints it all. Returns the exit code. */
MUST_CHECK int table_print(struct table *t);
