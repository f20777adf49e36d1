/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of environment objects, streamed from a snapshot.
 *
 * A cursor steps through a statement of a reading connection, whose snapshot lives as long as any
 * cursor on it. Cursors that start while nothing was written in between share one connection; else the next
 * idle one takes a new snapshot.
 */
#include "manager/store_sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

struct store_cursor {
	struct store *store;
	struct reader *reader;
	sqlite3_stmt *st;
	bool resolves;
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

	if (!r->is_open) {
		rc = db_open(&r->db, s->path, SQLITE_OPEN_READWRITE);
		if (rc < 0)
			return rc;
		r->is_open = true;
		/* Many may be open, and each reads a list from one end to the other. */
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
	/* One that could not let go of its snapshot must not be used again. */
	if (db_run(db_query(&r->db, "COMMIT", "")) != 0)
		reader_close(r);
}

/* ---- the statement of a query ---- */

enum reading { READ_ROWS, READ_RESOLVED, READ_COUNT };

/* Where a resolved list looks besides its own scope; "" (which nothing is in) where there is none. */
struct around {
	struct id workspace, deployment;
};

/*
 * Parameters, the same in every statement: ?1 the scope's id, ?2 the Workspace it is in, ?3 the key,
 * ?4 limit, ?5 offset, ?6 the Deployment of a project.
 */
static void
add_filters(struct buf *sql, const struct store_query *q)
{
	const char *between = " AND o.type IN ('";

	if ((q->types & STORE_ALL_TYPES) != STORE_ALL_TYPES) {
		for (int t = 0; t < MANAGER_N_TYPES; t++) {
			if (q->types & 1U << t) {
				buf_addf(
				    sql, "%s%s", between, manager_type_name((enum manager_type)t));
				between = "', '";
			}
		}
		buf_adds(sql, q->types & STORE_ALL_TYPES ? "')" : " AND 0");
	}
	if (q->key.p)
		buf_adds(sql, " AND o.key = ?3");
}

/* Clients of the hosted API do not know the scope PROJECT, and stop where they see it. */
static const char *
scope_condition(const struct store_query *q)
{
	if (q->scope == SCOPE_ORGANIZATION)
		return "o.organization_id = ?1 AND o.scope <> 'PROJECT'";
	if (q->scope == SCOPE_WORKSPACE && q->whole_workspace)
		return "o.workspace_id = ?1 AND o.scope <> 'PROJECT'";
	return "o.scope_id = ?1";
}

static bool
resolves(const struct store_query *q)
{
	return q->resolve && (q->scope == SCOPE_DEPLOYMENT || q->scope == SCOPE_PROJECT);
}

/* What a statement reads of each row. link: the columns of the link it came through. */
static void
add_select(struct buf *sql, enum reading reading, const char *link)
{
	if (reading == READ_COUNT)
		buf_adds(sql, "SELECT 1 FROM object o ");
	else
		buf_addf(sql, "SELECT " OBJECT_COLUMNS "%s FROM object o ",
		    reading == READ_RESOLVED ? link : "");
}

/* Exclusions and own objects of a place, ?%d, as SQL conditions on the row o. */
#define EXCLUDED(place)                                                                            \
	"EXISTS (SELECT 1 FROM exclusion x WHERE x.object = o.n AND x.entity_id = " place ")"
#define HAS_OWN(place)                                                                             \
	"EXISTS (SELECT 1 FROM object w WHERE w.scope_id = " place                                 \
	" AND w.type = o.type AND w.key = o.key)"
#define LINKED(place)                                                                              \
	"EXISTS (SELECT 1 FROM link k WHERE k.object = o.n AND k.entity_id = " place ")"
#define OWN_COLUMNS  ", NULL AS link_entity, 0 AS link_version, NULL AS override, 0 AS via"
#define VIA_COLUMNS  ", NULL, 0, NULL, 1"
#define LINK_COLUMNS ", l.entity_id, l.version, l.sealed, 1"

/* The Workspace's objects that are linked to ?1, a Deployment or project. */
static void
add_linked(struct buf *sql, const struct store_query *q, enum reading reading)
{
	buf_adds(sql, " UNION ALL ");
	add_select(sql, reading, LINK_COLUMNS);
	buf_addf(sql,
	    "LEFT JOIN link l ON l.object = o.n AND l.entity_id = ?1 WHERE o.scope_id = ?2 "
	    "AND in_view(0, l.object IS NOT NULL, o.%s, " EXCLUDED("?1") ", " HAS_OWN("?1") ")",
	    q->scope == SCOPE_PROJECT ? "auto_link_projects" : "auto_link");
	add_filters(sql, q);
}

/* What ?6, a project's Deployment, sees, less what the project ?1 has or sees under the same keys. */
static void
add_deployments(struct buf *sql, const struct store_query *q, enum reading reading)
{
	buf_adds(sql, " UNION ALL ");
	add_select(sql, reading, VIA_COLUMNS);
	buf_adds(sql, "WHERE o.scope_id = ?6 AND NOT " HAS_OWN(
			  "?1") " AND NOT EXISTS "
				"(SELECT 1 FROM object p WHERE p.scope_id = ?2 AND p.type = o.type "
				"AND p.key = o.key "
				"AND in_view(0, EXISTS (SELECT 1 FROM link k WHERE k.object = p.n "
				"AND k.entity_id = ?1), "
				"p.auto_link_projects, EXISTS (SELECT 1 FROM exclusion x WHERE "
				"x.object = p.n "
				"AND x.entity_id = ?1), 0))");
	add_filters(sql, q);
	buf_adds(sql, " UNION ALL ");
	add_select(sql, reading, LINK_COLUMNS);
	buf_adds(sql,
	    "LEFT JOIN link l ON l.object = o.n AND l.entity_id = ?6 WHERE o.scope_id = ?2 "
	    "AND in_view(0, l.object IS NOT NULL, o.auto_link, " EXCLUDED("?6") ", " HAS_OWN(
		"?6") ") "
		      "AND NOT " HAS_OWN("?1") " AND NOT in_view(0, " LINKED(
			  "?1") ", o.auto_link_projects, " EXCLUDED("?1") ", 0)");
	add_filters(sql, q);
}

/* The rows of a query, in no order. */
static void
add_rows(struct buf *sql, const struct store_query *q, enum reading reading)
{
	add_select(sql, reading, OWN_COLUMNS);
	buf_addf(sql, "WHERE %s", scope_condition(q));
	add_filters(sql, q);
	if (!resolves(q))
		return;
	add_linked(sql, q, reading);
	if (q->scope == SCOPE_PROJECT)
		add_deployments(sql, q, reading);
}

static void
add_order(struct buf *sql, const struct store_query *q)
{
	static const char *const columns[] = {
		[STORE_SORT_TYPE] = "type",
		[STORE_SORT_KEY] = "key",
		[STORE_SORT_CREATED] = "created_ms",
		[STORE_SORT_UPDATED] = "updated_ms",
	};

	buf_adds(sql, " ORDER BY ");
	for (size_t i = 0; i < q->n_sorts && i < STORE_MAX_SORTS; i++)
		buf_addf(
		    sql, "%s%s, ", columns[q->sorts[i].by], q->sorts[i].descending ? " DESC" : "");
	/* DEPLOYMENT, PROJECT, WORKSPACE: the narrower scope first. */
	buf_adds(sql, "type, key, scope, id LIMIT ?4 OFFSET ?5");
}

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
	(void)sqlite3_clear_bindings(st); /* can not fail */
	(void)sqlite3_finalize(*slot);    /* was reset */
	*slot = st;
}

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
	return db_error(rc);
}

