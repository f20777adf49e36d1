/* SPDX-License-Identifier: Apache-2.0 */
/* What replica.c (what is served, and when) and replica_sync.c (what a sync makes of it) share; for nobody else. */
#pragma once

#include "core/replica.h"

#include "core/backoff.h"
#include "core/probe.h"
#include "core/retry_after.h"

struct replica {
	struct replica_config config;
	const struct replica_ops *ops;
	void *env;

	struct generation *current; /* NULL: no data yet */
	uint64_t number;            /* of current, or what the first one gets */
	int64_t confirmed_ms;       /* when the request was sent that last confirmed current */
	bool loaded;                /* ... to an earlier run: no sync of this one has ended well */
	int64_t carry_until_ms;     /* the first held value ends then; INT64_MAX: none is held */
	int64_t held_until_ms;      /* the second one counts from then on */
	struct generation *held;    /* a list that dropped too much and waits for a second one */

	bool refused; /* since refused_ms, and no good list yet */
	int64_t refused_ms;

	bool syncing, sync_again;
	int64_t begun_ms;                    /* the one that runs */
	int64_t next_sync_ms, asked_sync_ms; /* when one is due; when a lookup may start one */
	struct replica_floor floor;          /* Retry-After: none starts before */
	int64_t look_ms; /* while it is in force: when to look for another token or URL */
	int64_t done_ms; /* when the last one ended */
	struct backoff backoff;
	uint64_t syncs_ok, syncs_failed;

	bool probing;
	int64_t next_probe_ms;
	uint64_t misses_before_sync, n_probes;
	struct probes probes;

	struct waiter *waiters;
	bool closing;
	enum freshness noted;                 /* the state that was noted last */
	char last_error[REPLICA_REASON_SIZE]; /* "" after a good list */
	char reason[2 * REPLICA_REASON_SIZE]; /* the last answer's */
};

static inline int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void replica_note(struct replica *r, const char *event, const char *detail);
/* How long a value lives that the manager no longer shows us. */
int64_t replica_withdrawn_window(const struct replica *r);
enum freshness replica_state_at(const struct replica *r, int64_t now_ms);
/* Notes when the first held value ends that has not ended yet. */
void replica_watch_held(struct replica *r, int64_t now_ms);
/* Answers those whose time is up; INT64_MAX: all. */
void replica_end_waits(struct replica *r, int64_t now_ms);
/* When the data expires by time alone; without data in the past. */
int64_t replica_expiry(const struct replica *r);
/* No sync and no probe starts before. */
void replica_not_before(struct replica *r, int64_t now_ms, int64_t floor_ms);
/* How long a Retry-After is granted at most. */
int64_t replica_floor_cap(const struct replica *r, int64_t now_ms);
/* Ends a Retry-After; a sync is due at once. */
void replica_drop_floor(struct replica *r, int64_t now_ms);
