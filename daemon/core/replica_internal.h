/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What replica.c (time, status), replica_lookup.c and replica_sync.c (the end of a sync) share.
 * Include it only there.
 */
#pragma once

#include "core/replica.h"

#include "base/minmax.h"
#include "core/backoff.h"
#include "core/probe.h"
#include "core/retry_after.h"

struct replica {
	struct replica_config config;
	const struct replica_ops *ops;
	void *env;

	struct generation *current; /* NULL: no data yet */
	uint64_t number;            /* of current, or of the first generation to come */
	int64_t confirmed_ms;       /* when the request was sent that last confirmed current */
	int64_t carry_until_ms;     /* when the next held value expires; INT64_MAX: none is held */
	int64_t held_until_ms;      /* from then on a second list may confirm `held` */
	struct generation *held;    /* a list that drops too much and must be confirmed */

	bool loaded;  /* current is from an earlier run; no sync has succeeded yet */
	bool refused; /* the manager has refused the token since refused_ms */
	int64_t refused_ms;

	bool syncing, sync_again;
	int64_t begun_ms;                    /* start of the running sync */
	int64_t next_sync_ms, asked_sync_ms; /* when a sync is due; when a lookup may start one */
	struct replica_floor floor;          /* Retry-After */
	int64_t look_ms; /* when to check next whether the floor still applies */
	int64_t done_ms; /* end of the last sync */
	struct backoff backoff;
	uint64_t syncs_ok, syncs_failed;

	int64_t next_probe_ms;
	uint64_t misses_before_sync, n_probes;
	struct probes probes;

	struct waiter *waiters;
	bool probing, closing;
	enum freshness noted;                 /* the state that was logged last */
	char last_error[REPLICA_REASON_SIZE]; /* "" after a successful sync */
	char reason[2 * REPLICA_REASON_SIZE]; /* of the last replica_result */
	/* Of the sync that brought current, or first confirmed it in this run. */
	char request_id[REPLICA_REQUEST_ID_SIZE];
};

void replica_note(struct replica *r, const char *event, const char *detail);
/* How long values are served after the manager has refused the token or withheld them. */
int64_t replica_withdrawn_window(const struct replica *r);
/* True if the manager has refused the token for so long that nothing is served any more. */
bool replica_refusal_window_is_over(const struct replica *r, int64_t now_ms);
/* When the value that was kept for a withheld one is no longer served. */
int64_t replica_held_until(const struct replica *r, const struct record *rec);
enum freshness replica_state_at(const struct replica *r, int64_t now_ms);
/* Sets carry_until_ms. */
void replica_watch_held(struct replica *r, int64_t now_ms);
/* Ends the waits that are due at now_ms; INT64_MAX: all. */
void replica_end_waits(struct replica *r, int64_t now_ms);
/* When the data expires if no sync succeeds; INT64_MIN without data. */
int64_t replica_expiry(const struct replica *r);
/* Lets no sync and no probe start before floor_ms. */
void replica_not_before(struct replica *r, int64_t now_ms, int64_t floor_ms);
/* The longest time that a Retry-After may apply now. */
int64_t replica_floor_cap(const struct replica *r, int64_t now_ms);
/* Drops a Retry-After; a sync is due at once. */
void replica_drop_floor(struct replica *r, int64_t now_ms);
