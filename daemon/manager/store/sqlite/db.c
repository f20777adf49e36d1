/* SPDX-License-Identifier: Apache-2.0 */
/* One SQLite connection: its memory, its prepared statements, its errors as ours. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "manager/model/resolve.h"

#define FIRST_ROOM 64 /* statements; a power of two */

static void *
on_malloc(int n)
{
	return mem_alloc((size_t)n);
}

static void *
on_realloc(void *p, int n)
{
	return mem_resize(p, (size_t)n);
}

static int
on_size(void *p)
{
	return p ? (int)malloc_usable_size(p) : 0;
}

static int
on_roundup(int n)
{
	return (n + 15) & ~15;
}

static int
on_init(void *arg)
{
	(void)arg;
	return SQLITE_OK;
}

static void
on_shutdown(void *arg)
{
	(void)arg;
}

int
store_global_init(void)
{
	static const sqlite3_mem_methods methods = {
		.xMalloc = on_malloc,
		.xFree = mem_free,
		.xRealloc = on_realloc,
		.xSize = on_size,
		.xRoundup = on_roundup,
		.xInit = on_init,
		.xShutdown = on_shutdown,
	};
	int rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);

	if (rc == SQLITE_OK)
		rc = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (rc == SQLITE_OK)
		rc = sqlite3_initialize();
	return db_error(rc);
}

int
db_error(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_TOOBIG:
		return -EMSGSIZE;
	default:
		return -EIO;
	}
}

/* in_view(): resolve_verdict() for the statements: own, linked, auto_link, excluded, shadowed. */
static void
on_resolve(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct resolve_case c = {
		.own = sqlite3_value_int(v[0]),
		.linked = sqlite3_value_int(v[1]),
		.auto_link = sqlite3_value_int(v[2]),
		.excluded = sqlite3_value_int(v[3]),
		.shadowed = sqlite3_value_int(v[4]),
	};

	(void)n;
	sqlite3_result_int(ctx, resolve_verdict(&c) != RESOLVE_ABSENT);
}

/* is_absent(id): whether the row was found not to verify. */
static void
on_absent(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	const struct absent *a = sqlite3_user_data(ctx);
	struct span text = { (const char *)sqlite3_value_text(v[0]),
		(size_t)sqlite3_value_bytes(v[0]) };
	struct id id;

	(void)n;
	sqlite3_result_int(ctx, a->n && id_from(text, &id) && absent_has(a, &id));
}

