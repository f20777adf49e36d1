/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/ready.h"

#include <errno.h>
#include <stdio.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/process/notify.h"

#define GRACE_S        10 /* without data we are ready after this time all the same */
#define EXTEND_EVERY_S 5  /* while [require] is not met */
#define EXTEND_BY_MS   15000

struct ready {
	struct replica *replica;
	const struct config *config;
	struct event *timer, *watchdog;
	int waited_s;
	bool begun, is_ready, grace_over, stopped;
};

static void
say_status(const struct replica_status *st)
{
	static const char *const name[] = { "not ready", "fresh", "stale", "offline", "expired" };
	char text[256];

	(void)snprintf(text, sizeof text, "%s: %zu connections, %zu variables%s%.150s",
	    name[st->state], st->n[KIND_CONNECTION], st->n[KIND_VARIABLE],
	    *st->last_error ? "; " : "", st->last_error);
	notify_status(text);
}

/* The first of [require] that is not there, or too old; NULL: none. */
static const struct config_require *
first_lack(const struct ready *r, int64_t now_ms)
{
	const struct config *c = r->config;

	for (size_t i = 0; i < c->require.n_keys; i++)
		if (!replica_has(r->replica, now_ms, c->require.key[i].kind,
			span_of(c->require.key[i].key), c->require.max_age_ms))
			return &c->require.key[i];
	return NULL;
}

bool
ready_now(const struct ready *r, const struct config_require **lacks)
{
	int64_t now_ms = clock_boot_ms();
	struct replica_status st;

	*lacks = first_lack(r, now_ms);
	replica_status(r->replica, now_ms, &st);
	return !*lacks && st.state != NOT_READY && st.state != EXPIRED;
}

/* The grace is for the service manager alone: it would take a connd that waits for a broken one. */
static bool
may_be_ready(const struct ready *r, const struct replica_status *st, int64_t now_ms)
{
	if (!r->begun || first_lack(r, now_ms))
		return false;
	return r->config->require.n_keys > 0 || st->state != NOT_READY || r->grace_over;
}

void
ready_check(struct ready *r)
{
	int64_t now_ms = clock_boot_ms();
	struct replica_status st;

	if (r->stopped)
		return;
	replica_status(r->replica, now_ms, &st);
	say_status(&st);
	if (r->is_ready || !may_be_ready(r, &st, now_ms))
		return;
	r->is_ready = true;
	(void)event_del(r->timer);
	log_info("ready", LOG_INT("connections", (int64_t)st.n[KIND_CONNECTION]),
	    LOG_INT("variables", (int64_t)st.n[KIND_VARIABLE]));
	notify_ready();
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ready *r = arg;

	(void)fd;
	(void)what;
	r->waited_s += EXTEND_EVERY_S;
	if (r->config->require.n_keys > 0)
		notify_extend_timeout(EXTEND_BY_MS);
	if (r->waited_s >= GRACE_S)
		r->grace_over = true;
	ready_check(r);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_watchdog();
}

int
ready_new(
    struct ready **out, struct loop *loop, struct replica *replica, const struct config *config)
{
	static const struct timeval every = { .tv_sec = EXTEND_EVERY_S };
	int64_t ping_ms = notify_watchdog_ms();
	struct timeval ping = { .tv_sec = ping_ms / 1000, .tv_usec = ping_ms % 1000 * 1000 };
	struct ready *r = mem_zalloc(sizeof *r);

	if (!r)
		return -ENOMEM;
	r->replica = replica;
	r->config = config;
	r->timer = event_new(loop_base(loop), -1, EV_PERSIST, on_timer, r);
	r->watchdog = event_new(loop_base(loop), -1, EV_PERSIST, on_watchdog, r);
	if (!r->timer || !r->watchdog || event_add(r->timer, &every) < 0 ||
	    (ping_ms > 0 && event_add(r->watchdog, &ping) < 0)) {
		ready_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void
ready_use(struct ready *r, const struct config *config)
{
	r->config = config;
}

void
ready_begin(struct ready *r)
{
	r->begun = true;
}

bool
ready_is(const struct ready *r)
{
	return r->is_ready;
}

void
ready_stop(struct ready *r)
{
	r->stopped = true;
}

struct ready *
ready_free(struct ready *r)
{
	if (!r)
		return NULL;
	if (r->timer)
		event_free(r->timer);
	if (r->watchdog)
		event_free(r->watchdog);
	mem_free(r);
	return NULL;
}
