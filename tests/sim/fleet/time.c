/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, timers, random numbers and jobs of the simulation. */
#include "tests/sim/fleet/fleet.h"

#include <errno.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/mem.h"
#include "edge/process/loop.h"

#define START_US ((int64_t)1000000 * 1000000) /* some uptime */

static int64_t now_us = START_US;
static struct timer **heap; /* heap[1] fires first; heap[0] is not used */
static size_t n_timers, room;
static struct later *first_job, **last_job = &first_job;

/* --- timers -------------------------------------------------------------------------------- */

static void
place(struct timer *t, size_t i)
{
	heap[i] = t;
	t->position = i;
}

static void
move_up(struct timer *t, size_t i)
{
	for (; i > 1 && heap[i / 2]->at_us > t->at_us; i /= 2)
		place(heap[i / 2], i);
	place(t, i);
}

static void
move_down(struct timer *t, size_t i)
{
	for (size_t child; (child = 2 * i) <= n_timers; i = child) {
		if (child < n_timers && heap[child + 1]->at_us < heap[child]->at_us)
			child++;
		if (heap[child]->at_us >= t->at_us)
			break;
		place(heap[child], i);
	}
	place(t, i);
}

static void
make_room(void)
{
	if (n_timers + 1 < room)
		return;
	room = room ? 2 * room : 1024;
	heap = realloc(heap, room * sizeof *heap); /* NOLINT: the process ends when it fails */
	if (!heap)
		abort();
}

void
time_unset(struct timer *t)
{
	size_t i = t->position;
	struct timer *last;

	if (!i)
		return;
	t->position = 0;
	last = heap[n_timers--];
	if (last == t)
		return;
	move_up(last, i);
	move_down(last, last->position);
}

void
time_set(struct timer *t, int64_t at_us)
{
	time_unset(t);
	make_room();
	t->at_us = at_us < now_us ? now_us : at_us;
	move_up(t, ++n_timers);
}

int64_t
time_now_us(void)
{
	return now_us;
}

static void
run_jobs(void)
{
	struct later *job;

	while ((job = first_job)) {
		first_job = job->next;
		if (!first_job)
			last_job = &first_job;
		job->queued = false;
		job->run(job);
	}
}

void
time_run_until(int64_t at_us)
{
	run_jobs();
	while (n_timers && heap[1]->at_us < at_us) {
		struct timer *t = heap[1];

		now_us = t->at_us;
		time_unset(t);
		t->fire(t);
		run_jobs();
	}
	now_us = at_us;
}

int64_t
random_between(int64_t low, int64_t high)
{
	static uint64_t state = 88172645463325252U;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return low + (int64_t)(state % (uint64_t)(high - low + 1));
}

/* --- what connd's code calls ---------------------------------------------------------------- */

int64_t __wrap_clock_boot_ms(void);
int64_t __wrap_rnd_between(int64_t low, int64_t high);
int __wrap_alarm_new(struct alarm **out, struct loop *l, void (*fn)(void *arg), void *arg);
struct alarm *__wrap_alarm_free(struct alarm *a);
void __wrap_alarm_set(struct alarm *a, int64_t boot_ms);

struct alarm {
	struct timer timer;
	void (*fn)(void *arg);
	void *arg;
};

int64_t
__wrap_clock_boot_ms(void)
{
	return now_us / 1000;
}

int64_t
__wrap_rnd_between(int64_t low, int64_t high)
{
	return random_between(low, high);
}

static void
on_alarm(struct timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

	a->fn(a->arg);
}

int
__wrap_alarm_new(struct alarm **out, struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct alarm *a = mem_zalloc(sizeof *a);

	(void)l;
	if (!a)
		return -ENOMEM;
	a->timer.fire = on_alarm;
	a->fn = fn;
	a->arg = arg;
	*out = a;
	return 0;
}

struct alarm *
__wrap_alarm_free(struct alarm *a)
{
	if (a)
		time_unset(&a->timer);
	mem_free(a);
	return NULL;
}

void
__wrap_alarm_set(struct alarm *a, int64_t boot_ms)
{
	if (boot_ms == INT64_MAX)
		time_unset(&a->timer);
	else
		time_set(&a->timer, boot_ms * 1000);
}

void
__wrap_loop_after_turn(struct loop *l, struct later *job)
{
	(void)l;
	if (job->queued)
		return;
	job->queued = true;
	job->next = NULL;
	*last_job = job;
	last_job = &job->next;
}

void
__wrap_loop_forget(struct loop *l, struct later *job)
{
	(void)l;
	for (struct later **at = &first_job; job->queued && *at; at = &(*at)->next)
		if (*at == job) {
			*at = job->next;
			if (!*at)
				last_job = at;
			job->queued = false;
			return;
		}
}
