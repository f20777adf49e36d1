/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of environment objects, streamed from a snapshot. A page that follows one which was read
 * to its end begins where that one ended; any other counts its way there.
 *
 * A cursor steps through a statement of a reading connection, whose snapshot lives as long as any
 * cursor on it. Cursors that start while nothing was written in between share one connection; else
 * the next idle one takes a new snapshot.
 */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define SQL_MAX (32 * 1024)

struct store_cursor {
	struct store *store;
	struct reader *reader;
	sqlite3_stmt *st;
	bool resolves;
	struct list_key key; /* of the next row; "": nothing is kept of such a list */
	int64_t last;        /* the last row that was read */
	int64_t total;
	struct store_holder holder;
};

/* ---- readers ---- */

void
reader_close(struct reader *r)
{
	for (size_t i = 0; i < N_ELEMENTS(r->idle); i++)
		(void)sqlite3_finalize(r->idle[i]); /* was reset */
	if (r->is_open)
		db_close(&r->db);
	*r = (struct reader){ 0 };
}

static int
begin_snapshot(struct store *s, struct reader *r)
{
	sqlite3_stmt *st;
	int rc = 0;

	if (r->is_open && !sqlite3_get_autocommit(r->db.h))
		reader_close(r); /* out of memory, it could not leave its last snapshot */
	if (!r->is_open) {
		rc = db_open(&r->db, s->path, SQLITE_OPEN_READWRITE, &s->absent);
		if (rc < 0)
			return rc;
		r->is_open = true;
		/* Many may be open, and each reads a list once, in order. */
		rc = db_error(sqlite3_exec(r->db.h, "PRAGMA cache_size = -512", NULL, NULL, NULL));
		if (rc < 0)
			return rc;
	}
	rc = db_run(db_query(&r->db, "BEGIN", ""));
	if (rc != 0)
		return rc;
	/* The snapshot is taken by the first read. */
	st = db_query(&r->db, "SELECT change_number FROM state", "");
	rc = db_row(st);
	if (rc == 1)
		(void)sqlite3_reset(st); /* was fine */
	if (rc < 1) {
		(void)sqlite3_exec(r->db.h, "ROLLBACK", NULL, NULL, NULL); /* it read nothing */
		return rc < 0 ? rc : -EUCLEAN;
	}
	r->as_of = s->commits;
	return 0;
}

static int
take_reader(struct store *s, struct reader **out)
{
	struct reader *idle = NULL, *r;
	int rc;

	for (size_t i = 0; i < N_ELEMENTS(s->readers); i++) {
		r = &s->readers[i];
		if (r->n_cursors > 0 && r->as_of == s->commits) {
			r->n_cursors++;
			*out = r;
			return 0;
		}
		if (r->n_cursors == 0 && (!idle || (r->is_open && !idle->is_open)))
			idle = r;
	}
	if (!idle)
		return -EBUSY;
	rc = begin_snapshot(s, idle);
	if (rc == 0) {
		idle->n_cursors = 1;
		*out = idle;
	}
	return rc;
}

static void
leave_reader(struct reader *r)
{
	if (--r->n_cursors > 0)
		return;
	/* A connection that could not end its snapshot must not be used again. */
	if (db_run(db_query(&r->db, "COMMIT", "")) != 0)
		reader_close(r);
}

/* ---- statements ---- */

/* One that has this text and is not in use, prepared now if there is none. NULL with *rc. */
static sqlite3_stmt *
take_statement(struct reader *r, const struct buf *sql, int *rc)
{
	sqlite3_stmt *st = NULL;

	for (size_t i = 0; i < N_ELEMENTS(r->idle); i++) {
		if (r->idle[i] && strcmp(sqlite3_sql(r->idle[i]), buf_str(sql)) == 0) {
			st = r->idle[i];
			r->idle[i] = NULL;
			*rc = SQLITE_OK;
			return st;
		}
	}
	*rc = sqlite3_prepare_v2(r->db.h, buf_str(sql), (int)sql->len, &st, NULL);
	return st;
}

/* Keeps it for the next list of its kind, in the place of the one kept longest. */
static void
leave_statement(struct reader *r, sqlite3_stmt *st)
{
	sqlite3_stmt **slot = &r->idle[r->next_idle++ % READER_STATEMENTS];

	if (!st)
		return;
	(void)sqlite3_reset(st);          /* its last step told */
	(void)sqlite3_clear_bindings(st); /* cannot fail */
	(void)sqlite3_finalize(*slot);    /* was reset */
	*slot = st;
}

/*
 * Where a resolved list looks besides its own scope; "" (which nothing is in) where there is none.
 */
struct around {
	struct id workspace, deployment;
};

static int
prepare(struct reader *r, struct buf *sql, const struct store_query *q, const struct around *a,
    sqlite3_stmt **out)
{
	int rc = buf_error(sql);

	if (rc < 0)
		return rc;
	*out = take_statement(r, sql, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(*out, 1, q->scope_id.s, -1, SQLITE_TRANSIENT);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(*out) >= 2)
		rc = sqlite3_bind_text(*out, 2, a->workspace.s, -1, SQLITE_TRANSIENT);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(*out) >= 6)
		rc = sqlite3_bind_text(*out, 6, a->deployment.s, -1, SQLITE_TRANSIENT);
	if (rc == SQLITE_OK && q->key.p)
		rc =
		    sqlite3_bind_text64(*out, 3, q->key.p, q->key.n, SQLITE_TRANSIENT, SQLITE_UTF8);
	if (rc == SQLITE_OK && q->search.n > 0)
		rc = sqlite3_bind_text64(
		    *out, 8, q->search.p, q->search.n, SQLITE_TRANSIENT, SQLITE_UTF8);
	return db_error(rc);
}

