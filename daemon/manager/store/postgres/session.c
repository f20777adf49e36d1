/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of sessions. A caller that runs a statement without a session takes one: it waits when
 * all are in use, and connects when the connection is lost. A list keeps the session that it began
 * in until its cursor is closed.
 */
#include "manager/store/postgres/postgres.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rnd.h"

#define FREE_MS    5000 /* to wait for a session that is in use */
#define READ_MS    4000 /* to wait until fewer lists are read */
#define CONNECT_MS 3000

static struct pg_session *
of_session(struct session *session)
{
	return (struct pg_session *)session;
}

struct pg_session *
pg_session_of(const struct store *s)
{
	return s->session && s->session != &postgres_of(s)->refused ? of_session(s->session) : NULL;
}

static struct pg_session *
find_free(struct postgres_store *p)
{
	struct pg_session *lost = NULL;

	for (size_t i = 0; i < p->n_sessions; i++) {
		struct pg_session *one = &p->sessions[i];

		if (one->is_taken)
			continue;
		if (pg_is_alive(&one->db))
			return one;
		lost = lost ? lost : one;
	}
	return lost;
}

/* 0, -EBUSY or another error of the hook. */
static int
wait_for_free(struct postgres_store *p, struct pg_session **out)
{
	int64_t until = clock_boot_ms() + FREE_MS, left;
	int r = 1;

	while (!(*out = find_free(p)) && r > 0) {
		left = until - clock_boot_ms();
		r = p->wait && left > 0 ? p->wait(p->wait_arg, -1, 0, (int)left) : 0;
	}
	return *out ? 0 : r < 0 ? r : -EBUSY;
}

static void
refuse(struct postgres_store *p, int r)
{
	p->no_db.error = r;
	p->store.session = &p->refused;
}

/* 0 or -errno; then it is free again. */
static int
connect_session(struct postgres_store *p, struct pg_session *one)
{
	struct why why;
	int r = pg_connect(&one->db, CONNECT_MS, &why);

	if (r == 0)
		return 0;
	if (!p->is_lost && !p->is_silent)
		log_error("the database cannot be reached", LOG_STR("reason", why.text));
	p->is_lost = true;
	one->is_taken = false;
	p->n_freed++;
	return -ENOTCONN;
}

void
pg_take_session(struct store *s)
{
	struct postgres_store *p = postgres_of(s);
	struct pg_session *one;
	int r = !p->is_open || pg_is_deaf(p) ? -ENOTCONN : wait_for_free(p, &one);

	if (r == 0) {
		one->is_taken = true;
		r = one->db.h ? 0 : connect_session(p, one);
	}
	if (r < 0) {
		refuse(p, r);
		return;
	}
	if (p->is_lost && !p->is_silent)
		log_info("the database is reached again");
	p->is_lost = false;
	s->session = &one->session;
}

void
pg_doubt_sessions(struct postgres_store *p)
{
	for (size_t i = 0; i < p->n_sessions; i++) {
		struct pg_session *one = &p->sessions[i];

		if (one->is_taken)
			one->is_doubtful = true;
		else
			pg_drop(&one->db);
	}
}

static void
give_back(struct postgres_store *p, struct pg_session *one)
{
	if (one->is_doubtful)
		pg_drop(&one->db);
	one->is_doubtful = false;
	if (one->db.in_transaction && pg_exec(&one->db, "ROLLBACK", NULL) < 0)
		pg_drop(&one->db);
	one->db.in_transaction = false;
	one->is_taken = false;
	p->n_freed++;
}

size_t
pg_end_session(struct store *s)
{
	struct postgres_store *p = postgres_of(s);
	struct pg_session *one = pg_session_of(s);
	size_t n;

	if (p->is_making)
		return false;
	if (one && !one->is_reading)
		give_back(p, one);
	s->session = NULL;
	n = p->n_freed;
	p->n_freed = 0;
	return n;
}

/* ---- readers ---- */

static struct pg_session *
of_reader(struct reader *r)
{
	return (struct pg_session *)((char *)r - offsetof(struct pg_session, reader));
}

/* Half of the sessions: clients of long lists may be slow. */
static bool
may_read(const struct postgres_store *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_sessions; i++)
		n += p->sessions[i].is_reading;
	return 2 * n < p->n_sessions || p->n_sessions == 1;
}

/*
 * After a change many ask for a list at once, and each takes some ms: they wait for their turn. 0,
 * or -EBUSY or another error of the hook.
 */
static int
wait_to_read(struct postgres_store *p)
{
	int64_t until = clock_boot_ms() + READ_MS;
	int r = 0;

	while (r == 0 && !may_read(p)) {
		if (pg_is_deaf(p))
			return -ENOTCONN;
		if (!p->wait || clock_boot_ms() >= until)
			return -EBUSY;
		r = pg_pause(p, 2 + (int)rnd_below(8));
	}
	return r;
}

int
pg_take_reader(struct store *s, struct reader **out)
{
	struct pg_session *one;
	int r = wait_to_read(postgres_of(s));

	if (r < 0)
		return r;
	one = pg_session_of(s);
	if (one && (one->is_reading || one->db.in_transaction))
		s->session = NULL; /* the other list's, or a transaction's */
	(void)store_db(s);
	one = pg_session_of(s);
	if (!one)
		return postgres_of(s)->no_db.error;
	r = pg_exec(&one->db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL);
	if (r < 0)
		return r;
	one->db.in_transaction = true;
	one->db.absent_salt = 0;
	one->is_reading = true;
	one->reader = (struct reader){ .db = &one->db.db, .as_of = s->commits, .n_cursors = 1 };
	*out = &one->reader;
	return 0;
}

void
pg_enter_reader(struct store *s, struct reader *r)
{
	if (!s->session)
		s->session = &of_reader(r)->session;
}

void
pg_leave_reader(struct store *s, struct reader *r)
{
	struct pg_session *one = of_reader(r);

	one->is_reading = false;
	if (one->db.in_transaction && pg_exec(&one->db, "COMMIT", NULL) < 0)
		pg_drop(&one->db);
	one->db.in_transaction = false;
	if (s->session != &one->session)
		give_back(postgres_of(s), one);
}
