/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/denials.h"

#include <errno.h>
#include <stdio.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"

#define MINUTE_MS 60000
#define SHOWN     (LIMIT_KEY_BYTES + 1)

struct user {
	uid_t uid;
	int64_t began_ms; /* the start of its minute; 0: this entry is free */
	uint32_t logged;
	uint64_t unlogged;
};

struct denials {
	uint8_t hash_key[HASH_SHORT_KEY_SIZE];
	struct user user[DENIALS_USERS];
	struct user others; /* all who have no entry */
	uint64_t seen[DENIALS_KEYS];
	size_t n_seen;       /* how many have been remembered so far */
	struct event *timer; /* runs while a count is not logged yet */
};

/* --- what was logged ------------------------------------------------------------------------ */

static uint64_t
hash_of(const struct denials *d, uid_t uid, const char *what, struct span key)
{
	uint64_t h = hash_short(d->hash_key, key.p ? key.p : "", key.n);

	/* The kind's first letter tells the kinds apart. */
	return h ^ ((uint64_t)uid << 8) ^ (uint64_t)(unsigned char)what[0];
}

static bool
was_seen(const struct denials *d, uint64_t hash)
{
	size_t n = d->n_seen < DENIALS_KEYS ? d->n_seen : DENIALS_KEYS;

	for (size_t i = 0; i < n; i++)
		if (d->seen[i] == hash)
			return true;
	return false;
}

static bool
minute_is_over(const struct user *u, int64_t now_ms)
{
	return now_ms - u->began_ms >= MINUTE_MS;
}

/* The user's entry, a free or finished one, or the shared one. */
static struct user *
user_find(struct denials *d, uid_t uid, int64_t now_ms)
{
	struct user *vacant = NULL;

	for (size_t i = 0; i < DENIALS_USERS; i++) {
		struct user *u = &d->user[i];

		if (u->began_ms && u->uid == uid)
			return u;
		if (!vacant && (!u->began_ms || (minute_is_over(u, now_ms) && !u->unlogged)))
			vacant = u;
	}
	if (!vacant)
		return &d->others;
	*vacant = (struct user){ .uid = uid };
	return vacant;
}

/* --- counts ---------------------------------------------------------------------------------- */

static void
log_count(const struct denials *d, struct user *u)
{
	if (u == &d->others)
		log_warn("further denials, of several users",
		    LOG_INT("not_logged", (int64_t)u->unlogged));
	else
		log_warn("further denials", LOG_INT("uid", u->uid),
		    LOG_INT("not_logged", (int64_t)u->unlogged));
	u->unlogged = 0;
}

static void
start_timer(struct denials *d)
{
	static const struct timeval minute = { .tv_sec = MINUTE_MS / 1000 };

	if (!evtimer_pending(d->timer, NULL))
		(void)evtimer_add(d->timer, &minute);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct denials *d = arg;
	int64_t now_ms = clock_boot_ms();

	(void)fd;
	(void)what;
	for (size_t i = 0; i <= DENIALS_USERS; i++) {
		struct user *u = i < DENIALS_USERS ? &d->user[i] : &d->others;

		if (u->unlogged && minute_is_over(u, now_ms))
			log_count(d, u);
		else if (u->unlogged)
			start_timer(d);
	}
}

/* --- one denial ---------------------------------------------------------------------------- */

static void
begin_minute(const struct denials *d, struct user *u, int64_t now_ms)
{
	if (u->unlogged)
		log_count(d, u);
	u->began_ms = now_ms;
	u->logged = 0;
}

void
denials_note(
    struct denials *d, const struct caller *c, const char *what, struct span key, int64_t now_ms)
{
	char shown[SHOWN];
	struct user *u;
	uint64_t hash;

	if (!d)
		return;
	hash = hash_of(d, c->uid, what, key);
	if (was_seen(d, hash))
		return;
	u = user_find(d, c->uid, now_ms);
	if (!u->began_ms || minute_is_over(u, now_ms))
		begin_minute(d, u, now_ms);
	if (u->logged == DENIALS_A_MINUTE) {
		u->unlogged++;
		start_timer(d);
		return;
	}
	u->logged++;
	d->seen[d->n_seen++ % DENIALS_KEYS] = hash;
	(void)snprintf(shown, sizeof shown, "%.*s", (int)key.n, key.p ? key.p : "");
	log_warn("denied", LOG_INT("uid", c->uid), LOG_INT("pid", c->pid), LOG_STR("what", what),
	    LOG_STR("key", shown));
}

int
denials_new(struct denials **out, struct loop *loop)
{
	struct denials *d = mem_zalloc(sizeof *d);

	if (!d)
		return -ENOMEM;
	rnd_bytes(d->hash_key, sizeof d->hash_key);
	d->timer = evtimer_new(loop_base(loop), on_timer, d);
	if (!d->timer) {
		mem_free(d);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

struct denials *
denials_free(struct denials *d)
{
	if (!d)
		return NULL;
	for (size_t i = 0; i < DENIALS_USERS; i++)
		if (d->user[i].unlogged)
			log_count(d, &d->user[i]);
	if (d->others.unlogged)
		log_count(d, &d->others);
	event_free(d->timer);
	mem_free(d);
	return NULL;
}
