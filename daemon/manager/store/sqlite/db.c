/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of SQLite: a connection, its memory, its prepared statements, its errors as -errno. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "manager/model/resolve.h"

static const struct db_driver driver;

static struct sqlite_statement *
of(struct statement *st)
{
	return (struct sqlite_statement *)st;
}

const char *
sqlite_text_of(const struct statement *st)
{
	return sqlite3_sql(((const struct sqlite_statement *)st)->h);
}

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

/*
 * in_view(linked, auto_link, excluded, shadowed): whether resolve_verdict() shows a row of another
 * scope.
 */
static void
on_resolve(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct resolve_case c = {
		.linked = sqlite3_value_int(v[0]),
		.auto_link = sqlite3_value_int(v[1]),
		.excluded = sqlite3_value_int(v[2]),
		.shadowed = sqlite3_value_int(v[3]),
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
	int rc = sqlite3_create_function(h, "in_view", 4,
	    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, on_resolve, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_create_function(h, "is_absent", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
		    absent, on_absent, NULL, NULL);
	return rc;
}

int
sqlite_db_open(struct sqlite_db *db, const char *path, int flags, struct absent *absent)
{
	static const char setup[] = "PRAGMA busy_timeout = 5000;"
				    "PRAGMA foreign_keys = ON;"
				    "PRAGMA trusted_schema = OFF;"
				    "PRAGMA cell_size_check = ON;"
				    "PRAGMA synchronous = FULL;"
				    "PRAGMA secure_delete = ON;"
				    "PRAGMA cache_size = -2048;";
	int rc;

	*db = (struct sqlite_db){ .db.driver = &driver };
	rc = sqlite3_open_v2(
	    path, &db->h, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->h, setup, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = add_functions(db->h, absent);
	if (rc != SQLITE_OK)
		sqlite_db_close(db);
	return db_error(rc);
}

static void
finish(struct statement *st)
{
	(void)sqlite3_finalize(of(st)->h); /* returns the error of its last step again */
	mem_free(st);
}

void
sqlite_db_close(struct sqlite_db *db)
{
	statements_fini(&db->kept);
	(void)sqlite3_close(db->h);
	*db = (struct sqlite_db){ 0 };
}

int
sqlite_exec(struct sqlite_db *db, const char *sql)
{
	return db_error(sqlite3_exec(db->h, sql, NULL, NULL, NULL));
}

/* A statement_make(). Also NULL when the statement does not fit the database's schema. */
static struct statement *
make_statement(struct db *base, const char *sql, bool kept)
{
	sqlite3 *h = ((struct sqlite_db *)base)->h;
	struct sqlite_statement *st = mem_zalloc(sizeof *st);
	int rc;

	if (!st)
		return NULL;
	st->statement.driver = &driver;
	rc = sqlite3_prepare_v3(h, sql, -1, kept ? SQLITE_PREPARE_PERSISTENT : 0, &st->h, NULL);
	if (rc == SQLITE_OK)
		return &st->statement;
	if (rc != SQLITE_NOMEM)
		log_error("a statement cannot be prepared", LOG_STR("reason", sqlite3_errmsg(h)));
	mem_free(st);
	return NULL;
}

static struct statement *
prepare(struct db *base, const char *sql, bool kept)
{
	struct sqlite_db *db = (struct sqlite_db *)base;

	if (rehearse_session() < 0)
		return NULL;
	if (kept)
		return statements_get(&db->kept, base, sql, make_statement);
	return make_statement(base, sql, false);
}

static int
bind_one(sqlite3_stmt *h, int i, char kind, va_list *ap)
{
	struct span s;

	switch (kind) {
	case 'i':
		return sqlite3_bind_int64(h, i, va_arg(*ap, int64_t));
	case 't':
		return sqlite3_bind_text(h, i, va_arg(*ap, const char *), -1, SQLITE_TRANSIENT);
	case 's':
		s = va_arg(*ap, struct span);
		return sqlite3_bind_text64(h, i, s.p, s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
	default:
		s = va_arg(*ap, struct span);
		return sqlite3_bind_blob64(h, i, s.p, s.n, SQLITE_TRANSIENT);
	}
}

static int
bind(struct statement *st, const char *kinds, va_list args)
{
	int rc = SQLITE_OK, n = sqlite3_bind_parameter_count(of(st)->h);
	va_list ap;

	va_copy(ap, args);
	for (int i = 1; *kinds && i <= n && rc == SQLITE_OK; kinds++, i++)
		rc = bind_one(of(st)->h, i, *kinds, &ap);
	va_end(ap);
	return db_error(rc);
}

static int
bind_values(struct statement *st, const char *kinds, const struct db_value *v)
{
	int rc = SQLITE_OK;

	for (int i = 1; kinds[i - 1] && rc == SQLITE_OK; i++, v++) {
		sqlite3_stmt *h = of(st)->h;

		if (kinds[i - 1] == 'i')
			rc = sqlite3_bind_int64(h, i, v->number);
		else if (kinds[i - 1] == 's')
			rc = sqlite3_bind_text64(
			    h, i, v->bytes.p, v->bytes.n, SQLITE_TRANSIENT, SQLITE_UTF8);
		else
			rc = sqlite3_bind_blob64(h, i, v->bytes.p, v->bytes.n, SQLITE_TRANSIENT);
	}
	return db_error(rc);
}

static bool
is_conflict(int rc)
{
	return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY;
}

static int
row(struct statement *st)
{
	sqlite3_stmt *h = of(st)->h;
	int rc = sqlite3_stmt_busy(h) ? 0 : rehearse_wait();

	if (rc < 0)
		return rc;
	rc = sqlite3_step(h);
	if (rc == SQLITE_ROW)
		return 1;
	(void)sqlite3_reset(h); /* reports rc again */
	return is_conflict(rc) ? -EEXIST : db_error(rc);
}

static int
run(struct statement *st)
{
	sqlite3_stmt *h = of(st)->h;
	int rc = rehearse_wait();

	if (rc < 0)
		return rc;
	do
		rc = sqlite3_step(h);
	while (rc == SQLITE_ROW);
	(void)sqlite3_reset(h);          /* reports rc again */
	(void)sqlite3_clear_bindings(h); /* cannot fail */
	return is_conflict(rc) ? STORE_CONFLICT : db_error(rc);
}

static void
reset(struct statement *st)
{
	(void)sqlite3_reset(of(st)->h); /* returns the error of its last step again */
}

static struct span
text(struct statement *st, int column)
{
	struct span s = { (const char *)sqlite3_column_text(of(st)->h, column), 0 };

	s.n = (size_t)sqlite3_column_bytes(of(st)->h, column);
	return s;
}

static struct span
blob(struct statement *st, int column)
{
	struct span s = { sqlite3_column_blob(of(st)->h, column), 0 };

	s.n = (size_t)sqlite3_column_bytes(of(st)->h, column);
	return s;
}

static int64_t
integer(struct statement *st, int column)
{
	return sqlite3_column_int64(of(st)->h, column);
}

static int64_t
changes(struct db *db)
{
	return sqlite3_changes64(((struct sqlite_db *)db)->h);
}

static bool
in_transaction(const struct db *db)
{
	return !sqlite3_get_autocommit(((const struct sqlite_db *)db)->h);
}

static const struct db_driver driver = {
	.prepare = prepare,
	.finish = finish,
	.bind = bind,
	.bind_values = bind_values,
	.row = row,
	.run = run,
	.reset = reset,
	.text = text,
	.blob = blob,
	.integer = integer,
	.changes = changes,
	.in_transaction = in_transaction,
};
