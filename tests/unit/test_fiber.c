/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/event.h>

#include "base/mem.h"
#include "manager/fiber/fiber.h"
#include "manager/fiber/runner.h"
#include "manager/fiber/sanitizer.h"

static const char pattern[] = "a secret that a fiber had";

/* --- fibers --------------------------------------------------------------------------- */

struct steps {
	struct stacks pool;
	int n;
	uintptr_t stack; /* an address on the fiber's */
};

static void
take_steps(void *arg)
{
	struct steps *s = arg;
	volatile char copy[sizeof pattern];

	for (size_t i = 0; i < sizeof pattern; i++)
		copy[i] = pattern[i];
	s->stack = (uintptr_t)&copy[0];
	for (int i = 0; i < 3; i++) {
		s->n++;
		fiber_yield();
	}
	s->n += copy[0] == pattern[0] ? 100 : 0;
}

static void
a_fiber_goes_on_where_it_yielded(void **state)
{
	struct steps a = { 0 }, b = { 0 };
	struct fiber fa, fb;

	(void)state;
	assert_int_equal(fiber_init(&fa, &a.pool, take_steps, &a), 0);
	assert_int_equal(fiber_init(&fb, &b.pool, take_steps, &b), 0);
	for (int i = 1; i <= 3; i++) {
		assert_true(fiber_resume(&fa));
		assert_int_equal(a.n, i);
		assert_true(fiber_resume(&fb));
		assert_int_equal(b.n, i);
	}
	assert_false(fiber_resume(&fa));
	assert_false(fiber_resume(&fb));
	assert_int_equal(a.n, 103);
	assert_int_equal(b.n, 103);
	fiber_fini(&fa, &a.pool);
	fiber_fini(&fb, &b.pool);
	stacks_free(&a.pool);
	stacks_free(&b.pool);
}

static bool
holds(const struct stack *s, const char *what, size_t n)
{
	for (size_t i = 0; i + n <= s->size; i++)
		if (!memcmp(s->low + i, what, n))
			return true;
	return false;
}

static void
a_stack_is_wiped_before_it_is_used_again(void **state)
{
	struct steps s = { 0 };
	struct stack *again;
	struct fiber f;

	(void)state;
	assert_int_equal(fiber_init(&f, &s.pool, take_steps, &s), 0);
	assert_true(fiber_resume(&f));
	again = f.stack;
	sanitizer_unpoison(again->low, again->size);
	/* AddressSanitizer may keep a function's variables elsewhere. */
	if (s.stack - (uintptr_t)again->low < again->size)
		assert_true(holds(again, pattern, sizeof pattern));
	while (fiber_resume(&f))
		;
	fiber_fini(&f, &s.pool);
	assert_ptr_equal(stack_take(&s.pool), again);
	assert_int_equal(s.pool.n_idle, 0);
	assert_false(holds(again, pattern, sizeof pattern));
	stack_give_back(&s.pool, again);
	stacks_free(&s.pool);
}

static void
below_a_stack_is_a_guard_page(void **state)
{
	struct stacks pool = { 0 };
	struct stack *s = stack_take(&pool);
	int status;
	pid_t child = fork();

	(void)state;
	assert_non_null(s);
	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		*(volatile char *)(s->low - 1) = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	stack_give_back(&pool, s);
	stacks_free(&pool);
}

static void
nothing_leaks_when_memory_runs_out(void **state)
{
	int64_t before = mem_live();
	struct steps s = { 0 };
	struct fiber f;

	(void)state;
	mem_fail_after(0);
	assert_int_equal(fiber_init(&f, &s.pool, take_steps, &s), -ENOMEM);
	mem_fail_after(-1);
	fiber_fini(&f, &s.pool);
	assert_int_equal(mem_live(), before);
}

/* --- the runner ----------------------------------------------------------------------- */

/* One session, as a store has it. */
struct world {
	struct event_base *base;
	struct runner *runner;
	int pipe[2];
	bool taken;
	struct job *holder;
	char log[256];
};

struct job {
	struct world *world;
	const char *name;
	int waited; /* result of its wait */
};

