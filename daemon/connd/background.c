/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/background.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/mem.h"

struct background {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	struct task *first, **last;
	bool ending; /* the thread frees it */
};

/* Waits for the next task and removes it from the list. NULL at the end. */
static struct task *
next_task(struct background *b)
{
	struct task *t;

	(void)pthread_mutex_lock(&b->lock);
	while (!b->first && !b->ending)
		(void)pthread_cond_wait(&b->wake, &b->lock);
	t = b->first;
	if (t) {
		b->first = t->next;
		if (!b->first)
			b->last = &b->first;
	}
	(void)pthread_mutex_unlock(&b->lock);
	return t;
}

static void *
run(void *arg)
{
	struct background *b = arg;
	struct task *t;

	while ((t = next_task(b)))
		t->run(t);
	(void)pthread_cond_destroy(&b->wake);
	(void)pthread_mutex_destroy(&b->lock);
	mem_free(b);
	return NULL;
}

int
background_new(struct background **out)
{
	struct background *b = mem_zalloc(sizeof *b);
	sigset_t all, old;
	pthread_t thread;
	int err;

	if (!b)
		return -ENOMEM;
	b->last = &b->first;
	(void)pthread_mutex_init(&b->lock, NULL);
	(void)pthread_cond_init(&b->wake, NULL);
	(void)sigfillset(&all); /* signals are the loop's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, NULL, run, b);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		mem_free(b);
		return -err;
	}
	(void)pthread_detach(thread);
	*out = b;
	return 0;
}

void
background_do(struct background *b, struct task *t)
{
	(void)pthread_mutex_lock(&b->lock);
	t->next = NULL;
	*b->last = t;
	b->last = &t->next;
	(void)pthread_cond_signal(&b->wake);
	(void)pthread_mutex_unlock(&b->lock);
}

struct background *
background_free(struct background *b)
{
	if (!b)
		return NULL;
	(void)pthread_mutex_lock(&b->lock);
	b->ending = true;
	(void)pthread_cond_signal(&b->wake);
	(void)pthread_mutex_unlock(&b->lock);
	return NULL;
}
