/* SPDX-License-Identifier: Apache-2.0 */
/* Retry delays: exponential with decorrelated jitter and a cap. */
#pragma once

#include <stdint.h>

#define BACKOFF_BASE_MS 1000
#define BACKOFF_CAP_MS  (60 * 1000) /* a recovery is noticed within this time */

struct backoff {
	int64_t last_ms; /* the last delay; 0: none since the last success */
};

/*
 * Returns the next delay and stores it. cap_ms: BACKOFF_CAP_MS or less. jitter(env, low, high) is
 * uniform and inclusive.
 */
int64_t backoff_next(struct backoff *b, int64_t cap_ms,
    int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env);
void backoff_reset(struct backoff *b);
