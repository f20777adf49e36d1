/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs functions in fibers on the event loop: while one waits for a descriptor or for a session of
 * the store, the loop goes on. Knows no request and no store. After each wait of such a function,
 * other things may have changed: connections may be closed, rows changed, the server stopping.
 *
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct event_base;
struct runner;

/*
 * max: functions that may run at one time. When a function has returned, ended(arg) is called in
 * its fiber: it gives back what the fiber still has, and returns whether that is a session which
 * others may wait for. Borrows base. 0 or -ENOMEM.
 */
MUST_CHECK int runner_new(struct runner **out, struct event_base *base, size_t max,
    size_t (*ended)(void *arg), void *arg);
/* After runner_cancel(). NULL is fine; returns NULL. */
struct runner *runner_free(struct runner *r);

/*
 * Runs fn(arg) in a fiber: at once until its first wait, the rest later; when called in a fiber,
 * all of it later. -EAGAIN: `max` functions are running; -ENOMEM. Then fn is not called.
 */
MUST_CHECK int runner_run(struct runner *r, void (*fn)(void *arg), void *arg);
/*
 * The same for a function that must run; it does not count against `max`. Without memory for a
 * fiber, or without a runner (NULL), it calls fn(arg) directly, and its waits block.
 */
void runner_must_run(struct runner *r, void (*fn)(void *arg), void *arg);

/*
 * Waits until the descriptor has one of the events (of poll(2)), for timeout_ms at most; < 0: any
 * time. With fd -1 it waits for a session: the fibers that wait get one each, first come first
 * served, when another fiber gives one back. Outside fibers it blocks. `runner` is a struct runner.
 *
 * 1: ready; 0: the time is up (perhaps some ms early); -ECANCELED: runner_cancel() was called;
 * -EDEADLK: would wait for a session outside fibers; -errno.
 */
int runner_wait(void *runner, int fd, short events, int timeout_ms);

/* True if fewer than `max` functions of both kinds run or wait. True without a runner (NULL). */
bool runner_has_room(const struct runner *r);
/* How many functions run or wait. */
size_t runner_count(const struct runner *r);
/*
 * Ends every present and later wait with -ECANCELED, and returns when every function has returned.
 * Do not call it in a fiber. NULL is fine.
 */
void runner_cancel(struct runner *r);
