/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/fiber/runner.h"

#include <errno.h>
#include <poll.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/mem.h"
#include "manager/fiber/fiber.h"

struct task {
	struct task *prev, *next;             /* of all */
	struct task *queue_prev, *queue_next; /* in the queue it is in */
	struct queue *in;                     /* NULL: none */
	struct fiber fiber;
	struct event event; /* what it waits for */
	struct runner *runner;
	void (*fn)(void *arg);
	void *arg;
	int result; /* the result of its wait */
	bool counted;
	size_t gave_back; /* so many sessions, at its end */
};

struct queue {
	struct task *first, *last;
};

struct runner {
	struct event_base *base;
	struct stacks stacks;
	struct task *first; /* of all */
	size_t n, n_counted, max;
	struct queue begun;    /* started by other fibers: the loop resumes them */
	struct queue sessions; /* fibers that wait for a session */
	struct event *start;
	struct task *current; /* NULL: no fiber runs */
	size_t (*ended)(void *arg);
	void *arg;
	bool cancelled;
};

/* --- queues --------------------------------------------------------------------------- */

static void
leave(struct task *t)
{
	struct queue *q = t->in;

	if (!q)
		return;
	*(t->queue_prev ? &t->queue_prev->queue_next : &q->first) = t->queue_next;
	*(t->queue_next ? &t->queue_next->queue_prev : &q->last) = t->queue_prev;
	t->in = NULL;
}

static void
enter(struct task *t, struct queue *q)
{
	t->in = q;
	t->queue_prev = q->last;
	t->queue_next = NULL;
	*(q->last ? &q->last->queue_next : &q->first) = t;
	q->last = t;
}

/* --- tasks ---------------------------------------------------------------------------- */

static void
task_free(struct task *t)
{
	struct runner *r = t->runner;

	*(t->prev ? &t->prev->next : &r->first) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	r->n--;
	r->n_counted -= t->counted;
	fiber_fini(&t->fiber, &r->stacks);
	mem_free(t);
}

static void
run_task(void *arg)
{
	struct task *t = arg;
	struct runner *r = t->runner;

	t->fn(t->arg);
	t->gave_back = r->ended ? r->ended(r->arg) : 0;
}

/* NULL: out of memory. */
static struct task *
task_new(struct runner *r, void (*fn)(void *arg), void *arg)
{
	struct task *t = mem_zalloc(sizeof *t);

	if (!t)
		return NULL;
	t->runner = r;
	t->fn = fn;
	t->arg = arg;
	if (fiber_init(&t->fiber, &r->stacks, run_task, t) < 0) {
		mem_free(t);
		return NULL;
	}
	t->next = r->first;
	if (t->next)
		t->next->prev = t;
	r->first = t;
	r->n++;
	return t;
}

/* Returns the fiber that has waited for a session longest, ready to go on; NULL: none waits. */
static struct task *
next_for_session(struct runner *r)
{
	struct task *t = r->sessions.first;

	if (t) {
		leave(t);
		(void)event_del(&t->event); /* its deadline */
		t->result = 1;
	}
	return t;
}

/* n sessions were given back: as many tasks that wait for one get ready. */
static void
wake(struct runner *r, size_t n, struct queue *ready)
{
	struct task *t;

	for (; n > 0 && (t = next_for_session(r)); n--)
		enter(t, ready);
}

/* Sessions that were given back go to the next ones at once: nobody can take one in between. */
static void
run_ready(struct runner *r, struct queue *ready)
{
	struct task *t;

	while ((t = ready->first)) {
		bool alive;

		leave(t);
		r->current = t;
		alive = fiber_resume(&t->fiber);
		r->current = NULL;
		if (!alive) {
			wake(r, t->gave_back, ready);
			task_free(t);
		}
	}
}

static void
go_on(struct runner *r, struct task *t)
{
	struct queue ready = { 0 };

	enter(t, &ready);
	run_ready(r, &ready);
}

static void
on_start(evutil_socket_t fd, short what, void *arg)
{
	struct runner *r = arg;
	struct task *t;

	(void)fd;
	(void)what;
	while ((t = r->begun.first)) {
		leave(t);
		go_on(r, t);
	}
}

static void
begin(struct runner *r, struct task *t)
{
	if (!r->current) {
		go_on(r, t);
		return;
	}
	enter(t, &r->begun);
	event_active(r->start, 0, 0);
}

int
runner_run(struct runner *r, void (*fn)(void *arg), void *arg)
{
	struct task *t;

	if (r->n_counted >= r->max)
		return -EAGAIN;
	t = task_new(r, fn, arg);
	if (!t)
		return -ENOMEM;
	t->counted = true;
	r->n_counted++;
	begin(r, t);
	return 0;
}

void
runner_must_run(struct runner *r, void (*fn)(void *arg), void *arg)
{
	struct task *t = r ? task_new(r, fn, arg) : NULL;
	struct queue ready = { 0 };

	if (t) {
		begin(r, t);
		return;
	}
	fn(arg);
	if (!r || !r->ended || r->current)
		return; /* a fiber that runs gives back what it has at its own end */
	wake(r, r->ended(r->arg), &ready);
	run_ready(r, &ready);
}

/* --- waiting -------------------------------------------------------------------------- */

static int
wait_here(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	if (fd < 0)
		return -EDEADLK;
	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct task *t = arg;

	(void)fd;
	t->result = !(what & EV_TIMEOUT);
	go_on(t->runner, t);
}

static int
wait_in_fiber(struct runner *r, struct task *t, int fd, short events, int timeout_ms)
{
	short what = (short)((events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0));
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L };

	if (event_assign(&t->event, r->base, fd, what, on_event, t) < 0 ||
	    event_add(&t->event, timeout_ms < 0 ? NULL : &tv) < 0)
		return -ENOMEM;
	if (fd < 0)
		enter(t, &r->sessions);
	fiber_yield();
	(void)event_del(&t->event); /* still pending when the wait was cancelled */
	leave(t);
	return t->result;
}

int
runner_wait(void *runner, int fd, short events, int timeout_ms)
{
	struct runner *r = runner;

	if (!r->current)
		return wait_here(fd, events, timeout_ms);
	if (r->cancelled)
		return -ECANCELED;
	return wait_in_fiber(r, r->current, fd, events, timeout_ms);
}

/* --- begin and end -------------------------------------------------------------------- */

int
runner_new(
    struct runner **out, struct event_base *base, size_t max, size_t (*ended)(void *arg), void *arg)
{
	struct runner *r = mem_zalloc(sizeof *r);

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->base = base;
	r->max = max;
	r->ended = ended;
	r->arg = arg;
	r->start = event_new(base, -1, 0, on_start, r);
	if (!r->start) {
		mem_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

bool
runner_has_room(const struct runner *r)
{
	return !r || r->n < r->max;
}

size_t
runner_count(const struct runner *r)
{
	return r->n;
}

void
runner_cancel(struct runner *r)
{
	struct task *t;

	if (!r)
		return;
	r->cancelled = true;
	while ((t = r->first)) {
		leave(t);
		t->result = -ECANCELED;
		go_on(r, t);
	}
}

struct runner *
runner_free(struct runner *r)
{
	if (!r)
		return NULL;
	event_free(r->start);
	stacks_free(&r->stacks);
	mem_free(r);
	return NULL;
}
