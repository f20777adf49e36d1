/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for slow work, so that the loop can serve lookups meanwhile: reading a page, finishing a
 * generation, wiping an old one, and, first of all, loading libcurl. It runs one piece of work at a
 * time, in order.
 *
 * Work must touch only data that no other thread touches until its done() has been called.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "edge/process/loop.h"

struct worker;

/* Embedded in the object it works on. */
struct work {
	struct work *next;
	void (*run)(struct work *w);  /* runs in the thread */
	void (*done)(struct work *w); /* runs in the loop, later */
	bool queued;                  /* from worker_do() to done() */
};

MUST_CHECK int worker_new(struct worker **out, struct loop *loop); /* 0 or -errno */
void worker_do(struct worker *t, struct work *w);                  /* w must not be queued */
/* Waits until w has run, and does not call done(). Does nothing if w is not queued. */
void worker_forget(struct worker *t, struct work *w);
/* Waits until all queued work has run, and ends the thread. t may be NULL. Returns NULL. */
struct worker *worker_free(struct worker *t);
