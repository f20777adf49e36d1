/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of environment objects, streamed from a snapshot. A page that follows a page which was read
 * to its end begins where that one ended; any other page counts the rows before it.
 *
 * A cursor steps through a statement of a reading connection, whose snapshot lives as long as any
 * cursor on it. Cursors that start while nothing was written in between share one connection;
 * otherwise the next idle connection takes a new snapshot.
 */
#include "manager/store/sql/sql.h"
#include "manager/store/sql/window.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define SQL_MAX (32 * 1024)

/* Where a resolved list looks besides its own scope; "" if nowhere. */
struct around {
	struct id workspace, deployment;
};

struct store_cursor {
	struct store *store;
	struct reader *reader;
	struct statement *st; /* whose rows are copied into the window */
	struct window window;
	struct list_key key; /* of the next row; "": such a list is not cached */
	int64_t last;        /* the last row that was copied */
	int64_t total;
	struct store_holder holder;
	/* For the batches after the first. */
	struct store_query query;       /* its texts are in `text` */
	struct span search, updated_by; /* the query's, in lower case; in `text` as well */
	struct around around;
	struct buf text;
	int64_t left;   /* rows that the list still needs */
	int64_t batch;  /* limit of the statement; 0: none */
	int64_t n;      /* rows of the statement that were read */
	size_t n_bytes; /* of them */
	bool ended;     /* the last one was copied */
};

/* rows: the most to be read; offset: to be left out; behind: the row before them, 0: not known. */
static int
prepare(struct store_cursor *c, struct buf *sql, int64_t rows, int64_t offset, int64_t behind,
    struct statement **out)
{
	const struct store_query *q = &c->query;
	const struct store_filter *f = &q->filter;
	int r = buf_error(sql);

	if (r < 0)
		return r;
	*out = c->store->engine->list_statement(c->reader, buf_str(sql));
	return db_bind(*out, "ttsiitisttssii", q->scope_id.s, c->around.workspace.s,
	    q->key.p ? q->key : SPAN_LITERAL(""), sql_limit(rows), behind > 0 ? 0 : offset,
	    c->around.deployment.s, behind, c->search, f->linked_to.s, f->linked_workspace.s,
	    f->updated_by, c->updated_by, f->updated_from_ms, f->updated_to_ms);
}

static int
count_rows(struct store_cursor *c)
{
	struct buf sql = BUF_INIT(SQL_MAX);
	struct statement *st = NULL;
	int r;

	view_count_sql(&sql, &c->query, c->store->absent.n > 0);
	r = prepare(c, &sql, -1, 0, 0, &st);
	if (r == 0)
		r = db_row(st);
	if (r == 1)
		c->total = db_int64(st, 0);
	c->store->engine->leave_statement(c->reader, st);
	buf_fini(&sql);
	return r < 0 ? r : 0;
}

/* Reads many rows of the usual size at a time, but few large ones. */
#define BATCH_BYTES (1024 * 1024)
#define BATCH_MAX   1024

static int
open_rows(struct store_cursor *c, int64_t offset, int64_t behind)
{
	struct buf sql = BUF_INIT(SQL_MAX);
	int64_t rows = c->left;
	int r;

	if (c->batch && (rows < 0 || rows > c->batch))
		rows = c->batch;
	view_list_sql(&sql, &c->query, behind > 0, c->store->absent.n > 0);
	c->n = 0;
	c->n_bytes = 0;
	r = prepare(c, &sql, rows, offset, behind, &c->st);
	buf_fini(&sql);
	return r;
}

/* How large rows are: more at once, less soon. */
static void
note_size(const struct store_cursor *c)
{
	size_t *known = &c->store->list_row_bytes;
	size_t now = c->n ? c->n_bytes / (size_t)c->n + 1 : *known;

	*known = now > *known ? now : (3 * *known + now) / 4;
}

/* How many rows to read at first: each reading searches and sorts the whole view. */
static int64_t
first_batch(const struct store *s)
{
	size_t rows = s->list_row_bytes ? BATCH_BYTES / s->list_row_bytes : 0;

	if (!s->engine->batch || !s->list_row_bytes)
		return s->engine->batch;
	return rows < 1 ? 1 : rows < BATCH_MAX ? (int64_t)rows : BATCH_MAX;
}

