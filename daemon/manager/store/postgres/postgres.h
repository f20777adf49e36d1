/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the store on PostgreSQL: its connections, their pool, and the notifications of
 * other managers.
 */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "manager/store/postgres/open.h"
#include "manager/store/sql/sql.h"
#include "manager/store/sql/statements.h"

#define PG_MAX_PARAMETERS  24
#define PG_LIST_STATEMENTS 16

struct pg_db;

/* One statement of one connection. */
struct pg_statement {
	struct statement statement;
	struct pg_db *db;
	char *text;    /* with $1 for ?1 */
	char name[24]; /* its name on the server; "": it is not prepared */
	bool is_prepared;
	bool looks_absent; /* it calls is_absent() */
	bool has_run;
	PGresult *result; /* all rows; NULL: none */
	int row;          /* the current one of them */

	int n;                               /* parameters */
	struct buf bytes;                    /* of texts and blobs */
	uint64_t numbers[PG_MAX_PARAMETERS]; /* in network byte order */
	Oid types[PG_MAX_PARAMETERS];
	int at[PG_MAX_PARAMETERS]; /* in bytes; -1: a number; -2: NULL */
	int lengths[PG_MAX_PARAMETERS];
};

/* One connection. */
struct pg_db {
	struct db db;
	struct postgres_store *store;
	const char *url; /* borrowed */
	PGconn *h;       /* NULL: there is none */
	bool in_transaction;
	/* it is behind a pooler: nothing of a session outlives a transaction */
	bool is_pooled;
	uint64_t absent_salt; /* the set of rows that is_absent() has in this transaction */
	int64_t changes;
	unsigned last_name;
	struct statements kept;
	/* Statements of lists, found by their text. */
	struct pg_statement *lists[PG_LIST_STATEMENTS];
	size_t next_list;
};

#define PG_MAX_SESSIONS 64
#define PG_CHANNEL      "connd_change"
#define PG_NAME_SIZE    256
/* A session, its connection, and the list that is read from it. */
struct pg_session {
	struct session session;
	struct pg_db db;
	struct reader reader;
	bool is_taken;
	bool is_doubtful; /* taken when another server may have become the primary */
	bool is_reading;  /* a list's cursor is open on it */
};

/* The connection of callers without a session: each statement fails. */
struct pg_refused {
	struct db db;
	struct statement statement;
	int error; /* -errno */
};

struct postgres_store {
	struct store store;
	char *url, *listen_url;
	bool is_open;          /* until then no session is given to anybody */
	bool is_making;        /* until store_create_end(): one transaction, whatever is done */
	bool waits;            /* for its database: see store_open_waiting() */
	int open_error;        /* why it never will be open, -errno; 0: it may be */
	struct why open_why;   /* a sentence about that */
	int64_t start_ends_ms; /* the first attempt gives up then; 0: it is over */
	struct pg_session *sessions; /* PG_MAX_SESSIONS */
	size_t n_sessions;
	struct session refused;
	struct pg_refused no_db; /* of `refused` */
	size_t n_freed;          /* sessions that became free since the last pg_end_session() */
	bool is_lost;            /* it could not be reached, which was logged */
	bool is_full;            /* its disk, which was logged */
	bool key_is_missing;     /* another manager has changed it, which was logged */
	bool is_outdated;        /* the schema no longer serves this program */
	struct pg_session listener;
	int64_t heard_ms; /* all changes until then are known; 0: nobody calls store_turn() */
	int64_t look_ms;  /* when to look for changes again */
	int64_t timeline; /* of the server when it was last heard */
	bool lost_sight;  /* since then: what is in memory may be of another server's history */
	bool is_silent;   /* it is not heard, which was logged */
	store_wait *wait;
	void *wait_arg;
	int never_fd; /* which is never readable: for pg_pause() */
};
static inline struct postgres_store *
postgres_of(const struct store *s)
{
	return (struct postgres_store *)s;
}

/* ---- db.c: the driver ---- */

