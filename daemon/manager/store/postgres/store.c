/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on PostgreSQL: making and opening it; its transactions. A transaction locks the only
 * row of state with its first statement, so changes of all managers are made one after the other,
 * and are committed in the order of their numbers.
 */
#include "manager/store/postgres/postgres.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SESSIONS   8
#define CONNECT_MS 10000
#define START_MS   3000 /* how long a starting server waits for the database before it listens */
#define OPEN_MS    1000 /* time to connect when the server serves already */

/* The limits after which the locks of a lost manager end. */
#define LIMITS                                                                                     \
	"SET LOCAL lock_timeout = 5000; SET LOCAL statement_timeout = 15000; "                     \
	"SET LOCAL idle_in_transaction_session_timeout = 30000; "

/*
 * The last statement sees what another manager's migration did while this one waited for the lock.
 */
#define BEGIN "BEGIN; " LIMITS "SELECT 1 FROM state FOR UPDATE; SELECT oldest FROM program"

/*
 * COMMIT has no limit: at the limit, PostgreSQL would report a commit that a synchronous standby
 * does not have.
 */
#define COMMIT "SET LOCAL statement_timeout = 0; COMMIT"

/* ---- transactions ---- */

int
pg_follow_key(struct store *s, bool is_locked)
{
	struct postgres_store *p = postgres_of(s);
	int r = state_follow_key(s, is_locked);

	if (r == -EKEYREJECTED && !p->key_is_missing)
		log_error(
		    "another manager has changed the key that seals the database: replace this "
		    "manager's key file by it; requests are refused until then");
	p->key_is_missing = r == -EKEYREJECTED;
	return r == -EKEYREJECTED ? -ENOTCONN : r < 0 ? r : 0;
}

static int
rollback(struct store *s)
{
	struct pg_session *one = pg_session_of(s);
	int r;

	if (!one || !one->db.in_transaction || one->is_reading)
		return 0;
	/* Of a store that is being made, everything. */
	r = one->db.h ? pg_exec(&one->db, "ROLLBACK", NULL) : 0;
	if (r < 0)
		pg_drop(&one->db); /* this ends the transaction as well */
	one->db.in_transaction = false;
	return 0;
}

static int
begin(struct store *s)
{
	struct pg_session *one = pg_session_of(s);
	int64_t oldest = 0;
	int r;

	if (postgres_of(s)->is_making)
		return one && one->db.in_transaction ? 0 : -ENOTCONN;
	if (one && one->is_reading)
		s->session = NULL; /* an open cursor keeps the session */
	(void)store_db(s);
	one = pg_session_of(s);
	if (!one)
		return postgres_of(s)->no_db.error;
	r = rollback(s);
	if (r == 0)
		r = pg_exec(&one->db, BEGIN, &oldest);
	one->db.in_transaction = one->db.h;
	one->db.absent_salt = 0;
	if (r == 0 && !pg_serves_this_program(oldest))
		r = -ENOTCONN; /* store_turn() logs why */
	if (r == 0)
		r = pg_follow_key(s, true);
	if (r < 0)
		(void)rollback(s);
	return r;
}

/*
 * Without the server's response nobody knows whether the change was made. It counts as an error; if
 * it was made, the notification brings it.
 */
static int
commit(struct store *s)
{
	struct pg_session *one = pg_session_of(s);
	char sql[128] = COMMIT;
	int r;

	if (!one || !one->db.in_transaction)
		return -ENOTCONN;
	s->commits += postgres_of(s)->is_making;
	if (postgres_of(s)->is_making)
		return 0;
	if (s->session->change.number)
		(void)snprintf(sql, sizeof sql, "NOTIFY " PG_CHANNEL ", '%lld'; " COMMIT,
		    (long long)s->session->change.number);
	r = pg_exec(&one->db, sql, NULL);
	if (r < 0)
		return r;
	one->db.in_transaction = false;
	s->commits++;
	if (postgres_of(s)->is_full)
		log_info("the database's disk has room again");
	postgres_of(s)->is_full = false;
	return 0;
}

/* ---- the rest of an engine ---- */

static struct statement *
list_statement(struct reader *r, const char *sql)
{
	return pg_list_statement((struct pg_db *)r->db, sql);
}

static void
leave_statement(struct reader *r, struct statement *st)
{
	if (st)
		pg_leave_statement((struct pg_db *)r->db, st);
}

static void
tidy(struct store *s)
{
	(void)s; /* the server tidies its own files */
}

static uint64_t
bytes(struct store *s)
{
	struct statement *st =
	    db_query(store_db(s), "SELECT pg_database_size(current_database())", "");
	uint64_t n = db_row(st) == 1 ? (uint64_t)db_int64(st, 0) : 0;

	db_reset(st);
	return n;
}

