/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store on SQLite: its connections, its files, its thread. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "manager/store/sql/sql.h"
#include "manager/store/sql/statements.h"

/* A prepared statement. */
struct sqlite_statement {
	struct statement statement;
	sqlite3_stmt *h;
};

/* One connection with its prepared statements. */
struct sqlite_db {
	struct db db;
	sqlite3 *h;
	struct statements kept;
};

#define READER_STATEMENTS 8
/* A reading connection. */
struct sqlite_reader {
	struct reader reader;
	struct sqlite_db db;
	bool is_open;
	/* Statements of lists that ended: preparing one takes longer than a short list. */
	struct statement *idle[READER_STATEMENTS];
	size_t next_idle;
};
#define STORE_MAX_READERS STORE_MAX_LISTS

/* RESERVE_NONE: none was asked for, or none can be had. */
enum reserve { RESERVE_NONE, RESERVE_KEPT, RESERVE_SPENT };

struct sqlite_store {
	struct store store;
	struct session session;
	struct sqlite_db db;      /* the one that writes */
	int lock_fd, database_fd; /* see lock.c */
	/* What rewrap() does in SQL: see rewrap_all(). */
	int (*rewrap)(const struct keys *k, struct span ad, struct span envelope, struct buf *out);
	bool dirty;        /* the log holds frames of changed secrets */
	struct sync *sync; /* NULL: each commit is on disk when it returns */
	struct sqlite_reader readers[STORE_MAX_READERS];
	enum reserve reserve;
};
static inline struct sqlite_store *
sqlite_of(const struct store *s)
{
	return (struct sqlite_store *)s;
}

/* ---- db.c ---- */

int db_error(int rc); /* SQLite's code -> -errno */
/* absent: what is_absent() looks at; borrowed. 0 or -errno. */
MUST_CHECK int sqlite_db_open(
    struct sqlite_db *db, const char *path, int flags, struct absent *absent);
void sqlite_db_close(struct sqlite_db *db);
/* For a statement without parameters and results. 0 or -errno. */
int sqlite_exec(struct sqlite_db *db, const char *sql);
const char *sqlite_text_of(const struct statement *st);

/* ---- rehearsal.c ---- */

MUST_CHECK int rehearse_session(void); /* before a statement is bound. 0 or -errno */
MUST_CHECK int rehearse_wait(void);    /* before its first step. 0 or -errno */
/* Of struct engine. */
MUST_CHECK int rehearsal_begin(struct store *s);
bool rehearsal_may_wait(const struct store *s);
void rehearsal_set_wait(struct store *s, store_wait *wait, void *arg);
size_t rehearsal_session_end(struct store *s);

/* ---- reader.c ---- */

MUST_CHECK int reader_take(struct store *s, struct reader **out);
void reader_leave(struct store *s, struct reader *r);
struct statement *reader_statement(struct reader *r, const char *sql);
void reader_leave_statement(struct reader *r, struct statement *st);
void reader_close(struct sqlite_reader *r);

/* ---- reserve.c ---- */

bool reserve_release(struct store *s);         /* false: there was none */
MUST_CHECK int reserve_check(struct store *s); /* -ENOSPC: nothing may be changed now */
void reserve_keep(struct store *s);            /* see store_keep_reserve() */
void reserve_refill(struct store *s);

/* ---- sync.c ---- */

/* As the functions of store.h: store_sync_in_thread() and its like. */
MUST_CHECK int sync_start(struct store *s);
int sync_fd(const struct store *s);
void sync_turn(struct store *s);
struct store_synced sync_state(const struct store *s);
void sync_committed(struct store *s); /* after each commit */
/*
 * Whether a commit waits for the disk itself, as it does without a thread. Not in a transaction.
 * 0 or -errno.
 */
MUST_CHECK int sync_at_commit(struct store *s, bool on);
void sync_tidy(struct store *s);        /* copies the log into the database, then empties it */
struct sync *sync_free(struct sync *y); /* waits until commits are on disk; NULL is fine */

/* ---- keys.c ---- */

/* Adds rewrap() to the writing connection's SQL functions. */
MUST_CHECK int store_keys_init(struct store *s);
/* Replaces every envelope by the result of rewrap(), inside a transaction. */
MUST_CHECK int rewrap_all(struct store *s,
    int (*rewrap)(const struct keys *k, struct span ad, struct span envelope, struct buf *out));

MUST_CHECK int keys_rewrap_all(struct store *s); /* see store_rewrap() */

/* ---- backup.c ---- */

MUST_CHECK int copy_begin(struct store_copy **out, struct store *s, const char *path);
/* Makes the store's database, which must not exist yet, as a copy of the file `from`. */
MUST_CHECK int store_copy_in(struct store *s, const char *from, struct why *why);

/* ---- lock.c ---- */

/*
 * Both return a descriptor in *out; 0 or -errno with why; -EBUSY: another process has the
 * directory.
 */
MUST_CHECK int lock_directory(const char *dir, int *out, struct why *why);
/* make: creates the file, which must not exist yet. */
MUST_CHECK int lock_database(const char *path, bool make, int *out, struct why *why);

/* ---- migrate.c ---- */

/* Brings the schema up to date, or makes it in an empty database. 0 or -errno with why. */
MUST_CHECK int migrate(struct store *s, struct why *why);
