/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibers: functions with a stack of their own, which can stop in the middle and continue later. One
 * runs at a time, on the thread that resumes it. So code that waits reads from top to bottom, and
 * data needs no lock; but values that were read before fiber_yield() may have changed after it.
 *
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <ucontext.h>

#include "base/attr.h"
#include "manager/fiber/stack.h"

struct fiber {
	ucontext_t self, back; /* where it continues; where fiber_resume() was called */
	struct stack *stack;
	void (*fn)(void *arg);
	void *arg;
	bool ended;
	/* For AddressSanitizer. */
	void *fake;
	const void *back_low;
	size_t back_size;
};

/*
 * Takes a stack from the pool for fn(arg), which starts with the first fiber_resume(). f must not
 * move. 0 or -errno.
 */
MUST_CHECK int fiber_init(struct fiber *f, struct stacks *pool, void (*fn)(void *arg), void *arg);
/*
 * Runs f until it yields (true) or its function returns (false). Do not call it in a fiber, or for
 * a fiber that has ended.
 */
bool fiber_resume(struct fiber *f);
/* In a fiber: stops it and returns from fiber_resume(). */
void fiber_yield(void);
/* Gives the stack back. For a fiber that has ended or never ran. */
void fiber_fini(struct fiber *f, struct stacks *pool);