static int
add_functions(sqlite3 *h, struct absent *absent)
{
	int rc = sqlite3_create_function(h, "in_view", 5,
	    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, on_resolve, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_create_function(h, "is_absent", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
		    absent, on_absent, NULL, NULL);
	return rc;
}

int
db_open(struct db *db, const char *path, int flags, struct absent *absent)
{
	static const char setup[] = "PRAGMA busy_timeout = 5000;"
				    "PRAGMA foreign_keys = ON;"
				    "PRAGMA trusted_schema = OFF;"
				    "PRAGMA cell_size_check = ON;"
				    "PRAGMA synchronous = FULL;"
				    "PRAGMA secure_delete = ON;"
				    "PRAGMA cache_size = -2048;";
	int rc;

	*db = (struct db){ 0 };
	rc = sqlite3_open_v2(
	    path, &db->h, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->h, setup, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = add_functions(db->h, absent);
	if (rc != SQLITE_OK)
		db_close(db);
	return db_error(rc);
}

void
db_close(struct db *db)
{
	for (size_t i = 0; i < db->room; i++)
		(void)sqlite3_finalize(
		    db->kept[i].st); /* returns the error of its last step again */
	mem_free(db->kept);
	(void)sqlite3_close(db->h);
	*db = (struct db){ 0 };
}

/* ---- prepared statements: a hash table by the address of their text, at most half full ---- */

static struct db_statement *
slot_of(const struct db *db, const char *sql)
{
	size_t i = ((uintptr_t)sql >> 3) & (db->room - 1);

	while (db->kept[i].sql && db->kept[i].sql != sql)
		i = (i + 1) & (db->room - 1);
	return &db->kept[i];
}

/* Makes room for one more. 0 or -ENOMEM. */
static int
make_room(struct db *db)
{
	struct db was = *db;

	if (2 * (db->n_kept + 1) <= db->room)
		return 0;
	db->room = was.room ? 2 * was.room : FIRST_ROOM;
	db->kept = mem_calloc(db->room, sizeof *db->kept);
	if (!db->kept) {
		*db = was;
		return -ENOMEM;
	}
	for (size_t i = 0; i < was.room; i++) {
		if (was.kept[i].sql)
			*slot_of(db, was.kept[i].sql) = was.kept[i];
	}
	mem_free(was.kept);
	return 0;
}

/* Prepares the statement and keeps it. NULL: see db_statement(). */
static sqlite3_stmt *
prepare(struct db *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (make_room(db) < 0)
		return NULL;
	rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
	if (rc != SQLITE_OK) {
		/* The database does not match its version, or out of memory. */
		if (rc != SQLITE_NOMEM)
			log_error(
			    "statement not prepared", LOG_STR("reason", sqlite3_errmsg(db->h)));
		return NULL;
	}
	*slot_of(db, sql) = (struct db_statement){ sql, st };
	db->n_kept++;
	return st;
}

sqlite3_stmt *
db_statement(struct db *db, const char *sql)
{
	struct db_statement *kept = db->room ? slot_of(db, sql) : NULL;
	sqlite3_stmt *st = kept ? kept->st : NULL;

	if (!st)
		return prepare(db, sql);
	(void)sqlite3_reset(st); /* returns the error of its last step again */
	return st;
}

int
db_bind(sqlite3_stmt *st, int first, const char *kinds, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = first; *kinds && rc == SQLITE_OK; kinds++, i++) {
		struct span s;

		switch (*kinds) {
		case 'i':
			rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
			break;
		case 't':
			rc = sqlite3_bind_text(
			    st, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
			break;
		case 's':
			s = va_arg(ap, struct span);
			rc = sqlite3_bind_text64(st, i, s.p, s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
			break;
		case 'b':
			s = va_arg(ap, struct span);
			rc = sqlite3_bind_blob64(st, i, s.p, s.n, SQLITE_TRANSIENT);
			break;
		}
	}
	return db_error(rc);
}

sqlite3_stmt *
db_query(struct db *db, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st = db_statement(db, sql);
	va_list ap;
	int r;

	if (!st)
		return NULL;
	va_start(ap, kinds);
	r = db_bind(st, 1, kinds, ap);
	va_end(ap);
	return r == 0 ? st : NULL;
}

int
db_row(sqlite3_stmt *st)
{
	int rc;

	if (!st)
		return -ENOMEM;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		return 1;
	(void)sqlite3_reset(st); /* reports rc again */
	return db_error(rc);
}

int
db_run(sqlite3_stmt *st)
{
	int rc;

	if (!st)
		return -ENOMEM;
	do
		rc = sqlite3_step(st);
	while (rc == SQLITE_ROW);
	(void)sqlite3_reset(st);          /* reports rc again */
	(void)sqlite3_clear_bindings(st); /* cannot fail */
	if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY)
		return STORE_CONFLICT;
	return db_error(rc);
}

struct span
db_text(sqlite3_stmt *st, int column)
{
	struct span s = { (const char *)sqlite3_column_text(st, column), 0 };

	s.n = (size_t)sqlite3_column_bytes(st, column);
	return s;
}

struct span
db_blob(sqlite3_stmt *st, int column)
{
	struct span s = { sqlite3_column_blob(st, column), 0 };

	s.n = (size_t)sqlite3_column_bytes(st, column);
	return s;
}

void
db_id(sqlite3_stmt *st, int column, struct id *out)
{
	(void)id_from(db_text(st, column), out); /* "" where there is none */
}

int
db_scope(sqlite3_stmt *st, int column, enum scope *out)
{
	return scope_from(db_text(st, column), out) ? 0 : -EUCLEAN;
}

int
db_type(sqlite3_stmt *st, int column, enum manager_type *out)
{
	return manager_type_from(db_text(st, column), out) ? 0 : -EUCLEAN;
}
