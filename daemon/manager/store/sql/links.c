/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/sql/links.h"

#include <errno.h>
#include <inttypes.h>

#include "base/mem.h"

/* Limit of what is kept in memory for several objects. */
#define ROWS_MAX  4096
#define BYTES_MAX (1024 * 1024)
/* Limit for one object, whose links are all read. */
#define ONE_MAX ((size_t)1 << 30)

void
links_init(struct links *l)
{
	*l = (struct links){ 0 };
	buf_init(&l->bytes, ONE_MAX);
}

void
links_fini(struct links *l)
{
	mem_free(l->rows);
	buf_fini(&l->bytes);
	*l = (struct links){ 0 };
}

static struct link_row *
new_row(struct links *l)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct link_row *p = mem_resize(l->rows, room * sizeof *p);

		if (!p)
			return NULL;
		l->rows = p;
		l->room = room;
	}
	return &l->rows[l->n++];
}

static int
keep_row(struct links *l, struct statement *st)
{
	struct link_row *row = new_row(l);
	struct span sealed = db_blob(st, 6);

	if (!row)
		return -ENOMEM;
	*row = (struct link_row){ .object = (size_t)db_int64(st, 0),
		.is_exclusion = db_int64(st, 1) != 0,
		.version = db_int64(st, 4),
		.has_override = db_bool(st, 5),
		.at = l->bytes.len,
		.n = sealed.n };
	row->has_scope = db_scope(st, 2, &row->scope) == 0;
	db_id(st, 3, &row->entity);
	buf_add(&l->bytes, sealed.p, sealed.n);
	return buf_error(&l->bytes);
}

/* True if the limit is reached; then rows of the last object may be missing. */
static bool
is_full(const struct links *l, size_t n)
{
	return n > 1 && (l->n >= ROWS_MAX || l->bytes.len >= BYTES_MAX);
}

static struct statement *
query(struct db *db, const int64_t *objects, size_t n, bool with_overrides)
{
	struct buf list = BUF_INIT(64 * 1024);
	struct statement *st = NULL;

	for (size_t i = 0; i < n; i++)
		buf_addf(&list, "%s%" PRId64, i ? "," : "[", objects[i]);
	buf_adds(&list, "]");
	if (!buf_error(&list))
		st = db_query(db,
		    "SELECT j.key, 0 AS part, l.scope, l.entity_id, l.version, "
		    "l.sealed IS NOT NULL, CASE WHEN ?2 <> 0 THEN l.sealed END, l.position "
		    "FROM json_each(?1) AS j CROSS JOIN link l WHERE l.object = j.value "
		    "UNION ALL SELECT j.key, 1, x.scope, x.entity_id, 0, FALSE, NULL, x.position "
		    "FROM json_each(?1) AS j CROSS JOIN exclusion x WHERE x.object = j.value "
		    "ORDER BY 1, 2, 8 LIMIT ?3",
		    "sii", span_of_buf(&list), (int64_t)with_overrides,
		    n > 1 ? (int64_t)ROWS_MAX : INT64_MAX);
	buf_fini(&list);
	return st;
}

int
links_read(struct links *l, struct db *db, const int64_t *objects, size_t n, bool with_overrides)
{
	struct statement *st = query(db, objects, n, with_overrides);
	int r;

	l->n = 0;
	buf_reset(&l->bytes);
	l->n_objects = 0;
	while ((r = db_row(st)) == 1) {
		r = keep_row(l, st);
		if (r < 0 || is_full(l, n)) {
			db_reset(st); /* r says why */
			break;
		}
	}
	if (r == 0)
		l->n_objects = is_full(l, n) ? l->rows[l->n - 1].object : n;
	return r;
}

/* Returns the first row at or after this object's. */
static size_t
first_of(const struct links *l, size_t object)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->rows[mid].object < object)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct link_set
links_of(const struct links *l, size_t object)
{
	size_t first = first_of(l, object);

	return (struct link_set){ l->rows + first, first_of(l, object + 1) - first,
		buf_str(&l->bytes) };
}

struct span
link_override(const struct link_set *set, const struct link_row *row)
{
	return row->n ? (struct span){ set->bytes + row->at, row->n } : (struct span){ 0 };
}
