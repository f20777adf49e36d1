/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: one event_base, the signals, boot-time alarms, and work put off until the turn is
 * over.
 *
 * Owns the base and decides when it ends. Whatever libevent may still report on must not be freed
 * inside a callback: it is handed to loop_after_turn(). The same queue is how a busy connection
 * gives way to the others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct event_base;
struct loop;

/* libevent's memory, log and fatal callbacks through ours. Before any other use of libevent. */
void loop_global_init(void);

MUST_CHECK int loop_new(struct loop **out); /* 0 or -ENOMEM */
struct loop *loop_free(struct loop *l); /* runs what is still put off; NULL is fine; returns NULL */
struct event_base *loop_base(struct loop *l);

/* Turns until loop_stop(). 0, or -EIO when the kernel's poller gave up. */
MUST_CHECK int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/*
 * Work for the end of this turn, embedded in the object it is about. Queued at most once at a time;
 * what is queued while the queue runs comes after the next turn, which then does not sleep.
 */
struct later {
	struct later *next;
	void (*run)(struct later *job);
	uint64_t turn;
	bool queued;
};
void loop_after_turn(struct loop *l, struct later *job);
void loop_forget(struct loop *l, struct later *job); /* not queued: fine */

/* Calls fn on each arrival of the signal until the loop is freed. 0 or -ENOMEM. */
MUST_CHECK int loop_on_signal(struct loop *l, int signo, void (*fn)(void *arg), void *arg);

/*
 * One alarm at a time, on CLOCK_BOOTTIME: it goes off after a suspend too, when libevent's own
 * timers (CLOCK_MONOTONIC) still have the whole time ahead of them.
 */
struct alarm;
MUST_CHECK int alarm_new(struct alarm **out, struct loop *l, void (*fn)(void *arg), void *arg);
struct alarm *alarm_free(struct alarm *a);
/* Replaces the time; INT64_MAX: off. A time gone by rings in the next turn. */
void alarm_set(struct alarm *a, int64_t boot_ms);
