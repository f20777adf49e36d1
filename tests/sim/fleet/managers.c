/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Managers as queues: each serves one request after the other, at its cost; lists take turns behind
 * everything else.
 */
#include "tests/sim/fleet/fleet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/chain.h"
#include "base/mem.h"
#include "base/minmax.h"
#include "edge/upstream/fetch.h"

#define NETWORK_US     1000 /* there and back */
#define TIMEOUT_US     ((int64_t)10 * 1000000)
#define LIST_WAIT_US   ((int64_t)4 * 1000000) /* as manager/api/fairness.c */
#define LIST_TURN_US   3000                   /* likewise */
#define RETRY_WITHIN_S 5                      /* as manager/api/refusal.c */
#define MAX_SECONDS    3600
#define TAG_SIZE       32

struct manager {
	int64_t busy_until_us;
	int64_t lists_until_us;       /* when all lists that wait now have been sent */
	int64_t busy_us[MAX_SECONDS]; /* by the second in which the work began */
};

struct deployment {
	uint64_t version;
	struct chain held; /* fetches */
};

struct fetch {
	struct timer timer; /* the response; while it is held, the end of the wait */
	struct chain held;  /* in its Deployment's; empty: not held */
	struct sender *sender;
	fetch_done *done;
	void *env;
	bool was_held, failed, unconnected;
	int status;
	int64_t deadline_us, retry_after_ms;
	char etag[TAG_SIZE];
};

static struct {
	struct costs costs;
	struct manager *manager;
	struct deployment *deployment;
	size_t n_managers, n_deployments, rows, n_held;
	int64_t down_until_us, since_us;
	int64_t requests[MAX_SECONDS];
	int64_t longest_queue_us, given_up, refused, put_off;
} all;

int __wrap_upstream_fetch(struct upstream *u, const struct fetch_request *request, fetch_done *done,
    void *env, struct fetch **out);
void __wrap_upstream_cancel(struct fetch *f);
bool __wrap_upstream_takes_reports(const struct upstream *u);

void
managers_start(size_t n_managers, size_t n_deployments, size_t rows, const struct costs *costs)
{
	all.costs = *costs;
	all.rows = rows;
	all.n_managers = n_managers;
	all.n_deployments = n_deployments;
	all.manager = mem_zalloc(n_managers * sizeof *all.manager);
	all.deployment = mem_zalloc(n_deployments * sizeof *all.deployment);
	if (!all.manager || !all.deployment)
		abort();
	for (size_t i = 0; i < n_deployments; i++) {
		all.deployment[i].version = 1;
		chain_init(&all.deployment[i].held);
	}
	managers_count_anew();
}

/* --- counting ------------------------------------------------------------------------------- */

static size_t
second_of(int64_t at_us)
{
	int64_t second = (at_us - all.since_us) / 1000000;

	return second < MAX_SECONDS ? (size_t)second : MAX_SECONDS - 1;
}

void
managers_count_anew(void)
{
	all.since_us = time_now_us();
	memset(all.requests, 0, sizeof all.requests);
	for (size_t i = 0; i < all.n_managers; i++)
		memset(all.manager[i].busy_us, 0, sizeof all.manager[i].busy_us);
	all.longest_queue_us = all.given_up = all.refused = all.put_off = 0;
}

struct counted
managers_counted(void)
{
	struct counted c = { .seconds = (time_now_us() - all.since_us) / 1000000,
		.longest_queue_us = all.longest_queue_us,
		.given_up = all.given_up,
		.refused = all.refused,
		.put_off = all.put_off };
	double total = 0;

	for (size_t s = 0; s < (size_t)c.seconds && s < MAX_SECONDS; s++) {
		c.requests += all.requests[s];
		if (all.requests[s] > c.peak_requests)
			c.peak_requests = all.requests[s];
		for (size_t i = 0; i < all.n_managers; i++) {
			double busy = (double)all.manager[i].busy_us[s] / 1e6;

			if (busy > 1) /* work that was counted where it would have begun */
				busy = 1;
			total += busy;
			if (busy > c.peak_busy)
				c.peak_busy = busy;
		}
	}
	c.busy = total / (double)c.seconds;
	return c;
}

