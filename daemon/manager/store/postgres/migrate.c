/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings a database to this program's version of the schema while other managers serve from it. One
 * manager at a time migrates; others wait for it. A lock that cannot be had soon is given up and
 * tried again, because everybody else queues behind a statement that waits for a table.
 */
#include "manager/store/postgres/postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rnd.h"
#include "manager/store/postgres/schema.h"

#define PATIENCE_MS 60000

/*
 * The number of the advisory lock is arbitrary, but the same in all programs. The time-out is
 * shorter than the one after which a manager that waits for the same table no longer serves
 * (notify.c).
 */
#define BEGIN "BEGIN; SET LOCAL lock_timeout = 500; SELECT pg_advisory_xact_lock(7236837152)"

/* ---- which version ---- */

static int64_t
known(void)
{
	return (int64_t)pg_migrations(NULL);
}

/* The schema of the database; all 0: it has none. */
struct version {
	int64_t at, oldest;
	char program[41]; /* the program that made it */
};

static int
read_version(struct store *s, struct version *out)
{
	struct statement *st =
	    db_query(store_db(s), "SELECT to_regclass('program') IS NOT NULL", "");
	int r = db_row(st);
	bool there = r == 1 && db_bool(st, 0);

	*out = (struct version){ 0 };
	db_reset(st);
	if (r < 0 || !there)
		return r < 0 ? r : 0;
	st = db_query(store_db(s), "SELECT schema, oldest, version FROM program", "");
	r = db_row(st);
	if (r == 1) {
		struct span by = db_text(st, 2);

		out->at = db_int64(st, 0);
		out->oldest = db_int64(st, 1);
		(void)snprintf(out->program, sizeof out->program, "%.*s", (int)by.n, by.p);
	}
	db_reset(st);
	return r < 0 ? r : 0;
}

static int
refuse(const struct store *s, const struct version *v, struct why *why)
{
	why_set(why,
	    "%.200s: connd-manager %s has brought its schema to version %lld, which serves "
	    "programs that know version %lld or newer; this one knows %lld: use connd-manager %s "
	    "or newer",
	    s->name, v->program, (long long)v->at, (long long)v->oldest, (long long)known(),
	    v->program);
	return -EPROTO;
}

bool
pg_serves_this_program(int64_t oldest)
{
	return oldest <= known();
}

int
pg_check_schema(struct store *s, struct why *why)
{
	struct version v;
	int r = read_version(s, &v);

	return r == 0 && !pg_serves_this_program(v.oldest) ? refuse(s, &v, why) : r;
}

/* ---- migrating ---- */

static int
step(struct store *s, int64_t to)
{
	const struct pg_migration *all;
	size_t n = pg_migrations(&all);
	int r = to <= (int64_t)n ? pg_exec(&pg_session_of(s)->db, all[to - 1].sql, NULL) : -EINVAL;

	return r == 0 ? db_run(db_query(store_db(s),
			    "UPDATE program SET version = ?, schema = ?, oldest = ?", "tii",
			    CONND_VERSION, to, all[to - 1].oldest))
		      : r;
}

/* Waits for changes by programs that the new schema may not serve, and blocks new ones. */
static int
lock_out_changes(struct store *s)
{
	return pg_exec(&pg_session_of(s)->db, "SELECT 1 FROM state FOR UPDATE", NULL);
}

static int
migrate_in_transaction(struct store *s, bool make, struct version *v)
{
	int r = read_version(s, v);

	if (r == 0 && make && v->at > 0)
		return -EEXIST;
	if (r == 0 && v->at > 0)
		r = lock_out_changes(s);
	for (int64_t to = v->at + 1; to <= known() && r == 0; to++)
		r = step(s, to);
	if (r == 0 && make)
		r = state_make(s);
	return r == 0 && make ? authentic_make_key(s) : r;
}

static int
migrate_once(struct store *s, bool make, struct version *v)
{
	struct pg_db *db = &pg_session_of(s)->db;
	int r = pg_exec(db, BEGIN, NULL);

	db->in_transaction = db->h;
	if (r == 0)
		r = migrate_in_transaction(s, make, v);
	if (r == 0 && make)
		return 0; /* store_create_end() ends the transaction */
	if (r == 0)
		r = pg_exec(db, "COMMIT", NULL);
	else if (db->h)
		(void)!pg_exec(db, "ROLLBACK", NULL);
	db->in_transaction = false;
	return r;
}

/*
 * Tries again until no other user of the tables prevents it. A server that serves meanwhile tries
 * once.
 */
static int
migrate(struct store *s, bool make, struct version *v)
{
	int64_t until = clock_boot_ms() + PATIENCE_MS;
	int r;

	while ((r = migrate_once(s, make, v)) == -EBUSY && !postgres_of(s)->waits &&
	       clock_boot_ms() < until)
		(void)poll(NULL, 0, 200 + (int)rnd_below(600));
	return r;
}

static int
explain(const struct store *s, int r, struct why *why)
{
	if (r == -EEXIST)
		why_set(why,
		    "%.200s: there is a store already; nothing was changed. A further manager "
		    "needs "
		    "no init, but a copy of the first one's manager.key in its data directory",
		    s->name);
	else if (r == -ENOENT)
		why_set(why, "%.200s: there is no store in it; make one with `connd-manager init`",
		    s->name);
	else if (r == -ENOTCONN || (r < 0 && postgres_of(s)->waits))
		pg_say_lost(s, r, why);
	else if (r == -EBUSY)
		why_set(why,
		    "%.200s: its schema cannot be changed: for a minute, others have used its "
		    "tables without a pause; try again",
		    s->name);
	else if (r < 0)
		why_set(
		    why, "%.200s: its schema cannot be made or read: %s", s->name, strerror(-r));
	return r;
}

int
pg_migrate(struct store *s, bool make, struct why *why)
{
	struct version v;
	int r = pg_session_of(s) ? read_version(s, &v) : -ENOTCONN;

	if (r == 0 && !pg_serves_this_program(v.oldest))
		return refuse(s, &v, why);
	if (r == 0 && !make && v.at == 0)
		r = -ENOENT;
	if (r == 0 && (make || v.at < known()))
		r = migrate(s, make, &v);
	if (r < 0)
		return explain(s, r, why);
	s->schema_is_newer = v.at > known();
	if (s->schema_is_newer)
		log_info("the database's schema is a newer program's, and serves this one too",
		    LOG_STR("made_by", v.program));
	return 0;
}
