/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/sql/window.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_ROWS 32
#define BYTES_FULL (128 * 1024)
/* One row above that. */
#define BYTES_MAX ((size_t)64 * 1024 * 1024)

/* ---- the row at hand, as a statement ---- */

static const union window_cell *
cell_of(const struct statement *st, int column)
{
	const struct window *w = (const struct window *)st;

	return &w->cells[w->at * w->n_columns + (size_t)column];
}

static struct span
bytes_of(struct statement *st, int column)
{
	const union window_cell *cell = cell_of(st, column);

	if (cell->bytes.n == UINT32_MAX)
		return (struct span){ 0 };
	return (
	    struct span){ buf_str(&((struct window *)st)->bytes) + cell->bytes.at, cell->bytes.n };
}

static int64_t
integer(struct statement *st, int column)
{
	return cell_of(st, column)->number;
}

/* It is only read from. */
static const struct db_driver driver = { .text = bytes_of, .blob = bytes_of, .integer = integer };

/* ---- filling ---- */

void
window_init(struct window *w, const char *kinds)
{
	*w = (struct window){ .current.driver = &driver,
		.kinds = kinds,
		.n_columns = strlen(kinds),
		.n_most = FIRST_ROWS };
	buf_init(&w->bytes, BYTES_MAX);
	links_init(&w->links);
}

void
window_fini(struct window *w)
{
	mem_free(w->cells);
	buf_fini(&w->bytes);
	links_fini(&w->links);
}

void
window_reset(struct window *w)
{
	if (w->n == w->n_most && w->n_most < WINDOW_ROWS)
		w->n_most *= 2;
	buf_reset(&w->bytes);
	w->n = w->n_objects = w->links.n_objects = 0;
	w->at = SIZE_MAX;
}

bool
window_is_full(const struct window *w)
{
	return w->n == w->n_most || w->bytes.len >= BYTES_FULL;
}

static void
keep_bytes(struct window *w, union window_cell *cell, struct span s)
{
	cell->bytes.at = (uint32_t)w->bytes.len;
	cell->bytes.n = s.p ? (uint32_t)s.n : UINT32_MAX;
	buf_add(&w->bytes, s.p, s.n);
}

int
window_add(struct window *w, struct statement *st)
{
	union window_cell *cell;

	if (!w->cells)
		w->cells = mem_calloc(WINDOW_ROWS * w->n_columns, sizeof *w->cells);
	if (!w->cells)
		return -ENOMEM;
	cell = &w->cells[w->n * w->n_columns];
	for (int i = 0; w->kinds[i]; i++, cell++) {
		if (w->kinds[i] == 'i')
			cell->number = db_int64(st, i);
		else
			keep_bytes(w, cell, w->kinds[i] == 's' ? db_text(st, i) : db_blob(st, i));
	}
	w->index[w->n++] = WINDOW_ROWS;
	return buf_error(&w->bytes);
}

void
window_want_links(struct window *w, int64_t object)
{
	w->index[w->n - 1] = (uint16_t)w->n_objects;
	w->objects[w->n_objects++] = object;
}

/* ---- reading ---- */

struct statement *
window_next(struct window *w)
{
	w->at++;
	return w->at < w->n ? &w->current : NULL;
}

/* True if the links of the object at this index were read. */
static bool
has_links(const struct window *w, size_t index)
{
	return index >= w->links_from && index - w->links_from < w->links.n_objects;
}

int
window_links(
    struct window *w, struct db *db, int64_t object, bool with_overrides, struct link_set *out)
{
	size_t i = w->index[w->at];
	int r = 0;

	if (i == WINDOW_ROWS) { /* window_want_links() was not called for it */
		i = w->n_objects;
		w->index[w->at] = (uint16_t)i;
		w->objects[w->n_objects++] = object;
	}
	if (!has_links(w, i)) {
		r = links_read(&w->links, db, w->objects + i, w->n_objects - i, with_overrides);
		w->links_from = i;
	}
	if (r == 0 && !has_links(w, i)) /* it has too many to be read with others */
		r = links_read(&w->links, db, w->objects + i, 1, with_overrides);
	if (r == 0)
		*out = links_of(&w->links, i - w->links_from);
	return r;
}