/* url is borrowed. */
void pg_db_init(struct pg_db *db, struct postgres_store *p, const char *url);
void pg_db_close(struct pg_db *db); /* ends the connection and frees its statements */
/* ends the connection; its statements are prepared again on the next one */
void pg_drop(struct pg_db *db);
/* Runs statements without parameters. 0 or -errno. *out (may be NULL): the last one's number. */
MUST_CHECK int pg_exec(struct pg_db *db, const char *sql, int64_t *out);
/* A statement of a list, kept for the next one of its text. NULL: out of memory. */
struct statement *pg_list_statement(struct pg_db *db, const char *sql);
void pg_leave_statement(struct pg_db *db, struct statement *st);
/* The driver of struct pg_refused. */
extern const struct db_driver pg_refused_driver;

/* ---- connect.c ---- */

/*
 * Connects, in so many ms at most. 0 or -errno with why: without the password. -EACCES: the server
 * refuses the user, the password or the database; -EINVAL: the database has another encoding.
 */
MUST_CHECK int pg_connect(struct pg_db *db, int64_t within_ms, struct why *why);
/*
 * -ENOTCONN with why: the server is a standby, or takes no change. 0 or -errno. *timeline, 0
 * before: another one is another server's history, which may lack the last changes of the one
 * before.
 */
MUST_CHECK int pg_check_primary(struct pg_db *db, int64_t *timeline, struct why *why);
/* Whether there is a connection, as far as can be seen without asking the server. */
bool pg_is_alive(struct pg_db *db);
/*
 * Waits until what was sent is on its way and the next result can be taken without waiting. 0 or
 * -errno; then the connection is dropped.
 */
MUST_CHECK int pg_wait_result(struct pg_db *db);
/* Lets others run for so many ms. 0 or an error of the hook. */
MUST_CHECK int pg_pause(struct postgres_store *p, int ms);
/* The URL without its password, for messages. 0 or -errno with why. */
MUST_CHECK int pg_name(const char *url, char out[static PG_NAME_SIZE], struct why *why);

/* ---- reason.c ---- */

/*
 * Fills in `why` from libpq's message after a failed connection. Returns `r`, or -EACCES for a
 * refusal that does not pass by itself; then `why` ends with what to do.
 */
MUST_CHECK int pg_reason(const struct pg_db *db, int r, struct why *why);
/* What to do about the refusal in libpq's message; NULL: it may pass. */
const char *pg_refusal(const char *text);
/* Fills in `why` for a statement that had no response, or was refused. */
void pg_say_lost(const struct store *s, int r, struct why *why);
/* True for an error that may pass by itself. */
bool pg_may_pass(int r);

/* ---- session.c ---- */

void pg_take_session(struct store *s);
/* No session goes on with a connection that it has now: the server may be the primary no longer. */
void pg_doubt_sessions(struct postgres_store *p);
size_t pg_end_session(struct store *s);
MUST_CHECK int pg_take_reader(struct store *s, struct reader **out);
void pg_enter_reader(struct store *s, struct reader *r);
void pg_leave_reader(struct store *s, struct reader *r);
struct pg_session *pg_session_of(const struct store *s); /* the current one; NULL: none */

/* ---- notify.c ---- */

bool pg_hears(const struct store *s); /* every change until a moment ago is known */
/*
 * true: they are known only until DEAF_MS ago, or the schema does not serve this program any more
 */
bool pg_is_deaf(const struct postgres_store *p);
int pg_notify_fd(const struct store *s); /* this and the next two: see store_turn() */
int pg_turn_ms(const struct store *s);
/* Connects the listener. 0 or -errno with why. */
MUST_CHECK int pg_listen(struct postgres_store *p, struct why *why);
void pg_turn(struct store *s);

/* ---- keys.c ---- */

/* As state_follow_key(); -ENOTCONN, and one log line, when the key is not here. */
MUST_CHECK int pg_follow_key(struct store *s, bool is_locked);
MUST_CHECK int pg_rewrap(struct store *s); /* see store_rewrap() */

/* ---- store.c ---- */

/* Tries to open a store that waits for its database. */
void pg_open_again(struct postgres_store *p);

/* ---- migrate.c ---- */

/*
 * Brings the schema up to date, or makes it. make: there must be none. 0 or -errno with why;
 * -EPROTO: it serves only programs that are newer than this one.
 */
MUST_CHECK int pg_migrate(struct store *s, bool make, struct why *why);
/* True if a schema that names this version as the oldest serves this program. */
bool pg_serves_this_program(int64_t oldest);
/* The same of the database. 0, -EPROTO with why, or -errno. */
MUST_CHECK int pg_check_schema(struct store *s, struct why *why);
