/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs functions in fibers on the event loop: where one waits for a descriptor or for a session of
 * the store, the loop goes on with others.
 *
 * Knows no request and no store. A function that runs here finds the world changed after each wait:
 * connections may have closed, rows changed, the server may be stopping.
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
 * max: functions that may run at one time. ended(arg) is called in each fiber when its function has
 * returned: it gives back what the fiber still has, and returns how many sessions others may have
 * since its last call. Borrows base. 0 or -ENOMEM.
 */
MUST_CHECK int runner_new(struct runner **out, struct event_base *base, size_t max,
    size_t (*ended)(void *arg), void *arg);
/* After runner_cancel(). NULL is fine; returns NULL. */
struct runner *runner_free(struct runner *r);

/*
 * Runs fn(arg) in a fiber: until its first wait at once, the rest later; called in a fiber, all of
 * it later. -EAGAIN: `max` are running; -ENOMEM. fn is not called then.
 */
MUST_CHECK int runner_run(struct runner *r, void (*fn)(void *arg), void *arg);
/*
 * The same for what cannot be refused; does not count as one of the `max`. Without memory for a
 * fiber, or without a runner (NULL), calls fn(arg) here, and its waits block.
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

/* Whether fewer than `max` run or wait, of both kinds. True without a runner (NULL). */
bool runner_has_room(const struct runner *r);
/* How many functions run or wait. */
size_t runner_count(const struct runner *r);
/*
 * Ends every wait, the present and all later ones, with -ECANCELED, and returns when every function
 * has returned. Not to be called in a fiber. NULL is fine.
 */
void runner_cancel(struct runner *r);
