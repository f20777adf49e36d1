/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/durable.h"

#include <errno.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define PATIENCE_MS 30000 /* the longest wait for the disk */

struct durable {
	struct store *store;
	struct event *synced; /* NULL: no thread syncs */
	struct event *deadline;
	struct durable_wait *first, *last; /* in the order of their commits */
};

/* --- waiting -------------------------------------------------------------------------- */

static void
set_deadline(struct durable *d)
{
	int64_t ms = d->first ? d->first->until_ms - clock_boot_ms() : 0;
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (!d->first)
		(void)event_del(d->deadline);
	else if (ms <= 0)
		event_active(d->deadline, EV_TIMEOUT, 0);
	else
		/* out of memory for the timer: the end of the sync comes anyway */
		(void)event_add(d->deadline, &tv);
}

void
durable_forget(struct durable_wait *w)
{
	struct durable *d = w->in;

	if (!d)
		return;
	*(w->prev ? &w->prev->next : &d->first) = w->next;
	*(w->next ? &w->next->prev : &d->last) = w->prev;
	w->in = NULL;
}

/* The result of the commits up to that one, whose sync has ended. */
static int
result_of(const struct store_synced *now, uint64_t commits)
{
	return commits <= now->failed ? now->error : 0;
}

bool
durable_wait(struct durable *d, struct durable_wait *w, int *r)
{
	struct store_synced now = store_synced(d->store);

	w->commits = store_commits(d->store);
	*r = result_of(&now, w->commits);
	if (!d->synced || now.upto >= w->commits)
		return false;
	w->in = d;
	w->until_ms = clock_boot_ms() + PATIENCE_MS;
	w->next = NULL;
	w->prev = d->last;
	*(d->last ? &d->last->next : &d->first) = w;
	d->last = w;
	if (d->first == w)
		set_deadline(d);
	return true;
}

static void
finish_first(struct durable *d, int r)
{
	struct durable_wait *w = d->first;

	durable_forget(w);
	w->done(w, r);
}

static void
on_synced(evutil_socket_t fd, short what, void *arg)
{
	struct durable *d = arg;
	struct store_synced now;

	(void)fd;
	(void)what;
	store_sync_turn(d->store);
	now = store_synced(d->store);
	while (d->first && d->first->commits <= now.upto)
		finish_first(d, result_of(&now, d->first->commits));
	set_deadline(d);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct durable *d = arg;

	(void)fd;
	(void)what;
	while (d->first && d->first->until_ms <= clock_boot_ms()) {
		log_error("the disk does not respond", LOG_INT("waited_ms", PATIENCE_MS));
		finish_first(d, -ETIMEDOUT);
	}
	set_deadline(d);
}

struct durable *
durable_new(struct api *api)
{
	struct durable *d = mem_zalloc(sizeof *d);
	int fd = store_sync_fd(api->store);

	if (!d)
		return NULL;
	d->store = api->store;
	d->deadline = event_new(api->base, -1, 0, on_deadline, d);
	if (fd >= 0)
		d->synced = event_new(api->base, fd, EV_READ | EV_PERSIST, on_synced, d);
	if (!d->deadline || (fd >= 0 && (!d->synced || event_add(d->synced, NULL) < 0)))
		return durable_free(d);
	return d;
}

struct durable *
durable_free(struct durable *d)
{
	if (!d)
		return NULL;
	while (d->first)
		durable_forget(d->first);
	if (d->synced)
		event_free(d->synced);
	if (d->deadline)
		event_free(d->deadline);
	mem_free(d);
	return NULL;
}

/* --- requests ------------------------------------------------------------------------- */

struct withheld {
	struct durable_wait wait; /* first */
	struct http_conn *conn;
	bool in_memory; /* of the request */
};

static void
on_gone(void *arg)
{
	struct withheld *h = arg;

	durable_forget(&h->wait);
	mem_free(h);
}

static void
on_done(struct durable_wait *w, int r)
{
	struct withheld *h = (struct withheld *)w;

	if (r < 0) {
		http_conn_discard(h->conn);
		if (h->in_memory)
			respond_not_durable(h->conn);
		else
			respond_internal_error(h->conn, r);
	} else {
		http_conn_release(h->conn);
	}
	mem_free(h);
}

void
durable_serve(struct durable *d, struct request *rq, request_handler *handler)
{
	struct withheld *h = mem_zalloc(sizeof *h);
	uint64_t before = store_commits(d->store);
	int r = 0;

	if (!h) {
		respond_internal_error(rq->conn, -ENOMEM);
		return;
	}
	h->conn = rq->conn;
	h->wait.done = on_done;
	http_conn_withhold(rq->conn, on_gone, h);
	handler(rq);
	if (!http_conn_is_withheld(rq->conn)) { /* out of memory has ended the connection */
		mem_free(h);
		return;
	}
	h->in_memory = rq->in_memory;
	if (store_commits(d->store) == before || !durable_wait(d, &h->wait, &r))
		on_done(&h->wait, r);
}
