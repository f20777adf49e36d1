/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/fiber/fiber.h"

#include <errno.h>
#include <stdlib.h>

#include "manager/fiber/sanitizer.h"

static struct fiber *running;

/*
 * As swapcontext(3), whose replacement by AddressSanitizer warns on stderr even when it is told of
 * each switch.
 */
static void
swap(ucontext_t *from, const ucontext_t *to)
{
	volatile bool returned = false;

	if (getcontext(from) < 0)
		abort(); /* it cannot fail on Linux */
	if (returned)
		return; /* resumed by another swap() to `from` */
	returned = true;
	(void)setcontext(to);
	abort(); /* it returns only when it fails, which it cannot on Linux */
}

static void
leave(struct fiber *f, void **save)
{
	sanitizer_leave(save, f->back_low, f->back_size);
	swap(&f->self, &f->back);
}

/* The first function of each fiber; it never returns. */
static void
enter(void)
{
	struct fiber *f = running;

	sanitizer_arrive(NULL, &f->back_low, &f->back_size);
	f->fn(f->arg);
	f->ended = true;
	leave(f, NULL);
	abort(); /* the caller resumed a fiber that has ended */
}

int
fiber_init(struct fiber *f, struct stacks *pool, void (*fn)(void *arg), void *arg)
{
	*f = (struct fiber){ .fn = fn, .arg = arg };
	if (getcontext(&f->self) < 0)
		return -errno;
	f->stack = stack_take(pool);
	if (!f->stack)
		return -ENOMEM;
	f->self.uc_stack.ss_sp = f->stack->low;
	f->self.uc_stack.ss_size = f->stack->size;
	f->self.uc_link = NULL;
	makecontext(&f->self, enter, 0);
	return 0;
}

bool
fiber_resume(struct fiber *f)
{
	void *fake = NULL;

	if (running || f->ended)
		abort();
	running = f;
	sanitizer_leave(&fake, f->stack->low, f->stack->size);
	swap(&f->back, &f->self);
	sanitizer_arrive(fake, NULL, NULL);
	running = NULL;
	return !f->ended;
}

void
fiber_yield(void)
{
	struct fiber *f = running;

	leave(f, &f->fake);
	sanitizer_arrive(f->fake, &f->back_low, &f->back_size);
}

void
fiber_fini(struct fiber *f, struct stacks *pool)
{
	if (f->stack)
		stack_give_back(pool, f->stack);
	f->stack = NULL;
}
