/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry-After: how long the manager's wish to be left alone is granted. It is a floor for the next
 * request, but it never makes an outage by itself: it ends in time to ask once more before the data
 * expires.
 */
#pragma once

#include <stdint.h>

#define RETRY_AFTER_MIN_CAP_MS (60 * 1000)      /* granted whenever the data lives that long */
#define RETRY_AFTER_MAX_CAP_MS (60 * 60 * 1000) /* never granted more */

/*
 * The longest wait that is granted. left_ms: until the data expires; 0 or less: there is none, or
 * it has expired. timeout_ms: of one request. 0: the next request may not wait at all.
 */
int64_t retry_after_cap(int64_t left_ms, int64_t timeout_ms);

/*
 * How long to wait for a Retry-After of wait_ms (0 or less: none, returns 0), at most cap_ms.
 * Jitter is added to it, a tenth and at least a second, or taken from the cap, so that the clients
 * of one manager do not come back together. jitter(env, low, high) is uniform and inclusive.
 */
int64_t retry_after_wait(int64_t wait_ms, int64_t cap_ms,
    int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env);
