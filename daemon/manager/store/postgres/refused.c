/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a caller that gets no session: each of its statements fails with one error. */
#include "manager/store/postgres/postgres.h"

#include <stddef.h>

static int
refuse_bind(struct statement *st, const char *kinds, va_list ap)
{
	(void)st;
	(void)kinds;
	(void)ap;
	return 0;
}

static struct statement *
refuse_prepare(struct db *db, const char *sql, bool kept)
{
	(void)sql;
	(void)kept;
	return &((struct pg_refused *)db)->statement;
}

static int
refuse_row(struct statement *st)
{
	return ((struct pg_refused *)((char *)st - offsetof(struct pg_refused, statement)))->error;
}

static void
refuse_nothing(struct statement *st)
{
	(void)st;
}

static bool
refuse_transaction(const struct db *db)
{
	(void)db;
	return false;
}

const struct db_driver pg_refused_driver = {
	.prepare = refuse_prepare,
	.finish = refuse_nothing,
	.bind = refuse_bind,
	.row = refuse_row,
	.run = refuse_row,
	.reset = refuse_nothing,
	.in_transaction = refuse_transaction,
};