/* Reads the next rows. 1; 0: the list has no more; or -errno. */
static int
open_next_rows(struct store_cursor *c)
{
	int r;

	note_size(c);
	if (!c->batch || c->n < c->batch || c->left == 0)
		return 0;
	if (c->n_bytes < BATCH_BYTES / 4 && c->batch < BATCH_MAX)
		c->batch *= 4;
	else if (c->n_bytes > BATCH_BYTES && c->batch > 1)
		c->batch /= 2;
	c->store->engine->leave_statement(c->reader, c->st);
	c->st = NULL;
	r = open_rows(c, 0, c->last);
	return r < 0 ? r : 1;
}

/* ---- versions of views ---- */

/* Reads the versions of a scope's views, one for each type, as this connection sees them. */
static int
read_versions(
    struct db *db, const struct store_query *q, struct store_version out[static MANAGER_N_TYPES])
{
	struct statement *st;
	int r;

	if (q->scope == SCOPE_WORKSPACE && q->whole_workspace)
		st = db_query(db,
		    "SELECT type, number, draw FROM change WHERE scope_id = ?1 UNION ALL "
		    "SELECT type, number, draw FROM change WHERE workspace_id = ?1 "
		    "AND scope_id <> ?1",
		    "t", q->scope_id.s);
	else
		st = db_query(db, "SELECT type, number, draw FROM change WHERE scope_id = ?", "t",
		    q->scope_id.s);
	while ((r = db_row(st)) == 1) {
		struct store_version v = { db_int64(st, 1), (uint64_t)db_int64(st, 2) };
		enum manager_type type;

		if (db_type(st, 0, &type) == 0 && v.number > out[type].number)
			out[type] = v;
	}
	return r;
}

static struct store_version
latest(const struct store_version versions[static MANAGER_N_TYPES], unsigned types)
{
	struct store_version top = { 0 };

	for (int t = 0; t < MANAGER_N_TYPES; t++) {
		if ((types & 1U << t) && versions[t].number > top.number)
			top = versions[t];
	}
	return top;
}

static int
view_version(struct db *db, const struct store_query *q, struct store_version *out)
{
	struct store_version versions[MANAGER_N_TYPES] = { 0 };
	int r = read_versions(db, q, versions);

	if (r == 0)
		*out = latest(versions, q->types);
	return r;
}

/* The version changes with the set of absent rows, so that clients read such a list again. */
static void
add_salt(const struct store *s, struct store_version *v)
{
	v->draw ^= s->absent.salt;
}

/* Caches what was read, unless a change was published meanwhile. */
static int
read_kept_versions(struct store *s, const struct store_query *q, struct kept_versions *out)
{
	const int64_t as_of = s->seen;
	const uint64_t rights = s->rights; /* changes_forget() may set `seen` back */
	int r;

	*out = (struct kept_versions){ .id = q->scope_id };
	r = read_versions(store_db(s), q, out->versions);
	if (r == 0 && s->seen == as_of && s->rights == rights)
		*cache_new_versions(s, &q->scope_id) = *out;
	return r;
}

int
store_view_version(struct store *s, const struct store_query *q, struct store_version *out)
{
	struct kept_versions read;
	const struct kept_versions *k;
	int r = 0;

	*out = (struct store_version){ 0 };
	if (q->whole_workspace) {
		r = view_version(store_db(s), q, out);
		add_salt(s, out);
		return r;
	}
	k = store_trusts_caches(s) ? cache_versions(s, &q->scope_id) : NULL;
	if (!k) {
		r = read_kept_versions(s, q, &read);
		k = &read;
	}
	if (r == 0)
		*out = latest(k->versions, q->types);
	add_salt(s, out);
	return r;
}

/* ---- cursors ---- */

/*
 * Reads a project's Deployment in the list's own snapshot: a cached one may be older. A
 * Deployment's Workspace never changes.
 */
