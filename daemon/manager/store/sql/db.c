/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of any database, by its driver. */
#include "manager/store/sql/db.h"

#include <errno.h>

#include "manager/store/store.h"

static int
bind(struct statement *st, const char *kinds, va_list ap)
{
	return st ? st->driver->bind(st, kinds, ap) : -ENOMEM;
}

struct statement *
db_query(struct db *db, const char *sql, const char *kinds, ...)
{
	struct statement *st = db->driver->prepare(db, sql, true);
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = bind(st, kinds, ap);
	va_end(ap);
	return r == 0 ? st : NULL;
}

struct statement *
db_query_once(struct db *db, const char *sql, const char *kinds, ...)
{
	struct statement *st = db->driver->prepare(db, sql, false);
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = bind(st, kinds, ap);
	va_end(ap);
	if (r == 0)
		return st;
	db_finish(st);
	return NULL;
}

void
db_finish(struct statement *st)
{
	if (st)
		st->driver->finish(st);
}

int
db_bind(struct statement *st, const char *kinds, ...)
{
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = bind(st, kinds, ap);
	va_end(ap);
	return r;
}

int
db_row(struct statement *st)
{
	return st ? st->driver->row(st) : -ENOMEM;
}

int
db_run(struct statement *st)
{
	return st ? st->driver->run(st) : -ENOMEM;
}

int
db_run_returning(struct statement *st, int64_t *out)
{
	int r = db_row(st);

	if (r < 1)
		return r == -EEXIST ? STORE_CONFLICT : r < 0 ? r : -EUCLEAN;
	*out = db_int64(st, 0);
	return db_run(st);
}

void
db_reset(struct statement *st)
{
	if (st)
		st->driver->reset(st);
}

struct span
db_text(struct statement *st, int column)
{
	return st->driver->text(st, column);
}

struct span
db_blob(struct statement *st, int column)
{
	return st->driver->blob(st, column);
}

int64_t
db_int64(struct statement *st, int column)
{
	return st->driver->integer(st, column);
}

bool
db_bool(struct statement *st, int column)
{
	return db_int64(st, column) != 0;
}

void
db_id(struct statement *st, int column, struct id *out)
{
	(void)id_from(db_text(st, column), out);
}

int
db_scope(struct statement *st, int column, enum scope *out)
{
	return scope_from(db_text(st, column), out) ? 0 : -EUCLEAN;
}

int
db_type(struct statement *st, int column, enum manager_type *out)
{
	return manager_type_from(db_text(st, column), out) ? 0 : -EUCLEAN;
}

int64_t
db_changes(struct db *db)
{
	return db->driver->changes(db);
}

bool
db_in_transaction(const struct db *db)
{
	return db->driver->in_transaction(db);
}
