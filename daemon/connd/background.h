/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for tasks that may hang for longer than connd runs, like a lookup in a name service. No
 * other thread waits for it. It is created at the start: glibc's pthread_create() waits while
 * another thread loads a library, so the loop must not call it later.
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
void background_do(struct background *b, struct task *t); /* tasks run in the order of the calls */
/* The thread ends after its queued tasks. t may be NULL. Returns NULL. */
struct background *background_free(struct background *b);