static int
count_rows(
    struct reader *reader, const struct store_query *q, const struct around *a, int64_t *total)
{
	struct buf sql = BUF_INIT(8192);
	sqlite3_stmt *st = NULL;
	int r;

	buf_adds(&sql, "SELECT count(*) FROM (");
	add_rows(&sql, q, READ_COUNT);
	buf_adds(&sql, ")");
	r = prepare(reader, &sql, q, a, &st);
	if (r == 0) {
		r = db_row(st);
		if (r == 1)
			*total = sqlite3_column_int64(st, 0);
	}
	leave_statement(reader, st);
	buf_fini(&sql);
	return r < 0 ? r : 0;
}

static int
open_rows(struct store_cursor *c, const struct store_query *q, const struct around *a)
{
	struct buf sql = BUF_INIT(8192);
	int r;

	add_rows(&sql, q, resolves(q) ? READ_RESOLVED : READ_ROWS);
	add_order(&sql, q);
	r = prepare(c->reader, &sql, q, a, &c->st);
	if (r == 0)
		r = db_error(sqlite3_bind_int64(c->st, 4, q->limit < 0 ? -1 : q->limit));
	if (r == 0)
		r = db_error(sqlite3_bind_int64(c->st, 5, q->offset));
	buf_fini(&sql);
	return r;
}

