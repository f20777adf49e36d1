/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many sidecars on virtual time: connd's own replica, sync and watch, linked in unchanged, against
 * managers that are only a queue with a cost for each request. The functions through which that
 * code reaches clock, timers, network and worker are replaced by the linker (--wrap, see Makefile).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config/config.h"
#include "core/generation.h"
#include "core/replica.h"

/* --- time.c ------------------------------------------------------------------------------ */

/* Embedded in its owner. fire() is called once when its time has come. */
struct timer {
	int64_t at_us;
	size_t position; /* in the heap; 0: not set */
	void (*fire)(struct timer *t);
};

int64_t time_now_us(void);
void time_set(struct timer *t, int64_t at_us);     /* aborts when memory is short */
void time_unset(struct timer *t);                  /* does nothing if it is not set */
void time_run_until(int64_t at_us);                /* fires all timers before that time */
int64_t random_between(int64_t low, int64_t high); /* the same numbers in each run */
/* In the place of loop_after_turn() and loop_forget(): jobs run after the timer that fired. */
struct later;
struct loop;
void __wrap_loop_after_turn(struct loop *l, struct later *job);
void __wrap_loop_forget(struct loop *l, struct later *job);

/* --- managers.c --------------------------------------------------------------------------- */

/* What a request knows of its sender. */
struct sender {
	size_t deployment, manager;
	bool connected[2]; /* the connection for syncs; that for held requests */
};

/* CPU time of a manager, in microseconds. */
struct costs {
	int64_t unmodified; /* a 304 */
	int64_t row;        /* a row of a list, beyond that */
	int64_t woken;      /* a response to a held request after a change */
	int64_t hold;       /* a request that is held */
	int64_t connection; /* a new connection; with TLS, its handshake */
};

/* What happened since managers_count_anew(). */
struct counted {
	int64_t seconds, requests;
	int64_t peak_requests; /* in the busiest second */
	double busy;           /* CPUs that all managers use together, in the mean */
	/* Of the busiest manager in its busiest second. */
	double peak_busy;
	int64_t longest_queue_us; /* the longest time that a request waited for its turn */
	int64_t given_up;         /* requests without a response within connd's time-out */
	int64_t put_off;          /* lists refused with 503 and Retry-After */
	int64_t refused;          /* requests sent while a manager was down */
};

void managers_start(
    size_t n_managers, size_t n_deployments, size_t rows, const struct costs *costs);
void managers_count_anew(void);
struct counted managers_counted(void);
void managers_change(size_t deployment); /* one connection of that Deployment changes */
uint64_t managers_version(size_t deployment);
void managers_stop_for(int64_t us); /* ends all connections; serves again after that time */
size_t managers_held(void);

/* --- sidecars.c ---------------------------------------------------------------------------- */

enum start { START_SPREAD, START_AT_ONCE_WITH_SNAPSHOT, START_AT_ONCE_WITHOUT_SNAPSHOT };

struct sidecars_state {
	size_t fresh;   /* sidecars whose data is fresh */
	size_t current; /* sidecars that serve the current version of their Deployment */
	size_t serving; /* sidecars that serve anything */
};

void sidecars_init(size_t n, size_t n_deployments, size_t n_managers, bool push);
void sidecars_start(enum start how); /* again: ends the earlier ones first */
struct sidecars_state sidecars_state(void);
/* When that share (0 to 1) of the sidecars that a change concerned served it, in us after it. */
int64_t sidecars_delay_us(double share);
void sidecars_note_change(void); /* from now on, delays count from here */
void sidecars_free(void);
