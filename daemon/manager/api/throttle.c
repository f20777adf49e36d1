/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/throttle.h"

#include <errno.h>

#include <event2/event.h>

#include "base/mem.h"

struct waiting {
	struct waiting *prev, *next;
	struct throttle *throttle;
	struct request *rq;
	struct event *timer;
	void (*go)(struct request *rq);
};

struct throttle {
	struct api *api;
	struct waiting *first;
};

struct throttle *
throttle_new(struct api *api)
{
	struct throttle *t = mem_zalloc(sizeof *t);

	if (t)
		t->api = api;
	return t;
}

struct throttle *
throttle_free(struct throttle *t)
{
	mem_free(t);
	return NULL;
}

static void
waiting_free(struct waiting *w)
{
	*(w->prev ? &w->prev->next : &w->throttle->first) = w->next;
	if (w->next)
		w->next->prev = w->prev;
	event_free(w->timer);
	request_unref(w->rq);
	mem_free(w);
}

static void
on_gone(void *arg)
{
	waiting_free(arg);
}

static void
go_on(void *arg)
{
	struct waiting *w = arg;
	struct request *rq = request_ref(w->rq);
	void (*go)(struct request *) = w->go;

	waiting_free(w);
	if (request_authorise_again(rq))
		go(rq);
	request_unref(rq);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct waiting *w = arg;

	(void)fd;
	(void)what;
	http_conn_continue(w->rq->conn, go_on, w);
}

int
throttle_delay(struct throttle *t, struct request *rq, int64_t ms, void (*go)(struct request *rq))
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	struct waiting *w = mem_zalloc(sizeof *w);

	if (w)
		w->timer = event_new(t->api->base, -1, 0, on_time, w);
	if (!w || !w->timer || event_add(w->timer, &tv) < 0) {
		if (w && w->timer)
			event_free(w->timer);
		mem_free(w);
		return -ENOMEM;
	}
	w->throttle = t;
	w->rq = request_ref(rq);
	w->go = go;
	w->next = t->first;
	if (w->next)
		w->next->prev = w;
	t->first = w;
	http_conn_hold(rq->conn, on_gone, w);
	return 0;
}

void
throttle_stop(struct throttle *t)
{
	for (struct waiting *w = t->first; w; w = w->next)
		event_active(w->timer, 0, 0);
}
