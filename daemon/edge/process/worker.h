/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread beside the loop, for what is long and pure: reading a page, finishing a generation,
 * wiping an old one; and, first of all, for loading libcurl. One piece of work at a time, in order;
 * the loop goes on answering meanwhile.
 *
 * Work touches only what is handed over with it, until its done() has been called.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "edge/process/loop.h"

struct worker;

/* Embedded in the object it is about. */
struct work {
	struct work *next;
	void (*run)(struct work *w);  /* in the thread */
	void (*done)(struct work *w); /* in the loop, later */
	bool queued;                  /* from worker_do() to done() */
};

MUST_CHECK int worker_new(struct worker **out, struct loop *loop); /* 0 or -errno */
void worker_do(struct worker *t, struct work *w);                  /* not while it is queued */
/* Waits until it has run, a few milliseconds; done() is not called. Not queued: fine. */
void worker_forget(struct worker *t, struct work *w);
/* Ends the thread when all that is queued has run. NULL is fine; returns NULL. */
struct worker *worker_free(struct worker *t);