static int
count_rows(struct store_cursor *c, const struct store_query *q, const struct around *a)
{
	struct buf sql = BUF_INIT(SQL_MAX);
	sqlite3_stmt *st = NULL;
	int r;

	view_count_sql(&sql, q, c->store->absent.n > 0);
	r = prepare(c->reader, &sql, q, a, &st);
	if (r == 0) {
		r = db_row(st);
		if (r == 1)
			c->total = sqlite3_column_int64(st, 0);
	}
	leave_statement(c->reader, st);
	buf_fini(&sql);
	return r < 0 ? r : 0;
}

/* behind: the row before the first one, 0 when it is not known. */
static int
open_rows(
    struct store_cursor *c, const struct store_query *q, const struct around *a, int64_t behind)
{
	struct buf sql = BUF_INIT(SQL_MAX);
	int r;

	view_list_sql(&sql, q, behind > 0, c->store->absent.n > 0);
	r = prepare(c->reader, &sql, q, a, &c->st);
	if (r == 0)
		r = db_error(sqlite3_bind_int64(c->st, 4, q->limit < 0 ? -1 : q->limit));
	if (r == 0)
		r = db_error(sqlite3_bind_int64(c->st, 5, behind > 0 ? 0 : q->offset));
	if (r == 0 && behind > 0)
		r = db_error(sqlite3_bind_int64(c->st, 7, behind));
	buf_fini(&sql);
	return r;
}

/* ---- versions of views ---- */

/* The versions of a scope's views, a type each, as this connection sees them. */
static int
read_versions(
    struct db *db, const struct store_query *q, struct store_version out[static MANAGER_N_TYPES])
{
	sqlite3_stmt *st;
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
		struct store_version v = { sqlite3_column_int64(st, 1),
			(uint64_t)sqlite3_column_int64(st, 2) };
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

/* Clients must not take a list for current that had rows which count as absent by now. */
static void
add_salt(const struct store *s, struct store_version *v)
{
	v->draw ^= s->absent.salt;
}

int
store_view_version(struct store *s, const struct store_query *q, struct store_version *out)
{
	struct kept_versions *k;
	int r = 0;

	*out = (struct store_version){ 0 };
	if (q->whole_workspace) {
		r = view_version(&s->db, q, out);
		add_salt(s, out);
		return r;
	}
	k = cache_versions(s, &q->scope_id);
	if (!k) {
		k = cache_new_versions(s, &q->scope_id);
		r = read_versions(&s->db, q, k->versions);
	}
	if (r == 0)
		*out = latest(k->versions, q->types);
	else
		k->id.s[0] = '\0';
	add_salt(s, out);
	return r;
}

/* ---- cursors ---- */

static int
look_around(struct store *s, const struct store_query *q, struct around *out)
{
	struct store_entity e;
	int r = store_entity_get(s, q->scope, &q->scope_id, &e);

	if (r == 0)
		*out = (struct around){ e.workspace, e.deployment };
	return r < 0 ? r : 0; /* the view of a place that does not exist is empty */
}

/* The total number of rows: kept, or counted now. */
static int
find_total(struct store_cursor *c, const struct store_query *q, const struct around *a)
{
	struct list_key key = c->key;
	int r;

	key.offset = -1;
	key.n_sorts = 0;
	memset(key.sorts, 0, sizeof key.sorts);
	if (!id_is_none(&key.scope_id) && cache_list(c->store, &key, &c->total))
		return 0;
	r = count_rows(c, q, a);
	if (r == 0 && !id_is_none(&key.scope_id))
		cache_keep_list(c->store, &key, c->total);
	return r;
}

static int
open_list(struct store_cursor *c, const struct store_query *q, struct store_version *version)
{
	struct around around = { 0 };
	int64_t behind = 0;
	int r = take_reader(c->store, &c->reader);

	if (r == 0 && c->resolves)
		r = look_around(c->store, q, &around);
	if (r == 0)
		r = view_version(&c->reader->db, q, version);
	if (r == 0)
		add_salt(c->store, version);
	if (r == 0 && cache_list_key(&c->key, q, version) && q->offset > 0 &&
	    !cache_list(c->store, &c->key, &behind))
		behind = 0;
	if (r == 0)
		r = find_total(c, q, &around);
	return r == 0 ? open_rows(c, q, &around, behind) : r;
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
	c->resolves = view_resolves(q);
	holder_init(&c->holder);
	r = open_list(c, q, version);
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

static int
read_row(struct store_cursor *c, struct store_object *out)
{
	struct db *db = &c->reader->db;
	int r = object_read_row(c->store, db, c->st, &c->holder, out);

	if (r == 0 && c->resolves)
		return object_resolve_row(c->store, c->st, &c->holder, out);
	if (r == 0 && out->scope == SCOPE_WORKSPACE)
		return object_read_links(c->store, db, c->last, &c->holder, out);
	return r;
}

int
store_list_next(struct store_cursor *c, struct store_object *out)
{
	int r;

	while ((r = db_row(c->st)) == 1) {
		c->last = sqlite3_column_int64(c->st, OBJECT_COL_N);
		r = read_row(c, out);
		/*
		 * One damaged value must not take the others away; but a key may have gone by now.
		 */
		if (r == -EBADMSG && c->reader->as_of >= c->store->rewrapped)
			r = authentic_refuse(c->store, "OBJECT", &out->id,
			    "a value does not open: its object counts as absent in lists");
		if (r == STORE_NOT_FOUND) {
			c->total--;
			c->key.scope_id.s[0] = '\0'; /* offsets count it no more */
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
		leave_statement(c->reader, c->st);
		leave_reader(c->reader);
	}
	holder_fini(&c->holder);
	mem_free(c);
	return NULL;
}
