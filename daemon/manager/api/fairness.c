/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/fairness.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"
#include "manager/api/refusal.h"
#include "manager/fiber/runner.h"

#define TURN_MS    3
#define LONGEST_MS 4000 /* the longest wait for a turn; connd gives up after 10 s */

struct turn {
	struct turn *prev, *next;
	struct fairness *fairness;
	struct request *rq;
	void (*go)(struct request *rq);
	int64_t since_ms;
};

struct fairness {
	struct api *api;
	struct event *next;
	struct turn *first, *last;
	bool busy; /* a request was served in this turn of the loop */
};

static void
turn_free(struct turn *one)
{
	struct fairness *f = one->fairness;

	*(one->prev ? &one->prev->next : &f->first) = one->next;
	*(one->next ? &one->next->prev : &f->last) = one->prev;
	request_unref(one->rq);
	mem_free(one);
}

static void
on_gone(void *arg)
{
	turn_free(arg);
}

/*
 * When more is requested than can be served, the queue would grow until every client times out, and
 * each list would be made for a client that is gone. So a request that has waited too long gets a
 * 503, and comes back later.
 */
static void
serve(void *arg)
{
	struct turn *one = arg;
	struct request *rq = request_ref(one->rq);
	void (*go)(struct request *) = one->go;
	bool late = clock_boot_ms() - one->since_ms > LONGEST_MS;

	turn_free(one);
	if (late)
		respond_busy(rq->conn, "Too many lists are requested at once: see Retry-After");
	else if (request_authorise_again(rq))
		request_read(rq, go);
	request_unref(rq);
}

static void
come_back(struct fairness *f)
{
	static const struct timeval at_once = { 0 }, soon = { .tv_usec = 1000 };
	bool room = runner_has_room(f->api->runner);

	(void)event_add(f->next, room ? &at_once : &soon); /* it needs no memory */
}

static void
on_next(evutil_socket_t fd, short what, void *arg)
{
	struct fairness *f = arg;
	int64_t began_ms = clock_boot_ms();

	(void)fd;
	(void)what;
	f->busy = false;
	while (f->first && clock_boot_ms() - began_ms < TURN_MS && runner_has_room(f->api->runner))
		http_conn_continue(f->first->rq->conn, serve, f->first);
	if (!f->first)
		return;
	f->busy = true;
	come_back(f);
}

struct fairness *
fairness_new(struct api *api)
{
	struct fairness *f = mem_zalloc(sizeof *f);

	if (!f)
		return NULL;
	f->api = api;
	f->next = event_new(api->base, -1, 0, on_next, f);
	if (!f->next) {
		mem_free(f);
		return NULL;
	}
	return f;
}

struct fairness *
fairness_free(struct fairness *f)
{
	if (!f)
		return NULL;
	event_free(f->next);
	mem_free(f);
	return NULL;
}

void
fairness_serve(struct fairness *f, struct request *rq, void (*go)(struct request *rq))
{
	struct turn *one = f->busy ? mem_zalloc(sizeof *one) : NULL;

	if (!one) { /* it is the first, or there is no memory to queue it */
		f->busy = true;
		come_back(f);
		go(rq);
		return;
	}
	one->fairness = f;
	one->rq = request_ref(rq);
	one->go = go;
	one->since_ms = clock_boot_ms();
	one->prev = f->last;
	*(f->last ? &f->last->next : &f->first) = one;
	f->last = one;
	http_conn_hold(rq->conn, on_gone, one);
}