static void
note(struct job *j, const char *what)
{
	size_t n = strlen(j->world->log);

	(void)snprintf(j->world->log + n, sizeof j->world->log - n, "%s%s ", j->name, what);
}

static size_t
give_back(void *arg)
{
	struct world *w = arg;
	size_t had = w->holder != NULL;

	w->holder = NULL;
	w->taken = false;
	return had;
}

static void
set_up(struct world *w, size_t max)
{
	*w = (struct world){ .base = event_base_new() };
	assert_non_null(w->base);
	assert_int_equal(runner_new(&w->runner, w->base, max, give_back, w), 0);
	assert_int_equal(pipe(w->pipe), 0);
}

static void
tear_down(struct world *w)
{
	runner_cancel(w->runner);
	assert_int_equal(runner_count(w->runner), 0);
	runner_free(w->runner);
	event_base_free(w->base);
	(void)close(w->pipe[0]);
	(void)close(w->pipe[1]);
}

static void
wait_to_read(void *arg)
{
	struct job *j = arg;

	note(j, "<");
	j->waited = runner_wait(j->world->runner, j->world->pipe[0], POLLIN, 60000);
	note(j, ">");
}

static void
wait_a_moment(void *arg)
{
	struct job *j = arg;

	j->waited = runner_wait(j->world->runner, j->world->pipe[0], POLLIN, 1);
	note(j, "!");
}

static void
one_that_waits_lets_others_run(void **state)
{
	struct world w;
	struct job a = { &w, "a", -1 }, b = { &w, "b", -1 };

	(void)state;
	set_up(&w, 8);
	assert_int_equal(runner_run(w.runner, wait_to_read, &a), 0);
	assert_int_equal(runner_run(w.runner, wait_a_moment, &b), 0);
	while (b.waited < 0)
		assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	assert_int_equal(b.waited, 0); /* its time was up */
	assert_int_equal(a.waited, -1);
	assert_int_equal(write(w.pipe[1], "x", 1), 1);
	assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	assert_int_equal(a.waited, 1);
	assert_string_equal(w.log, "a< b! a> ");
	tear_down(&w);
}

static void
use_session(void *arg)
{
	struct job *j = arg;

	while (j->world->taken)
		assert_int_equal(runner_wait(j->world->runner, -1, 0, 60000), 1);
	j->world->taken = true;
	note(j, "+");
	j->waited = runner_wait(j->world->runner, j->world->pipe[0], POLLIN, 60000);
	j->world->holder = j;
}

static void
sessions_go_to_those_that_wait_longest(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct world w;
	struct job jobs[4];

	(void)state;
	set_up(&w, 8);
	assert_int_equal(write(w.pipe[1], "x", 1), 1);
	for (size_t i = 0; i < 4; i++) {
		jobs[i] = (struct job){ &w, names[i], -1 };
		assert_int_equal(runner_run(w.runner, use_session, &jobs[i]), 0);
	}
	while (runner_count(w.runner))
		assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	assert_string_equal(w.log, "a+ b+ c+ d+ ");
	tear_down(&w);
}

static size_t
give_back_two(void *arg)
{
	struct world *w = arg;
	size_t n = w->holder ? 2 : 0;

	w->holder = NULL;
	return n;
}

static void
hold_two(void *arg)
{
	struct job *j = arg;

	j->waited = runner_wait(j->world->runner, j->world->pipe[0], POLLIN, 60000);
	j->world->holder = j;
	note(j, "-");
}

static void
wait_for_one(void *arg)
{
	struct job *j = arg;

	j->waited = runner_wait(j->world->runner, -1, 0, 60000);
	note(j, "+");
}

static void
two_sessions_given_back_wake_two(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	struct world w = { .base = event_base_new() };
	struct job first = { &w, "first", -1 }, jobs[3];

	(void)state;
	assert_int_equal(runner_new(&w.runner, w.base, 8, give_back_two, &w), 0);
	assert_int_equal(pipe(w.pipe), 0);
	assert_int_equal(runner_run(w.runner, hold_two, &first), 0);
	for (size_t i = 0; i < 3; i++) {
		jobs[i] = (struct job){ &w, names[i], -1 };
		assert_int_equal(runner_run(w.runner, wait_for_one, &jobs[i]), 0);
	}
	assert_int_equal(write(w.pipe[1], "x", 1), 1);
	assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	assert_string_equal(w.log, "first- a+ b+ ");
	assert_int_equal(runner_count(w.runner), 1);
	tear_down(&w);
	assert_int_equal(jobs[2].waited, -ECANCELED);
}

