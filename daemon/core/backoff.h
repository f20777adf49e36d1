/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry delays: exponential with decorrelated jitter and a cap. A Retry-After is a floor, with jitter
 * on top, itself capped.
 */
#pragma once

#include <stdint.h>

#define BACKOFF_BASE_MS            1000
#define BACKOFF_CAP_MS             (60 * 1000) /* what an outage may add to the time a recovery is noticed */
#define BACKOFF_RETRY_AFTER_CAP_MS (60 * 60 * 1000)
#define BACKOFF_LONGEST_MS         (BACKOFF_RETRY_AFTER_CAP_MS / 10 * 11) /* and its jitter */

struct backoff {
	int64_t last_ms; /* 0: no failure in a row */
};

/*
 * jitter(env, low, high): uniform, inclusive. cap_ms: of what is not a Retry-After; BACKOFF_CAP_MS or
 * less. retry_after_ms: 0 when none was named. Returns the delay and remembers it.
 */
int64_t backoff_next(struct backoff *b, int64_t cap_ms, int64_t retry_after_ms,
    int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env);
/* What becomes of a Retry-After (more than 0) by itself: capped, with its jitter. */
int64_t backoff_floor(
    int64_t retry_after_ms, int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env);
void backoff_reset(struct backoff *b);
