/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other managers change. A connection of its own listens; on each notification, and at least
 * four times a second, all changes behind the last known one are read and announced to the
 * watchers. So a notification that is lost, or that a pooler does not pass on, loses nothing. A
 * manager that has not reached the database for a second trusts no cache and runs no statement; nor
 * does one whose program the schema no longer serves (schema.h).
 */
#include "manager/store/postgres/postgres.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rnd.h"

#define LOOK_MS    250
#define DEAF_MS    1000
#define CONNECT_MS 1000

bool
pg_hears(const struct store *s)
{
	const struct postgres_store *p = postgres_of(s);

	return p->heard_ms && !p->is_outdated && p->listener.db.h &&
	       clock_boot_ms() - p->heard_ms < DEAF_MS;
}

bool
pg_is_deaf(const struct postgres_store *p)
{
	return p->is_outdated || (p->heard_ms && clock_boot_ms() - p->heard_ms >= DEAF_MS);
}

int
pg_notify_fd(const struct store *s)
{
	const struct pg_db *db = &postgres_of(s)->listener.db;

	return db->h ? PQsocket(db->h) : -1;
}

int
pg_turn_ms(const struct store *s)
{
	int64_t left = postgres_of(s)->look_ms - clock_boot_ms();

	return left > 0 ? (int)left : 0;
}

int
pg_listen(struct postgres_store *p, struct why *why)
{
	struct pg_db *db = &p->listener.db;
	int r = pg_connect(db, CONNECT_MS, why);

	if (r == 0 && !db->is_pooled) {
		r = pg_exec(db, "LISTEN " PG_CHANNEL, NULL);
		if (r < 0)
			pg_say_lost(&p->store, r, why);
	}
	if (r < 0)
		pg_drop(db); /* an open connection listens already */
	return r;
}

/* True if a notification has come. Its text is not used, since the changes are read. */
static bool
take_notifications(struct pg_db *db)
{
	PGnotify *n;
	bool some = false;

	if (!pg_is_alive(db))
		return false;
	while ((n = PQnotifies(db->h))) {
		PQfreemem(n);
		some = true;
	}
	return some;
}

static int
look(struct postgres_store *p, struct why *why)
{
	struct store *s = &p->store;
	struct session *mine = s->session;
	int64_t began = clock_boot_ms();
	int r;

	s->session = &p->listener.session;
	r = pg_check_schema(s, why);
	p->is_outdated = r == -EPROTO;
	if (r == 0)
		r = pg_follow_key(s, false);
	if (r == 0)
		r = p->lost_sight ? changes_forget(s) : changes_publish(s);
	s->session = mine;
	if (r < 0)
		return r;
	p->heard_ms = began; /* every change committed until then is known */
	if (p->lost_sight) {
		pg_doubt_sessions(p);
		store_tell(s, &(struct store_event){ .kind = STORE_EVENT_ALL });
	}
	p->lost_sight = false;
	return r;
}

/* Logs one line when an outage begins, unless a session has logged it, and one when it ends. */
static void
note(struct postgres_store *p, int r, const struct why *why)
{
	if (r < 0 && !p->is_silent && !p->is_lost)
		log_error("the database cannot be used: requests are refused until it can",
		    LOG_STR("reason", why->text));
	if (r == 0 && p->is_silent) {
		log_info("the database can be used again");
		p->is_lost = false;
	}
	p->is_silent = r < 0;
}

/*
 * Sets when to look again: at random, so that managers which lost one server do not all come back
 * at once.
 */
static int64_t
next_look(int r)
{
	return clock_boot_ms() + (r == 0 ? LOOK_MS : 100 + (int64_t)rnd_below(400));
}

/* The start-up code has logged that the database cannot be used. */
static void
open_in_turn(struct postgres_store *p)
{
	pg_open_again(p);
	p->look_ms = p->is_open ? 0 : next_look(-ENOTCONN);
}

/*
 * Reaches the primary and reads what has changed. After a new connection, a pause, or when a pooler
 * has gone to another server beneath its clients' connections, it may be another history.
 */
static int
hear(struct postgres_store *p, struct why *why)
{
	struct pg_db *db = &p->listener.db;
	int64_t timeline = 0;
	int r = 0;

	p->lost_sight = p->lost_sight || (p->timeline && !db->h);
	if (!db->h)
		r = pg_listen(p, why);
	if (r == 0)
		r = pg_check_primary(db, &timeline, why);
	if (r == 0 && p->timeline && (pg_is_deaf(p) || timeline != p->timeline))
		p->lost_sight = true;
	if (r == 0)
		r = look(p, why);
	if (r == 0)
		p->timeline = timeline;
	return r;
}

void
pg_turn(struct store *s)
{
	struct postgres_store *p = postgres_of(s);
	struct why why = { "the connection was lost" };
	bool notified = take_notifications(&p->listener.db);
	int r;

	if (!p->is_open) {
		open_in_turn(p);
		return;
	}
	if (!notified && p->listener.db.h && clock_boot_ms() < p->look_ms)
		return;
	if (!p->heard_ms)
		p->heard_ms = clock_boot_ms(); /* from now on the caches depend on it */
	r = hear(p, &why);
	if (p->key_is_missing)
		why_set(&why, "the database has another key");
	note(p, r, &why);
	p->look_ms = next_look(r);
}