static int
sync_in_thread(struct store *s)
{
	(void)s; /* what the server has committed is on its disk */
	return 0;
}

static int
sync_fd(const struct store *s)
{
	(void)s;
	return -1;
}

static struct store_synced
synced(const struct store *s)
{
	return (struct store_synced){ .upto = s->commits };
}

static int
copy_begin(struct store_copy **out, struct store *s, const char *path)
{
	(void)s;
	(void)path;
	*out = NULL;
	return -EOPNOTSUPP;
}

static bool
use_reserve(struct store *s)
{
	(void)s;
	return false;
}

static int
renumber(struct store *s)
{
	return pg_exec(&pg_session_of(s)->db,
	    "SELECT setval(pg_get_serial_sequence('object', 'n'), "
	    "(SELECT coalesce(max(n), 0) + 1 FROM object), false), "
	    "setval(pg_get_serial_sequence('audit', 'n'), "
	    "(SELECT coalesce(max(n), 0) + 1 FROM audit), false)",
	    NULL);
}

static bool
may_wait(const struct store *s)
{
	(void)s;
	return true;
}

static void
set_wait(struct store *s, store_wait *wait, void *arg)
{
	postgres_of(s)->wait = wait;
	postgres_of(s)->wait_arg = arg;
}

static char *
copy_text(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = mem_alloc(n);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

static int
set_listen(struct postgres_store *p, const char *url)
{
	char *listen = copy_text(url);

	if (!listen)
		return -ENOMEM;
	mem_wipe(p->listen_url, strlen(p->listen_url));
	mem_free(p->listen_url);
	p->listen_url = listen;
	p->listener.db.url = listen;
	return 0;
}

static int
set_options(struct store *s, const struct store_options *options)
{
	struct postgres_store *p = postgres_of(s);

	if (options->connections)
		p->n_sessions =
		    options->connections < PG_MAX_SESSIONS ? options->connections : PG_MAX_SESSIONS;
	return options->listen ? set_listen(p, options->listen) : 0;
}

static int
opened(const struct store *s, struct why *why)
{
	const struct postgres_store *p = postgres_of(s);

	if (p->is_open || p->is_making)
		return 0;
	*why = p->open_why;
	return p->open_error ? p->open_error : -EAGAIN;
}

static bool
is_reached(const struct store *s)
{
	return postgres_of(s)->is_open && !pg_is_deaf(postgres_of(s));
}

static void
close_store(struct store *s)
{
	struct postgres_store *p = postgres_of(s);

	p->wait = NULL; /* the event loop may have ended */
	p->is_making = false;
	if (p->is_open)
		store_flush(s);
	(void)pg_end_session(s);
	for (size_t i = 0; i < p->n_sessions; i++) {
		pg_db_close(&p->sessions[i].db);
		session_fini(&p->sessions[i].session);
	}
	pg_db_close(&p->listener.db);
	session_fini(&p->listener.session);
	session_fini(&p->refused);
	mem_free(p->sessions);
	if (p->url)
		mem_wipe(p->url, strlen(p->url)); /* wiped, since it may have a password */
	mem_free(p->url);
	if (p->listen_url)
		mem_wipe(p->listen_url, strlen(p->listen_url));
	mem_free(p->listen_url);
	if (p->never_fd >= 0)
		(void)close(p->never_fd); /* nothing was written */
	store_fini(s);
	mem_free(p);
}

static int
create_end(struct store *s, struct why *why)
{
	struct postgres_store *p = postgres_of(s);
	int r;

	p->is_making = false;
	r = commit(s);
	if (r < 0)
		why_set(why,
		    r == -ENOTCONN
			? "%.200s: the connection was lost before the database said whether the "
			  "store was made; try again: then it says whether there is one"
			: "%.200s: the store was not made",
		    s->name);
	p->is_open = r == 0;
	(void)pg_end_session(s);
	return r;
}

static const struct engine engine = {
	.is_shared = true,
	.batch = 64,
	.take_session = pg_take_session,
	.trusts_caches = pg_hears,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.take_reader = pg_take_reader,
	.enter_reader = pg_enter_reader,
	.leave_reader = pg_leave_reader,
	.list_statement = list_statement,
	.leave_statement = leave_statement,
	.rewrap = pg_rewrap,
	.tidy = tidy,
	.bytes = bytes,
	.renumber = renumber,
	.set_options = set_options,
	.opened = opened,
	.is_reached = is_reached,
	.may_wait = may_wait,
	.set_wait = set_wait,
	.session_end = pg_end_session,
	.notify_fd = pg_notify_fd,
	.turn_ms = pg_turn_ms,
	.turn = pg_turn,
	.create_end = create_end,
	.sync_in_thread = sync_in_thread,
	.sync_fd = sync_fd,
	.sync_turn = tidy,
	.synced = synced,
	.keep_reserve = tidy,
	.copy_begin = copy_begin,
	.use_reserve = use_reserve,
	.fill_reserve = tidy,
	.close = close_store,
};

/* ---- opening ---- */

static void
init_session(struct postgres_store *p, struct pg_session *one, const char *url)
{
	pg_db_init(&one->db, p, url);
	session_init(&one->session, &one->db.db);
}

static int
store_new(struct store **out, const char *url, struct keys *keys, struct why *why)
{
	struct postgres_store *p;
	char name[PG_NAME_SIZE];
	int r = pg_name(url, name, why);

	*out = NULL;
	if (r < 0)
		return r;
	p = mem_zalloc(sizeof *p);
	if (!p)
		return -ENOMEM;
	*out = &p->store;
	p->no_db = (struct pg_refused){ .db.driver = &pg_refused_driver,
		.statement.driver = &pg_refused_driver };
	session_init(&p->refused, &p->no_db.db);
	r = store_init(&p->store, &engine, keys, name);
	keys_share(keys);
	p->never_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->url = copy_text(url);
	p->listen_url = copy_text(url);
	p->sessions = mem_calloc(PG_MAX_SESSIONS, sizeof *p->sessions);
	if (r < 0 || p->never_fd < 0 || !p->url || !p->listen_url || !p->sessions) {
		*out = store_close(*out);
		return -ENOMEM;
	}
	p->n_sessions = SESSIONS;
	for (size_t i = 0; i < PG_MAX_SESSIONS; i++)
		init_session(p, &p->sessions[i], p->url);
	init_session(p, &p->listener, p->listen_url);
	return 0;
}

/* No lock is waited for without an end. Of a store that is being made, in its transaction. */
static int
read_state(struct store *s, struct why *why)
{
	struct pg_db *db = &pg_session_of(s)->db;
	int r = db->in_transaction ? 0 : pg_exec(db, "BEGIN; " LIMITS, NULL);

	db->in_transaction = db->h;
	if (r < 0)
		pg_say_lost(s, r, why);
	if (r == 0)
		r = state_check(s, false, why);
	if (r == 0)
		r = state_load(s, why);
	return r;
}

/* 0 or -errno with why; then no session is left in use, but for a store that is being made. */
static int
open_now(struct postgres_store *p, bool make, int64_t within_ms, struct why *why)
{
	struct pg_session *first = &p->sessions[0];
	int r = pg_is_alive(&first->db) ? 0 : pg_connect(&first->db, within_ms, why);

	if (r < 0)
		return r;
	first->is_taken = true;
	p->store.session = &first->session;
	p->is_making = make;
	r = pg_migrate(&p->store, make, why);
	if (r == 0)
		r = read_state(&p->store, why);
	if (r == 0 && make)
		return 0;
	(void)pg_end_session(&p->store); /* the transaction has only read */
	if (r == 0 && p->waits && !pg_is_alive(&p->listener.db))
		/* connects now, so that a wrong --store-listen is reported as well */
		r = pg_listen(p, why);
	p->is_open = r == 0;
	return r;
}

static int
open_new(struct store **out, const char *url, struct keys *keys, bool make, struct why *why)
{
	int r = store_new(out, url, keys, why);

	if (r == 0)
		r = open_now(postgres_of(*out), make, CONNECT_MS, why);
	if (r < 0)
		*out = store_close(*out);
	return r;
}

int
postgres_create_begin(struct store **out, const char *url, struct keys *keys, struct why *why)
{
	return open_new(out, url, keys, true, why);
}

int
postgres_open(struct store **out, const char *url, struct keys *keys, struct why *why)
{
	return open_new(out, url, keys, false, why);
}

/* ---- opening when the database can be used ---- */

void
pg_open_again(struct postgres_store *p)
{
	int r = open_now(p, false, OPEN_MS, &p->open_why);

	p->open_error = pg_may_pass(r) ? 0 : r;
}

int
postgres_open_waiting(struct store **out, const char *url, struct keys *keys,
    const struct store_options *options, struct why *why)
{
	struct postgres_store *p;
	int r = store_new(out, url, keys, why);

	if (r < 0)
		return r;
	p = postgres_of(*out);
	p->waits = true;
	r = set_options(*out, options);
	if (r == 0) {
		p->start_ends_ms = clock_boot_ms() + START_MS;
		r = open_now(p, false, START_MS, why);
		p->start_ends_ms = 0;
	}
	if (r == 0 || !pg_may_pass(r)) {
		*out = r < 0 ? store_close(*out) : *out;
		return r;
	}
	p->open_why = *why;
	p->is_silent = true; /* store_turn() logs the end of it */
	log_error("the database cannot be used: requests are refused until it can",
	    LOG_STR("reason", why->text));
	return 0;
}
