/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: one event_base, signals, boot-time alarms, and jobs that run after a turn.
 *
 * Objects with pending events must not be freed inside a callback of libevent: free them in a job
 * of loop_after_turn(). A busy connection uses the same queue to let others run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct event_base;
struct loop;

/* Sets libevent's allocator, log and fatal callbacks. Call it before any other use of libevent. */
void loop_global_init(void);

MUST_CHECK int loop_new(struct loop **out); /* 0 or -ENOMEM */
struct loop *loop_free(struct loop *l);     /* runs the queued jobs; l may be NULL; returns NULL */
struct event_base *loop_base(struct loop *l);

/* Runs until loop_stop(). 0, or -EIO when polling fails. */
MUST_CHECK int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/*
 * A job that runs after the current turn; embedded in the object it works on. Queuing it again
 * while it is queued has no effect. A job queued by another job runs after the next turn, which
 * does not wait for events.
 */
struct later {
	struct later *next;
	void (*run)(struct later *job);
	uint64_t turn;
	bool queued;
};
void loop_after_turn(struct loop *l, struct later *job);
void loop_forget(struct loop *l, struct later *job); /* does nothing if job is not queued */

/* Calls fn for each signal signo until the loop is freed. 0 or -ENOMEM. */
MUST_CHECK int loop_on_signal(struct loop *l, int signo, void (*fn)(void *arg), void *arg);

/*
 * A timer on CLOCK_BOOTTIME, which counts suspended time. libevent's own timers use
 * CLOCK_MONOTONIC, which does not, so they are late after a suspend.
 *
 * An alarm is set in the kernel once. While a timer of libevent is set, each epoll_wait() has a
 * time-out, which costs a lookup 0.4 us: use those only for what lasts for moments.
 */
struct alarm;
MUST_CHECK int alarm_new(struct alarm **out, struct loop *l, void (*fn)(void *arg), void *arg);
struct alarm *alarm_free(struct alarm *a);
/* Sets the time; INT64_MAX: off. For a time in the past, fn is called in the next turn. */
void alarm_set(struct alarm *a, int64_t boot_ms);
void alarm_after(struct alarm *a, int64_t ms); /* not before ms from now; 0: in the next turn */
