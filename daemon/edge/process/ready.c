/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/ready.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/process/notify.h"

#define GRACE_S        10 /* without [require], READY=1 is sent after this time in any case */
#define EXTEND_EVERY_S 5  /* how often to extend the start time-out for [require] */
#define EXTEND_BY_MS   15000
#define LACKS_SIZE     (WHY_SIZE / 3) /* room for the missing keys in one sentence */

struct ready {
	struct replica *replica;
	const struct config *config;
	struct event *timer; /* until it is ready */
	struct alarm *watchdog;
	int64_t ping_ms; /* of systemd's watchdog; 0: there is none */
	int waited_s;
	struct why hindrance; /* "": none */
	struct why awaited;   /* the keys of [require] that the log named last as missing */
	bool begun, grace_over, stopped;
	bool is_ready; /* READY=1 has been sent */
	bool had_data; /* "ready" has been logged */
};

static bool
lacks_key(const struct ready *r, int64_t now_ms, const struct config_require *key)
{
	return !replica_has(
	    r->replica, now_ms, key->kind, span_of(key->key), r->config->require.max_age_ms);
}

/* Returns the first key of [require] that is missing or too old; NULL if there is none. */
static const struct config_require *
first_lack(const struct ready *r, int64_t now_ms)
{
	const struct config *c = r->config;

	for (size_t i = 0; i < c->require.n_keys; i++)
		if (lacks_key(r, now_ms, &c->require.key[i]))
			return &c->require.key[i];
	return NULL;
}

/*
 * Writes the names of the keys of [require] that are missing or too old, as many as fit. Returns
 * their number.
 */
static size_t
name_lacks(const struct ready *r, int64_t now_ms, char *to, size_t size)
{
	const struct config *c = r->config;
	size_t n = 0, unnamed = 0;
	struct buf names;

	buf_init(&names, size - sizeof " and 10000 more");
	for (size_t i = 0; i < c->require.n_keys; i++) {
		const struct config_require *key = &c->require.key[i];

		if (!lacks_key(r, now_ms, key))
			continue;
		n++;
		if (names.len + strlen(key->key) + sizeof " conn:" > names.max)
			unnamed++;
		else
			buf_addf(&names, "%s%s%s", names.len ? " " : "", kind_prefix(key->kind),
			    key->key);
	}
	(void)snprintf(to, size, "%s", buf_str(&names));
	if (unnamed > 0)
		(void)snprintf(to + names.len, size - names.len, " and %zu more", unnamed);
	buf_fini(&names);
	return n;
}

static void
say_status(const struct ready *r, const struct replica_status *st)
{
	static const char *const name[] = { "not ready", "fresh", "stale", "offline", "expired" };
	char text[NOTIFY_STATUS_SIZE], lacks[NOTIFY_STATUS_SIZE / 3] = "";
	size_t n = r->is_ready ? 0 : name_lacks(r, clock_boot_ms(), lacks, sizeof lacks);

	if (*r->hindrance.text) {
		notify_status(r->hindrance.text);
		return;
	}
	(void)snprintf(text, sizeof text, "%s: %zu connections, %zu variables%s%s%s%s",
	    name[st->state], st->n[KIND_CONNECTION], st->n[KIND_VARIABLE],
	    n ? "; waiting for " : "", lacks, *st->last_error ? "; " : "", st->last_error);
	notify_status(text);
}

void
ready_hinder(struct ready *r, const char *sentence)
{
	why_set(&r->hindrance, "%s", sentence ? sentence : "");
	ready_check(r);
}

bool
ready_now(const struct ready *r, const struct config_require **lacks)
{
	int64_t now_ms = clock_boot_ms();
	struct replica_status st;

	*lacks = first_lack(r, now_ms);
	replica_status(r->replica, now_ms, &st);
	return !*r->hindrance.text && !*lacks && st.state != NOT_READY && st.state != EXPIRED;
}

/* Returns why no lookups are served. The state must be NOT_READY or EXPIRED. */
static const char *
why_not_served(const struct ready *r, const struct replica_status *st)
{
	if (st->state == NOT_READY)
		return replica_why_no_data(r->replica);
	return *st->last_error ? st->last_error : "the data is too old to be served";
}