static int
look_around(struct store_cursor *c)
{
	const struct store_query *q = &c->query;
	struct store_entity e;
	int r = q->scope == SCOPE_PROJECT && c->store->engine->is_shared
		    ? place_read(c->store, c->reader->db, q->scope, &q->scope_id, &e)
		    : store_entity_get(c->store, q->scope, &q->scope_id, &e);

	if (r == 0)
		c->around = (struct around){ e.workspace, e.deployment };
	return r < 0 ? r : 0; /* the view of an unknown place is empty */
}

/* The total number of rows, from the cache or counted now. */
static int
find_total(struct store_cursor *c)
{
	struct list_key key = c->key;
	int r;

	key.offset = -1;
	key.n_sorts = 0;
	memset(key.sorts, 0, sizeof key.sorts);
	if (!id_is_none(&key.scope_id) && cache_list(c->store, &key, &c->total))
		return 0;
	r = count_rows(c);
	if (r == 0 && !id_is_none(&key.scope_id))
		cache_keep_list(c->store, &key, c->total);
	return r;
}

/* Appends a copy; `text` has room for it, so that earlier spans stay where they are. */
static struct span
keep_text(struct buf *text, struct span s)
{
	size_t from = text->len;

	buf_add(text, s.p, s.n);
	return s.p ? (struct span){ buf_str(text) + from, s.n } : (struct span){ 0 };
}

static struct span
keep_lower(struct store *s, struct buf *text, struct span search)
{
	return keep_text(text, sql_search(s, search));
}

/* Copies the query: its texts are the caller's. */
static int
keep_query(struct store_cursor *c, const struct store_query *q)
{
	struct store_filter *f = &c->query.filter;

	c->query = *q;
	c->left = q->limit;
	c->batch = first_batch(c->store);
	buf_init(&c->text, 4 * SQL_MAX);
	if (!buf_room(&c->text, q->key.n + 2 * (q->search.n + f->updated_by.n) + 1))
		return -ENOMEM;
	c->query.key = keep_text(&c->text, q->key);
	c->query.search = keep_text(&c->text, q->search);
	f->updated_by = keep_text(&c->text, f->updated_by.p ? f->updated_by : SPAN_LITERAL(""));
	c->search = keep_lower(c->store, &c->text, q->search);
	c->updated_by = keep_lower(c->store, &c->text, f->updated_by);
	return buf_error(&c->text);
}

static int
open_list(struct store_cursor *c, struct store_version *version)
{
	const struct store_query *q = &c->query;
	int64_t behind = 0;
	int r = c->store->engine->take_reader(c->store, &c->reader);

	if (r == 0 && view_resolves(q))
		r = look_around(c);
	if (r == 0)
		r = view_version(c->reader->db, q, version);
	if (r == 0)
		add_salt(c->store, version);
	if (r == 0 && cache_list_key(&c->key, q, version) && q->offset > 0 &&
	    !cache_list(c->store, &c->key, &behind))
		behind = 0;
	if (r == 0)
		r = find_total(c);
	return r == 0 ? open_rows(c, q->offset, behind) : r;
}