static void
wait_for_session_a_moment(void *arg)
{
	struct job *j = arg;

	j->waited = runner_wait(j->world->runner, -1, 0, 1);
}

static void
a_wait_for_a_session_has_an_end(void **state)
{
	struct world w;
	struct job j = { &w, "j", -1 };

	(void)state;
	set_up(&w, 8);
	assert_int_equal(runner_run(w.runner, wait_for_session_a_moment, &j), 0);
	while (runner_count(w.runner))
		assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	assert_int_equal(j.waited, 0);
	tear_down(&w);
}

static void
above_the_cap_only_what_must_run_does(void **state)
{
	struct world w;
	struct job a = { &w, "a", -1 }, b = { &w, "b", -1 }, c = { &w, "c", -1 };

	(void)state;
	set_up(&w, 1);
	assert_int_equal(runner_run(w.runner, wait_to_read, &a), 0);
	assert_int_equal(runner_run(w.runner, wait_to_read, &b), -EAGAIN);
	runner_must_run(w.runner, wait_to_read, &c);
	assert_string_equal(w.log, "a< c< ");
	tear_down(&w);
	assert_int_equal(a.waited, -ECANCELED);
	assert_int_equal(c.waited, -ECANCELED);
	assert_int_equal(b.waited, -1);
}

static void
begin_another(void *arg)
{
	struct job *j = arg;
	static struct job inner;

	inner = (struct job){ j->world, "inner", -1 };
	runner_must_run(j->world->runner, wait_a_moment, &inner);
	note(j, ".");
}

static void
what_a_fiber_begins_runs_after_it(void **state)
{
	struct world w;
	struct job j = { &w, "outer", -1 };

	(void)state;
	set_up(&w, 8);
	assert_int_equal(runner_run(w.runner, begin_another, &j), 0);
	while (runner_count(w.runner))
		assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	assert_string_equal(w.log, "outer. inner! ");
	tear_down(&w);
}

static void
outside_fibers_a_wait_blocks(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, 8);
	assert_int_equal(runner_wait(w.runner, w.pipe[0], POLLIN, 0), 0);
	assert_int_equal(write(w.pipe[1], "x", 1), 1);
	assert_int_equal(runner_wait(w.runner, w.pipe[0], POLLIN, 60000), 1);
	assert_int_equal(runner_wait(w.runner, -1, 0, 60000), -EDEADLK);
	tear_down(&w);
}

static void
without_memory_what_must_run_runs_here(void **state)
{
	struct world w;
	struct job j = { &w, "j", -1 };

	(void)state;
	set_up(&w, 8);
	mem_fail_after(0);
	assert_int_equal(runner_run(w.runner, wait_a_moment, &j), -ENOMEM);
	runner_must_run(w.runner, wait_a_moment, &j);
	mem_fail_after(-1);
	assert_int_equal(j.waited, 0);
	tear_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fiber_goes_on_where_it_yielded),
		cmocka_unit_test(a_stack_is_wiped_before_it_is_used_again),
		cmocka_unit_test(below_a_stack_is_a_guard_page),
		cmocka_unit_test(nothing_leaks_when_memory_runs_out),
		cmocka_unit_test(one_that_waits_lets_others_run),
		cmocka_unit_test(sessions_go_to_those_that_wait_longest),
		cmocka_unit_test(two_sessions_given_back_wake_two),
		cmocka_unit_test(a_wait_for_a_session_has_an_end),
		cmocka_unit_test(above_the_cap_only_what_must_run_does),
		cmocka_unit_test(what_a_fiber_begins_runs_after_it),
		cmocka_unit_test(outside_fibers_a_wait_blocks),
		cmocka_unit_test(without_memory_what_must_run_runs_here),
	};

	return cmocka_run_group_tests_name("fiber", tests, NULL, NULL);
}
