/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/mem.h"

#define NICE 5 /* the loop's thread gets the processor first */

struct worker {
	struct event *event;
	int fd; /* eventfd: work has run */
	pthread_t thread;
	bool thread_runs;

	pthread_mutex_t lock; /* protects all members below */
	pthread_cond_t wake, ran;
	struct work *waiting, **last;
	struct work *running;
	struct work *over, **last_over; /* has run; done() must be called */
	bool ending;
};

static void
put(struct work ***last, struct work *w)
{
	w->next = NULL;
	**last = w;
	*last = &w->next;
}

static struct work *
take(struct work **first, struct work ***last)
{
	struct work *w = *first;

	if (w) {
		*first = w->next;
		if (!*first)
			*last = first;
	}
	return w;
}

static void *
run(void *arg)
{
	static const uint64_t one = 1;
	struct worker *t = arg;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* on Linux: only this thread */
	(void)pthread_mutex_lock(&t->lock);
	for (;;) {
		t->running = take(&t->waiting, &t->last);
		if (!t->running && t->ending)
			break;
		if (!t->running) {
			(void)pthread_cond_wait(&t->wake, &t->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&t->lock);
		t->running->run(t->running);
		mem_wipe_registers();
		(void)pthread_mutex_lock(&t->lock);
		put(&t->last_over, t->running);
		t->running = NULL;
		(void)pthread_cond_signal(&t->ran);
		(void)!write(t->fd, &one, sizeof one); /* fails only if already signalled */
	}
	(void)pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void
on_over(evutil_socket_t fd, short what, void *arg)
{
	struct worker *t = arg;
	struct work *w;
	uint64_t n;

	(void)what;
	(void)!read(fd, &n, sizeof n); /* resets the eventfd */
	for (;;) {
		(void)pthread_mutex_lock(&t->lock);
		w = take(&t->over, &t->last_over);
		(void)pthread_mutex_unlock(&t->lock);
		if (!w)
			return;
		w->queued = false;
		w->done(w);
	}
}

void
worker_do(struct worker *t, struct work *w)
{
	w->queued = true;
	(void)pthread_mutex_lock(&t->lock);
	put(&t->last, w);
	(void)pthread_cond_signal(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
}

/* Removes w from a list. False if it is not in the list. */
static bool
unlink_from(struct work **first, struct work ***last, struct work *w)
{
	for (struct work **at = first; *at; at = &(*at)->next) {
		if (*at != w)
			continue;
		*at = w->next;
		if (!w->next)
			*last = at;
		return true;
	}
	return false;
}

void
worker_forget(struct worker *t, struct work *w)
{
	if (!w->queued)
		return;
	(void)pthread_mutex_lock(&t->lock);
	while (!unlink_from(&t->over, &t->last_over, w))
		(void)pthread_cond_wait(&t->ran, &t->lock);
	(void)pthread_mutex_unlock(&t->lock);
	w->queued = false;
}

/* Blocks all signals in the new thread: the loop handles them. */
static int
start_thread(struct worker *t)
{
	sigset_t all, old;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&t->thread, NULL, run, t);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	t->thread_runs = err == 0;
	return -err;
}

int
worker_new(struct worker **out, struct loop *loop)
{
	struct worker *t = mem_zalloc(sizeof *t);
	int r = -ENOMEM;

	if (!t)
		return -ENOMEM;
	t->last = &t->waiting;
	t->last_over = &t->over;
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->wake, NULL);
	(void)pthread_cond_init(&t->ran, NULL);
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->fd < 0) {
		r = -errno;
		goto fail;
	}
	t->event = event_new(loop_base(loop), t->fd, EV_READ | EV_PERSIST, on_over, t);
	if (!t->event || event_add(t->event, NULL) < 0)
		goto fail;
	r = start_thread(t);
	if (r < 0)
		goto fail;
	*out = t;
	return 0;
fail:
	worker_free(t);
	return r;
}

struct worker *
worker_free(struct worker *t)
{
	if (!t)
		return NULL;
	if (t->event)
		event_free(t->event);
	if (t->thread_runs) {
		(void)pthread_mutex_lock(&t->lock);
		t->ending = true;
		(void)pthread_cond_signal(&t->wake);
		(void)pthread_mutex_unlock(&t->lock);
		(void)pthread_join(t->thread, NULL);
	}
	if (t->fd >= 0)
		(void)close(t->fd);
	(void)pthread_cond_destroy(&t->wake);
	(void)pthread_cond_destroy(&t->ran);
	(void)pthread_mutex_destroy(&t->lock);
	mem_free(t);
	return NULL;
}
