/* SPDX-License-Identifier: Apache-2.0 */
/* Connects to PostgreSQL and waits for it. Only the resolver may block. */
#include "manager/store/postgres/postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define ANSWER_MS 15000 /* a statement that takes longer fails */
/* a wait checks this often that the listener still has a connection to the database */
#define LOOK_UP_MS 250

/* ---- waiting ---- */

/* Waits when store_set_wait() was not called. */
static int
wait_blocking(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r = poll(&p, 1, timeout_ms);

	return r < 0 ? (errno == EINTR ? 1 : -errno) : r;
}

/*
 * How long to wait now, in ms; <= 0: no longer. When the listener has lost the database, no other
 * connection waits for it.
 */
static int64_t
time_left(const struct pg_db *db, int64_t until)
{
	const struct postgres_store *p = db->store;
	int64_t now = clock_boot_ms(), left = until - now;

	if (p->start_ends_ms && p->start_ends_ms - now < left)
		left = p->start_ends_ms - now;
	if (db == &p->listener.db || !p->heard_ms)
		return left;
	if (pg_is_deaf(p))
		return 0;
	return left < LOOK_UP_MS ? left : LOOK_UP_MS;
}

/* 0, or -errno; -ENOTCONN: it is `until` by clock_boot_ms(), or the database is not heard. */
static int
wait_until(struct pg_db *db, int fd, short events, int64_t until)
{
	struct postgres_store *p = db->store;
	struct session *mine = p->store.session;
	int64_t left;
	int r = 0;

	while (r == 0) {
		left = time_left(db, until);
		if (left <= 0)
			return -ENOTCONN;
		/* other fibers run meanwhile and have sessions of their own */
		p->store.session = NULL;
		r = p->wait ? p->wait(p->wait_arg, fd, events, (int)left)
			    : wait_blocking(fd, events, (int)left);
		p->store.session = mine;
	}
	return r < 0 ? r : 0;
}

int
pg_pause(struct postgres_store *p, int ms)
{
	struct session *mine = p->store.session;
	int r;

	p->store.session = NULL;
	r = p->wait ? p->wait(p->wait_arg, p->never_fd, POLLIN, ms)
		    : wait_blocking(p->never_fd, POLLIN, ms);
	p->store.session = mine;
	return r < 0 ? r : 0;
}

int
pg_wait_result(struct pg_db *db)
{
	int64_t until = clock_boot_ms() + ANSWER_MS;
	int unsent, r = 0;

	while (r == 0) {
		unsent = PQflush(db->h);
		if (unsent < 0 || (unsent == 0 && !PQisBusy(db->h)))
			break;
		r = wait_until(db, PQsocket(db->h), unsent ? POLLIN | POLLOUT : POLLIN, until);
		if (r == 0 && !PQconsumeInput(db->h))
			r = -ENOTCONN;
	}
	/* What PQgetResult() says of a broken connection is not worth more than this. */
	if (r == 0 && PQstatus(db->h) == CONNECTION_BAD)
		r = -ENOTCONN;
	if (r < 0)
		pg_drop(db);
	return r;
}

bool
pg_is_alive(struct pg_db *db)
{
	if (db->h && (!PQconsumeInput(db->h) || PQstatus(db->h) != CONNECTION_OK))
		pg_drop(db);
	return db->h;
}

/* ---- connecting ---- */

static int
poll_connection(struct pg_db *db, int64_t until)
{
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	int r = 0;

	if (!db->h)
		return -ENOMEM;
	if (PQstatus(db->h) == CONNECTION_BAD)
		return -ENOTCONN;
	while (r == 0 && next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
		r = wait_until(
		    db, PQsocket(db->h), next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until);
		if (r == 0)
			next = PQconnectPoll(db->h);
	}
	return r == 0 && next == PGRES_POLLING_FAILED ? -ENOTCONN : r;
}

static void
on_notice(void *arg, const PGresult *notice)
{
	(void)arg;
	(void)notice;
}

/* True behind a pooler, which gives its clients process numbers of its own. */
static int
look_at_server(struct pg_db *db, struct why *why)
{
	const char *encoding = PQparameterStatus(db->h, "server_encoding");
	int64_t pid = 0;
	int r = pg_exec(db, "SELECT pg_backend_pid()", &pid);

	if (r < 0) {
		pg_say_lost(&db->store->store, r, why);
		return r;
	}
	db->is_pooled = pid != PQbackendPID(db->h);
	if (encoding && strcmp(encoding, "UTF8") != 0) {
		why_set(why,
		    "%.200s: its encoding is %.20s: expected UTF8; make a database with "
		    "`createdb --encoding=UTF8 --template=template0`",
		    db->store->store.name, encoding);
		return -EINVAL;
	}
	return 0;
}

int
pg_check_primary(struct pg_db *db, int64_t *timeline, struct why *why)
{
	/* The name of a WAL file begins with the timeline, in hexadecimal. */
	int r = pg_exec(db,
	    "SELECT CASE WHEN pg_is_in_recovery() OR "
	    "current_setting('default_transaction_read_only')::BOOLEAN THEN 0 ELSE ('x' || "
	    "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::BIT(32)::INTEGER END",
	    timeline);

	if (r < 0) {
		pg_say_lost(&db->store->store, r, why);
		return r;
	}
	if (*timeline == 0)
		why_set(
		    why, "%.200s: the server is a standby, or read-only", db->store->store.name);
	return *timeline == 0 ? -ENOTCONN : 0;
}

int
pg_connect(struct pg_db *db, int64_t within_ms, struct why *why)
{
	/* A parameter of the URL overrides the first lines. */
	static const char *const names[] = { "target_session_attrs", "tcp_user_timeout",
		"keepalives_idle", "fallback_application_name", "dbname", "client_encoding", NULL };
	const char *values[] = { "read-write", "10000", "10", "connd-manager", db->url, "UTF8",
		NULL };
	int r;

	pg_drop(db); /* usually there is none */
	db->h = PQconnectStartParams(names, values, 1);
	if (db->h)
		(void)PQsetErrorVerbosity(db->h, PQERRORS_VERBOSE); /* see pg_reason() */
	r = poll_connection(db, clock_boot_ms() + within_ms);
	if (r < 0) {
		r = pg_reason(db, r, why);
		pg_drop(db);
		return r;
	}
	(void)PQsetnonblocking(db->h, 1); /* it cannot fail here */
	(void)PQsetNoticeReceiver(db->h, on_notice, NULL);
	r = look_at_server(db, why);
	if (r == 0)
		r = pg_check_primary(db, &(int64_t){ 0 }, why);
	if (r < 0)
		pg_drop(db);
	return r;
}

/* ---- names ---- */

static const char *
option(const PQconninfoOption *options, const char *name, const char *otherwise)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, name) == 0 && options->val && *options->val)
			return options->val;
	return otherwise;
}

int
pg_name(const char *url, char out[static PG_NAME_SIZE], struct why *why)
{
	char *error = NULL;
	PQconninfoOption *options = PQconninfoParse(url, &error);

	if (!options) { /* libpq's own message may have the password */
		PQfreemem(error);
		why_set(why, "the store's URL cannot be read: expected "
			     "postgresql://[USER@]HOST[:PORT]/DATABASE[?PARAMETER=VALUE]");
		return -EINVAL;
	}
	(void)snprintf(out, PG_NAME_SIZE, "postgresql://%.120s/%.100s", option(options, "host", ""),
	    option(options, "dbname", ""));
	PQconninfoFree(options);
	return 0;
}
