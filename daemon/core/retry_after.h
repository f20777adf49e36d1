/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long connd waits for a Retry-After. No request is sent before it ends, but it is limited so
 * that one more request fits before the data expires.
 */
#pragma once

#include <stdint.h>

#define RETRY_AFTER_MIN_CAP_MS (60 * 1000)      /* always accepted if the data lives that long */
#define RETRY_AFTER_MAX_CAP_MS (60 * 60 * 1000) /* the longest wait */

/*
 * Returns the longest wait; 0: send the next request at once. left_ms: time until the data expires;
 * 0 or less: there is no data, or it has expired. timeout_ms: of one request.
 */
int64_t retry_after_cap(int64_t left_ms, int64_t timeout_ms);

/*
 * Returns how long to wait for a Retry-After of wait_ms, at most cap_ms; 0 if wait_ms is 0 or less.
 * A random time of up to a tenth (at least up to a second) is added, or subtracted from the cap, so
 * that clients of one manager do not come back together. jitter(env, low, high) is uniform and
 * inclusive.
 */
int64_t retry_after_wait(int64_t wait_ms, int64_t cap_ms,
    int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env);
