/* SPDX-License-Identifier: Apache-2.0 */
/* edge/process/worker: work runs in a thread, in order, and its end is reported in the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/mem.h"
#include "edge/process/loop.h"
#include "edge/process/worker.h"

#define N 50

struct job {
	struct work work;
	struct world *world;
	int number;
	bool has_run, is_done;
	bool stops; /* waits until the test lets it go */
};

struct world {
	struct loop *loop;
	struct worker *worker;
	pthread_t loop_thread;
	struct job job[N];
	int n_run, n_done;
	sem_t begun, go;
};

static void
run(struct work *w)
{
	struct job *j = (struct job *)w;
	sigset_t held;

	assert_false(pthread_equal(pthread_self(), j->world->loop_thread));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &held);
	assert_true(sigismember(&held, SIGTERM));
	assert_int_equal(j->world->n_run++, j->number);
	if (j->stops) {
		sem_post(&j->world->begun);
		while (sem_wait(&j->world->go) < 0)
			;
	}
	j->has_run = true;
}

static void
on_done(struct work *w)
{
	struct job *j = (struct job *)w;

	assert_true(pthread_equal(pthread_self(), j->world->loop_thread));
	assert_true(j->has_run);
	assert_false(w->queued);
	j->is_done = true;
	if (++j->world->n_done == N)
		loop_stop(j->world->loop);
}

static int
set_up(void **state)
{
	struct world *w = mem_zalloc(sizeof *w);

	assert_non_null(w);
	w->loop_thread = pthread_self();
	sem_init(&w->begun, 0, 0);
	sem_init(&w->go, 0, 0);
	for (int i = 0; i < N; i++)
		w->job[i] = (struct job){
			.work = { .run = run, .done = on_done }, .world = w, .number = i
		};
	*state = w;
	return loop_new(&w->loop) < 0 ? -1 : worker_new(&w->worker, w->loop);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	w->worker = worker_free(w->worker);
	w->loop = loop_free(w->loop);
	mem_free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
work_runs_in_order_and_ends_in_the_loop(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < N; i++)
		worker_do(w->worker, &w->job[i].work);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->n_run, N);
	for (int i = 0; i < N; i++)
		assert_true(w->job[i].is_done);
}

static void *
let_go(void *arg)
{
	struct world *w = arg;

	while (sem_wait(&w->begun) < 0)
		;
	sem_post(&w->go);
	return NULL;
}

/* worker_forget() during a run waits for it, and does not report its end. */
static void
what_is_forgotten_has_run_and_is_not_reported(void **state)
{
	struct world *w = *state;
	pthread_t helper;

	w->job[0].stops = true;
	assert_int_equal(pthread_create(&helper, NULL, let_go, w), 0);
	worker_do(w->worker, &w->job[0].work);
	worker_do(w->worker, &w->job[1].work);
	worker_forget(w->worker, &w->job[1].work);
	assert_true(w->job[0].has_run && w->job[1].has_run);
	worker_forget(w->worker, &w->job[0].work);
	worker_forget(w->worker, &w->job[0].work); /* twice is fine */
	pthread_join(helper, NULL);
	assert_int_equal(w->n_done, 0);
	/* It may be queued again. */
	w->job[1].number = 2;
	worker_do(w->worker, &w->job[1].work);
	worker_forget(w->worker, &w->job[1].work);
	assert_int_equal(w->n_run, 3);
}

static void
the_end_runs_what_is_queued(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < N; i++)
		worker_do(w->worker, &w->job[i].work);
	w->worker = worker_free(w->worker);
	assert_int_equal(w->n_run, N);
	assert_int_equal(w->n_done, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(work_runs_in_order_and_ends_in_the_loop),
		TEST(what_is_forgotten_has_run_and_is_not_reported),
		TEST(the_end_runs_what_is_queued),
	};

	if (base_init() < 0)
		return 1;
	loop_global_init();
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