int
store_list(struct store *s, const struct store_query *q, struct store_cursor **out,
    struct store_version *version)
{
	struct store_cursor *c = mem_zalloc(sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->store = s;
	holder_init(&c->holder);
	window_init(&c->window, view_resolves(q) ? OBJECT_KINDS_RESOLVED : OBJECT_KINDS);
	r = keep_query(c, q);
	if (r == 0)
		r = open_list(c, version);
	if (r < 0)
		c = store_list_close(c);
	*out = c;
	return r;
}

/* The page is full: keeps its end, so that the next page need not search for it. */
static void
keep_place(struct store_cursor *c)
{
	if (!id_is_none(&c->key.scope_id) && c->last > 0)
		cache_keep_list(c->store, &c->key, c->last);
}

/*
 * A Workspace's own list shows the links of its objects; other lists read them only to check the
 * MAC.
 */
static bool
shows_links(const struct store_cursor *c, struct statement *row)
{
	enum scope scope;

	return !view_resolves(&c->query) && db_scope(row, OBJECT_COL_SCOPE, &scope) == 0 &&
	       scope == SCOPE_WORKSPACE;
}

static int
read_row(struct store_cursor *c, struct statement *row, struct store_object *out)
{
	struct store *s = c->store;
	int64_t n = db_int64(row, OBJECT_COL_N);
	bool verified = authentic_is_verified(s, n, (uint64_t)db_int64(row, OBJECT_COL_DRAW));
	bool shown = shows_links(c, row);
	struct link_set links = { 0 };
	int r = 0;

	if (!verified || shown)
		r = window_links(&c->window, c->reader->db, n, !view_resolves(&c->query), &links);
	if (r == 0)
		r = object_open_row(s, row, verified ? NULL : &links, &c->holder, out);
	if (r == 0 && view_resolves(&c->query))
		return object_resolve_row(s, row, &c->holder, out);
	return r == 0 && shown ? object_open_links(s, &links, &c->holder, out) : r;
}

/* Copies the next row into the window. 1, 0: no more, or -errno. */
static int
copy_row(struct store_cursor *c)
{
	int r = db_row(c->st);

	if (r == 0) {
		r = open_next_rows(c);
		r = r == 1 ? db_row(c->st) : r;
	}
	if (r != 1)
		return r;
	c->n++;
	c->left -= c->left > 0;
	c->last = db_int64(c->st, OBJECT_COL_N);
	if (c->batch)
		c->n_bytes += db_blob(c->st, OBJECT_COL_SEALED).n;
	r = window_add(&c->window, c->st);
	if (r == 0 && (shows_links(c, c->st) || !authentic_is_verified(c->store, c->last,
						    (uint64_t)db_int64(c->st, OBJECT_COL_DRAW))))
		window_want_links(&c->window, c->last);
	return r < 0 ? r : 1;
}

/* The next row, in *out. 1, 0: no more, or -errno. */
static int
next_row(struct store_cursor *c, struct statement **out)
{
	int r = 1;

	*out = window_next(&c->window);
	if (*out)
		return 1;
	window_reset(&c->window);
	while (r == 1 && !c->ended && !window_is_full(&c->window)) {
		r = copy_row(c);
		c->ended = r == 0;
	}
	if (r < 0)
		return r;
	*out = window_next(&c->window);
	return *out != NULL;
}

/*
 * For a value that cannot be decrypted: leaves its object out, so that the others are still listed.
 * Fails when the reason may be the key: it was changed after this snapshot, or another manager has
 * changed it to one that is not here yet.
 */
static int
unopened(struct store_cursor *c, int r, const struct id *id)
{
	struct store *s = c->store;

	if (r == -EKEYREJECTED && state_follow_key(s, false) != 0)
		return -ENOTCONN;
	if (c->reader->as_of < s->rewrapped)
		return r;
	return authentic_refuse(
	    s, "OBJECT", id, "a value cannot be decrypted: its object is left out of lists");
}

int
store_list_next(struct store_cursor *c, struct store_object *out)
{
	struct store *s = c->store;
	struct statement *row;
	int r;

	if (s->engine->enter_reader)
		s->engine->enter_reader(s, c->reader);
	while ((r = next_row(c, &row)) == 1) {
		r = read_row(c, row, out);
		if (r == -EBADMSG || r == -EKEYREJECTED)
			r = unopened(c, r, &out->id);
		if (r == STORE_NOT_FOUND) {
			c->total--;
			/* the offset no longer counts this row: it is not cached */
			c->key.scope_id.s[0] = '\0';
			continue;
		}
		c->key.offset++;
		return r == 0 ? 1 : r;
	}
	if (r == 0)
		keep_place(c);
	return r;
}

int64_t
store_list_total(const struct store_cursor *c)
{
	return c->total;
}

struct store_cursor *
store_list_close(struct store_cursor *c)
{
	if (!c)
		return NULL;
	if (c->reader) {
		c->store->engine->leave_statement(c->reader, c->st);
		c->store->engine->leave_reader(c->store, c->reader);
	}
	holder_fini(&c->holder);
	window_fini(&c->window);
	buf_fini(&c->text);
	mem_free(c);
	return NULL;
}