/* ---- numbers ---- */

/* All numbers of a scope, as this connection sees them. */
static int
read_numbers(struct db *db, const struct store_query *q, uint64_t numbers[static MANAGER_N_TYPES])
{
	sqlite3_stmt *st;
	int r;

	if (q->scope == SCOPE_WORKSPACE && q->whole_workspace)
		st = db_query(db,
		    "SELECT type, number FROM change WHERE scope_id = ?1 UNION ALL "
		    "SELECT type, number FROM change WHERE workspace_id = ?1 AND scope_id <> ?1",
		    "t", q->scope_id.s);
	else
		st = db_query(
		    db, "SELECT type, number FROM change WHERE scope_id = ?", "t", q->scope_id.s);
	while ((r = db_row(st)) == 1) {
		uint64_t n = (uint64_t)sqlite3_column_int64(st, 1);
		enum manager_type type;

		if (db_type(st, 0, &type) == 0 && n > numbers[type])
			numbers[type] = n;
	}
	return r;
}

static uint64_t
highest(const uint64_t numbers[static MANAGER_N_TYPES], unsigned types)
{
	uint64_t top = 0;

	for (int t = 0; t < MANAGER_N_TYPES; t++) {
		if ((types & 1U << t) && numbers[t] > top)
			top = numbers[t];
	}
	return top;
}

static int
view_number(struct db *db, const struct store_query *q, uint64_t *number)
{
	uint64_t numbers[MANAGER_N_TYPES] = { 0 };
	int r = read_numbers(db, q, numbers);

	if (r == 0)
		*number = highest(numbers, q->types);
	return r;
}

int
store_view_number(struct store *s, const struct store_query *q, uint64_t *number)
{
	struct kept_numbers *k;
	int r = 0;

	if (q->whole_workspace)
		return view_number(&s->db, q, number);
	k = cache_numbers(s, &q->scope_id);
	if (!k) {
		k = cache_new_numbers(s, &q->scope_id);
		r = read_numbers(&s->db, q, k->numbers);
	}
	if (r == 0)
		*number = highest(k->numbers, q->types);
	else
		k->id.s[0] = '\0';
	return r;
}

/* ---- cursors ---- */

static int
look_around(struct db *db, const struct store_query *q, struct around *out)
{
	sqlite3_stmt *st = db_query(db,
	    "SELECT workspace_id, deployment_id FROM entity WHERE scope = ? AND id = ?", "tt",
	    scope_name(q->scope), q->scope_id.s);
	int r = db_row(st);

	if (r == 1) {
		db_id(st, 0, &out->workspace);
		db_id(st, 1, &out->deployment);
		(void)sqlite3_reset(st); /* was fine */
	}
	return r < 0 ? r : 0;
}

int
store_list(struct store *s, const struct store_query *q, struct store_cursor **out, int64_t *total,
    uint64_t *number)
{
	struct store_cursor *c = mem_zalloc(sizeof *c);
	struct around around = { 0 };
	int r;

	if (!c)
		return -ENOMEM;
	c->store = s;
	holder_init(&c->holder);
	r = take_reader(s, &c->reader);
	c->resolves = resolves(q);
	if (r == 0 && c->resolves)
		r = look_around(&c->reader->db, q, &around);
	if (r == 0)
		r = view_number(&c->reader->db, q, number);
	if (r == 0)
		r = count_rows(c->reader, q, &around, total);
	if (r == 0)
		r = open_rows(c, q, &around);
	if (r < 0)
		c = store_list_close(c);
	*out = c;
	return r;
}

int
store_list_next(struct store_cursor *c, struct store_object *out)
{
	int r = db_row(c->st);

	if (r < 1)
		return r;
	r = object_read_row(c->store, c->st, &c->holder, out);
	if (r == 0 && c->resolves)
		r = object_resolve_row(c->store, c->st, &c->holder, out);
	else if (r == 0 && out->scope == SCOPE_WORKSPACE)
		r = object_read_links(c->store, &c->reader->db,
		    sqlite3_column_int64(c->st, OBJECT_COL_N), &c->holder, out);
	return r == 0 ? 1 : r;
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
