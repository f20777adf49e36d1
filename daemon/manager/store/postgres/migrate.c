/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the schema. One manager at a time changes it; others wait for it. */
#include "manager/store/postgres/postgres.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gen/postgres1.sql.h"

/* Index i takes the schema from version i to i + 1. */
static const char *const migrations[] = { embed_postgres1_sql };

/* Any number, the same in all programs. */
#define LOCK "SELECT pg_advisory_xact_lock(7236837152)"

/* 0: there is none. */
static int
schema_version(struct store *s, int64_t *out)
{
	struct statement *st =
	    db_query(store_db(s), "SELECT to_regclass('program') IS NOT NULL", "");
	int r = db_row(st);
	bool there = r == 1 && db_bool(st, 0);

	*out = 0;
	db_reset(st);
	if (r < 0 || !there)
		return r < 0 ? r : 0;
	st = db_query(store_db(s), "SELECT schema FROM program", "");
	r = db_row(st);
	if (r == 1)
		*out = db_int64(st, 0);
	db_reset(st);
	return r < 0 ? r : 0;
}

static int
step(struct store *s, int64_t to)
{
	int r = pg_exec(&pg_session_of(s)->db, migrations[to - 1], NULL);

	return r == 0 ? db_run(db_query(store_db(s), "UPDATE program SET version = ?, schema = ?",
			    "ti", CONND_VERSION, to))
		      : r;
}

static int
migrate_in_transaction(struct store *s, bool make, int64_t *at)
{
	int r = schema_version(s, at);

	if (r == 0 && make && *at > 0)
		return -EEXIST;
	for (int64_t to = *at + 1; to <= (int64_t)N_ELEMENTS(migrations) && r == 0; to++)
		r = step(s, to);
	if (r == 0 && make)
		r = state_make(s);
	return r == 0 && make ? authentic_make_key(s) : r;
}

static int
explain(const struct store *s, int r, int64_t at, struct why *why)
{
	if (r == -EPROTO)
		why_set(why,
		    "%.200s: its schema is version %lld, this program knows %zu; use a newer "
		    "connd-manager",
		    s->name, (long long)at, N_ELEMENTS(migrations));
	else if (r == -EEXIST)
		why_set(why, "%.200s: there is a store already; nothing was changed", s->name);
	else if (r == -ENOENT)
		why_set(why, "%.200s: there is no store in it; make one with `connd-manager init`",
		    s->name);
	else if (r < 0)
		why_set(
		    why, "%.200s: its schema cannot be made or read: %s", s->name, strerror(-r));
	return r;
}

int
pg_migrate(struct store *s, bool make, struct why *why)
{
	struct pg_db *db = pg_session_of(s) ? &pg_session_of(s)->db : NULL;
	int64_t at = 0;
	int r = db ? schema_version(s, &at) : -ENOTCONN;

	if (r == 0 && at > (int64_t)N_ELEMENTS(migrations))
		r = -EPROTO;
	if (r == 0 && !make && at == 0)
		r = -ENOENT;
	if (r < 0 || (!make && at == (int64_t)N_ELEMENTS(migrations)))
		return explain(s, r, at, why);
	r = pg_exec(db, "BEGIN; " LOCK, NULL);
	db->in_transaction = db->h;
	if (r == 0)
		r = migrate_in_transaction(s, make, &at);
	if (r == 0)
		r = pg_exec(db, "COMMIT", NULL);
	else if (db->h)
		(void)!pg_exec(db, "ROLLBACK", NULL);
	db->in_transaction = false;
	return explain(s, r, at, why);
}
