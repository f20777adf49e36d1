/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/fairness.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"

#define TURN_MS 3

struct turn {
	struct turn *prev, *next;
	struct turns *turns;
	struct request *rq;
	void (*go)(struct request *rq);
};

struct turns {
	struct event *next;
	struct turn *first, *last;
	bool busy; /* one was served in this turn of the loop */
};

static void
turn_free(struct turn *one)
{
	struct turns *t = one->turns;

	*(one->prev ? &one->prev->next : &t->first) = one->next;
	*(one->next ? &one->next->prev : &t->last) = one->prev;
	request_unref(one->rq);
	mem_free(one);
}

static void
on_gone(void *arg)
{
	turn_free(arg);
}

static void
serve_first(struct turns *t)
{
	struct request *rq = request_ref(t->first->rq);
	void (*go)(struct request *) = t->first->go;

	turn_free(t->first);
	http_conn_resume(rq->conn);
	if (request_authorise_again(rq))
		go(rq);
	request_unref(rq);
}

static void
come_back(struct turns *t)
{
	static const struct timeval at_once = { 0 };

	(void)event_add(t->next, &at_once); /* allocates nothing it has not already */
}

static void
on_next(evutil_socket_t fd, short what, void *arg)
{
	struct turns *t = arg;
	int64_t began_ms = clock_boot_ms();

	(void)fd;
	(void)what;
	t->busy = false;
	while (t->first && clock_boot_ms() - began_ms < TURN_MS)
		serve_first(t);
	if (!t->first)
		return;
	t->busy = true;
	come_back(t);
}

struct turns *
turns_new(struct api *api)
{
	struct turns *t = mem_zalloc(sizeof *t);

	if (!t)
		return NULL;
	t->next = event_new(api->base, -1, 0, on_next, t);
	if (!t->next) {
		mem_free(t);
		return NULL;
	}
	return t;
}

struct turns *
turns_free(struct turns *t)
{
	if (!t)
		return NULL;
	event_free(t->next);
	mem_free(t);
	return NULL;
}

void
turns_serve(struct turns *t, struct request *rq, void (*go)(struct request *rq))
{
	struct turn *one = t->busy ? mem_zalloc(sizeof *one) : NULL;

	if (!one) { /* it is the first, or there is no memory for another order */
		t->busy = true;
		come_back(t);
		go(rq);
		return;
	}
	one->turns = t;
	one->rq = request_ref(rq);
	one->go = go;
	one->prev = t->last;
	*(t->last ? &t->last->next : &t->first) = one;
	t->last = one;
	http_conn_hold(rq->conn, on_gone, one);
}