static void
count_work(struct manager *m, int64_t start_us, int64_t cost_us)
{
	int64_t queue_us = start_us - time_now_us();

	if (queue_us > all.longest_queue_us)
		all.longest_queue_us = queue_us;
	m->busy_us[second_of(start_us)] += cost_us;
}

/* Serves a request that needs no turn, before all lists. Returns when it has been served. */
static int64_t
work(size_t manager, int64_t cost_us)
{
	struct manager *m = &all.manager[manager];
	int64_t start_us = max_i64(m->busy_until_us, time_now_us());

	count_work(m, start_us, cost_us);
	m->busy_until_us = start_us + cost_us;
	if (m->lists_until_us > start_us)
		m->lists_until_us += cost_us;
	return m->busy_until_us + (m->lists_until_us > start_us ? LIST_TURN_US : 0);
}

/*
 * A list waits for its turn behind the other lists (manager/api/fairness.c). Returns when it has
 * been sent; *late: it has waited for too long, and is refused instead.
 */
static int64_t
work_on_list(size_t manager, int64_t cost_us, bool *late)
{
	struct manager *m = &all.manager[manager];
	int64_t now_us = time_now_us(),
		start_us = max_i64(now_us, max_i64(m->busy_until_us, m->lists_until_us));

	*late = start_us - now_us > LIST_WAIT_US;
	if (*late)
		return work(manager, all.costs.unmodified) + LIST_WAIT_US;
	count_work(m, start_us, cost_us);
	m->lists_until_us = start_us + cost_us;
	return m->lists_until_us;
}

/* --- responses -------------------------------------------------------------------------------- */

static void
leave_held(struct fetch *f)
{
	if (chain_is_empty(&f->held))
		return;
	chain_remove(&f->held);
	all.n_held--;
}

static void
deliver(struct timer *t)
{
	struct fetch *f = CONTAINER_OF(t, struct fetch, timer);
	struct payload none = { 0 };
	struct fetch_result result = {
		.body = &none,
		.end = f->failed ? FETCH_UNREACHABLE : FETCH_ANSWERED,
		.unconnected = f->unconnected,
		.status = f->status,
		.etag = f->etag,
		.content_type = "application/json",
		.held = f->was_held,
		.retry_after_ms = f->retry_after_ms,
		.reason = "no response",
	};

	f->done(f->env, &result);
	mem_free(f);
}

/* The response comes then, unless the client has given up before. */
static void
respond_at(struct fetch *f, int64_t at_us)
{
	f->timer.fire = deliver;
	if (at_us > f->deadline_us) {
		f->failed = true;
		all.given_up++;
		at_us = f->deadline_us;
	}
	time_set(&f->timer, at_us);
}

static void
write_tag(struct fetch *f, uint64_t version)
{
	(void)snprintf(f->etag, sizeof f->etag, "\"%" PRIu64 "\"", version);
}

static void
on_wait_over(struct timer *t)
{
	struct fetch *f = CONTAINER_OF(t, struct fetch, timer);

	leave_held(f);
	respond_at(f, work(f->sender->manager, all.costs.woken) + NETWORK_US);
}

static void
wake(struct fetch *f, uint64_t version)
{
	leave_held(f);
	f->status = 200;
	write_tag(f, version);
	respond_at(f, work(f->sender->manager, all.costs.woken) + NETWORK_US);
}

void
managers_change(size_t deployment)
{
	struct deployment *d = &all.deployment[deployment];

	d->version++;
	while (!chain_is_empty(&d->held))
		wake(CONTAINER_OF(d->held.next, struct fetch, held), d->version);
}

uint64_t
managers_version(size_t deployment)
{
	return all.deployment[deployment].version;
}

size_t
managers_held(void)
{
	return all.n_held;
}

