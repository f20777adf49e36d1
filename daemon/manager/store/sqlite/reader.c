/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that read lists. Cursors that start while nothing was written in between share one
 * connection; otherwise the next idle connection takes a new snapshot.
 */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

static struct sqlite_reader *
of(struct reader *r)
{
	return (struct sqlite_reader *)r;
}

void
reader_close(struct sqlite_reader *r)
{
	for (size_t i = 0; i < N_ELEMENTS(r->idle); i++)
		db_finish(r->idle[i]);
	if (r->is_open)
		sqlite_db_close(&r->db);
	*r = (struct sqlite_reader){ 0 };
}

static int
open_reader(struct store *s, struct sqlite_reader *r)
{
	int rc = sqlite_db_open(&r->db, s->name, SQLITE_OPEN_READWRITE, &s->absent);

	if (rc < 0)
		return rc;
	r->reader.db = &r->db.db;
	r->is_open = true;
	/* Many may be open, and each reads a list once, in order. */
	return sqlite_exec(&r->db, "PRAGMA cache_size = -512");
}

static int
begin_snapshot(struct store *s, struct sqlite_reader *r)
{
	struct statement *st;
	int rc = 0;

	if (r->is_open && db_in_transaction(&r->db.db))
		reader_close(r); /* it could not end its last snapshot, for lack of memory */
	if (!r->is_open)
		rc = open_reader(s, r);
	if (rc == 0)
		rc = db_run(db_query(&r->db.db, "BEGIN", ""));
	if (rc != 0)
		return rc;
	/* The snapshot is taken by the first read. */
	st = db_query(&r->db.db, "SELECT change_number FROM state", "");
	rc = db_row(st);
	db_reset(st);
	if (rc < 1) {
		(void)sqlite_exec(&r->db, "ROLLBACK"); /* the transaction has read nothing */
		return rc < 0 ? rc : -EUCLEAN;
	}
	r->reader.as_of = s->commits;
	return 0;
}

int
reader_take(struct store *s, struct reader **out)
{
	struct sqlite_store *q = sqlite_of(s);
	struct sqlite_reader *idle = NULL, *r;
	int rc = rehearse_session();

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < N_ELEMENTS(q->readers); i++) {
		r = &q->readers[i];
		if (r->reader.n_cursors > 0 && r->reader.as_of == s->commits) {
			r->reader.n_cursors++;
			*out = &r->reader;
			return 0;
		}
		if (r->reader.n_cursors == 0 && (!idle || (r->is_open && !idle->is_open)))
			idle = r;
	}
	if (!idle)
		return -EBUSY;
	rc = begin_snapshot(s, idle);
	if (rc == 0) {
		idle->reader.n_cursors = 1;
		*out = &idle->reader;
	}
	return rc;
}

void
reader_leave(struct store *s, struct reader *r)
{
	bool usable = rehearse_session() == 0;

	(void)s;
	if (--r->n_cursors > 0)
		return;
	/* A connection that could not end its snapshot must not be used again. */
	if (!usable || db_run(db_query(r->db, "COMMIT", "")) != 0)
		reader_close(of(r));
}

/* Returns an idle statement with this text, or prepares one. */
struct statement *
reader_statement(struct reader *r, const char *sql)
{
	for (size_t i = 0; i < N_ELEMENTS(of(r)->idle); i++) {
		struct statement *st = of(r)->idle[i];

		if (st && strcmp(sqlite_text_of(st), sql) == 0) {
			of(r)->idle[i] = NULL;
			return st;
		}
	}
	return r->db->driver->prepare(r->db, sql, false);
}

/* Keeps the statement for the next list of its kind, in place of the one kept longest. */
void
reader_leave_statement(struct reader *r, struct statement *st)
{
	struct statement **slot = &of(r)->idle[of(r)->next_idle++ % READER_STATEMENTS];

	if (!st)
		return;
	db_reset(st);
	(void)sqlite3_clear_bindings(((struct sqlite_statement *)st)->h); /* cannot fail */
	db_finish(*slot);
	*slot = st;
}