bool
ready_why_not(const struct ready *r, struct why *why)
{
	char lacks[LACKS_SIZE];
	const struct config_require *first;
	struct replica_status st;
	size_t n;

	if (ready_now(r, &first))
		return false;
	replica_status(r->replica, clock_boot_ms(), &st);
	n = name_lacks(r, clock_boot_ms(), lacks, sizeof lacks);
	if (*r->hindrance.text)
		why_set(why, "%s", r->hindrance.text);
	else if (n > 0)
		why_set(why, "%s %s missing or too old%s%s", lacks, n > 1 ? "are" : "is",
		    *st.last_error ? ": " : "", st.last_error);
	else
		why_set(why, "%s", why_not_served(r, &st));
	return true;
}

/*
 * Without data, READY=1 is sent after GRACE_S all the same: systemd would end a start that takes
 * longer, and connd can only wait for its manager.
 */
static bool
may_be_ready(const struct ready *r, const struct replica_status *st, int64_t now_ms)
{
	if (!r->begun || first_lack(r, now_ms))
		return false;
	return r->config->require.n_keys > 0 || st->state != NOT_READY || r->grace_over;
}

static void
log_ready(const struct ready *r, const struct replica_status *st)
{
	if (st->state == NOT_READY)
		log_warn(
		    "started without data", LOG_STR("reason", replica_why_no_data(r->replica)));
	else
		log_info("ready", LOG_INT("connections", (int64_t)st->n[KIND_CONNECTION]),
		    LOG_INT("variables", (int64_t)st->n[KIND_VARIABLE]));
}

void
ready_check(struct ready *r)
{
	int64_t now_ms = clock_boot_ms();
	struct replica_status st;

	if (r->stopped)
		return;
	replica_status(r->replica, now_ms, &st);
	say_status(r, &st);
	if (r->is_ready ? r->had_data || st.state == NOT_READY : !may_be_ready(r, &st, now_ms))
		return;
	log_ready(r, &st);
	r->had_data = st.state != NOT_READY;
	if (r->is_ready)
		return; /* the data has come after the grace time */
	r->is_ready = true;
	(void)event_del(r->timer);
	notify_ready();
}

/* Logs the keys of [require] that are missing, whenever they have changed. */
static void
log_awaited(struct ready *r)
{
	struct why names;
	struct replica_status st;

	if (name_lacks(r, clock_boot_ms(), names.text, sizeof names.text) == 0 ||
	    strcmp(names.text, r->awaited.text) == 0)
		return;
	why_set(&r->awaited, "%s", names.text);
	replica_status(r->replica, clock_boot_ms(), &st);
	log_warn("not ready: required keys are missing or too old", LOG_STR("keys", names.text),
	    LOG_STR("reason", st.last_error));
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
	if (r->waited_s >= GRACE_S) {
		r->grace_over = true;
		log_awaited(r);
	}
	ready_check(r);
}

static void
on_watchdog(void *arg)
{
	struct ready *r = arg;

	notify_watchdog();
	alarm_after(r->watchdog, r->ping_ms);
}

int
ready_new(
    struct ready **out, struct loop *loop, struct replica *replica, const struct config *config)
{
	static const struct timeval every = { .tv_sec = EXTEND_EVERY_S };
	struct ready *r = mem_zalloc(sizeof *r);

	if (!r)
		return -ENOMEM;
	r->replica = replica;
	r->config = config;
	r->timer = event_new(loop_base(loop), -1, EV_PERSIST, on_timer, r);
	r->ping_ms = notify_watchdog_ms();
	if (!r->timer || event_add(r->timer, &every) < 0 ||
	    alarm_new(&r->watchdog, loop, on_watchdog, r) < 0) {
		ready_free(r);
		return -ENOMEM;
	}
	if (r->ping_ms > 0)
		alarm_after(r->watchdog, r->ping_ms);
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
	alarm_free(r->watchdog);
	mem_free(r);
	return NULL;
}