static void
cut(struct fetch *f)
{
	leave_held(f);
	f->failed = true;
	f->timer.fire = deliver;
	time_set(&f->timer, time_now_us());
}

void
managers_stop_for(int64_t us)
{
	all.down_until_us = time_now_us() + us;
	for (size_t i = 0; i < all.n_managers; i++)
		all.manager[i].busy_until_us = all.manager[i].lists_until_us = all.down_until_us;
	for (size_t i = 0; i < all.n_deployments; i++)
		while (!chain_is_empty(&all.deployment[i].held))
			cut(CONTAINER_OF(all.deployment[i].held.next, struct fetch, held));
}

/* --- requests ------------------------------------------------------------------------------- */

/*
 * The version of what the request reads: changes are changes of connections, and a held request
 * reads all types.
 */
static uint64_t
version_of(const struct sender *from, const struct fetch_request *q)
{
	bool changes = strstr(q->url, "objectType=CONNECTION&") || !strstr(q->url, "objectType=");

	return changes ? all.deployment[from->deployment].version : 1;
}

static int64_t
cost_of(struct sender *from, const struct fetch_request *q, int status, bool hold)
{
	bool *connected = &from->connected[q->discard_body];
	int64_t cost_us = hold ? all.costs.hold : all.costs.unmodified;

	if (!*connected)
		cost_us += all.costs.connection;
	*connected = true;
	if (status == 200 && strstr(q->url, "objectType=CONNECTION&"))
		cost_us += all.costs.row * (int64_t)all.rows;
	return cost_us;
}

static void
hold(struct fetch *f, int64_t wait_us)
{
	chain_append(&all.deployment[f->sender->deployment].held, &f->held);
	all.n_held++;
	f->was_held = true;
	f->timer.fire = on_wait_over;
	time_set(&f->timer, time_now_us() + wait_us);
}

static void
serve(struct fetch *f, const struct fetch_request *q)
{
	bool same, holds, late = false;
	int64_t cost_us, ends_us;

	write_tag(f, version_of(f->sender, q));
	same = q->if_none_match && strcmp(q->if_none_match, f->etag) == 0;
	holds = same && q->wait_s > 0;
	f->status = same ? 304 : 200;
	f->deadline_us += q->wait_s * 1000000; /* as connd's own time-out */
	all.requests[second_of(time_now_us())]++;
	cost_us = cost_of(f->sender, q, f->status, holds);
	if (cost_us >= all.costs.row * (int64_t)all.rows && f->status == 200)
		ends_us = work_on_list(f->sender->manager, cost_us, &late);
	else
		ends_us = work(f->sender->manager, cost_us);
	if (late) {
		f->status = 503;
		all.put_off++;
		f->retry_after_ms = random_between(1, RETRY_WITHIN_S) * 1000;
	}
	if (holds)
		hold(f, q->wait_s * 1000000);
	else
		respond_at(f, ends_us + NETWORK_US);
}

int
__wrap_upstream_fetch(struct upstream *u, const struct fetch_request *request, fetch_done *done,
    void *env, struct fetch **out)
{
	struct fetch *f = mem_zalloc(sizeof *f);

	if (!f)
		return -ENOMEM;
	f->sender = (struct sender *)u;
	f->done = done;
	f->env = env;
	f->deadline_us = time_now_us() + TIMEOUT_US;
	chain_init(&f->held);
	*out = f;
	if (time_now_us() < all.down_until_us) {
		all.refused++;
		f->sender->connected[0] = f->sender->connected[1] = false;
		f->failed = f->unconnected = true;
		f->timer.fire = deliver;
		time_set(&f->timer, time_now_us() + NETWORK_US);
	} else {
		serve(f, request);
	}
	return 0;
}

void
__wrap_upstream_cancel(struct fetch *f)
{
	if (!f)
		return;
	leave_held(f);
	time_unset(&f->timer);
	mem_free(f);
}

bool
__wrap_upstream_takes_reports(const struct upstream *u)
{
	(void)u;
	return false;
}
