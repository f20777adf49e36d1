/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for tasks that may hang for longer than connd runs, like a look-up in a name service.
 * Nobody waits for it. It is made at the start: glibc's pthread_create() waits while another thread
 * loads a library, so the loop must not call it later.
 */
#pragma once

#include "base/attr.h"

struct background;

/* Embedded in an object that belongs to the thread from background_do() until run() returns. */
struct task {
	struct task *next; /* the thread's */
	void (*run)(struct task *t);
};

MUST_CHECK int background_new(struct background **out);   /* 0, or -errno */
void background_do(struct background *b, struct task *t); /* in the order of the calls */
/* The thread ends after the tasks that it has. NULL is fine; returns NULL. */
struct background *background_free(struct background *b);
