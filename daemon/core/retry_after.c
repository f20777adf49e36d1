/* SPDX-License-Identifier: Apache-2.0 */
#include "core/retry_after.h"

#include "base/minmax.h"

#define LEAST_SPREAD_MS 1000

int64_t
retry_after_cap(int64_t left_ms, int64_t timeout_ms)
{
	int64_t cap_ms = left_ms / 10;

	if (left_ms <= 0)
		return RETRY_AFTER_MIN_CAP_MS;
	if (cap_ms < RETRY_AFTER_MIN_CAP_MS)
		cap_ms = RETRY_AFTER_MIN_CAP_MS;
	cap_ms = min_i64(min_i64(cap_ms, RETRY_AFTER_MAX_CAP_MS), left_ms - timeout_ms);
	return cap_ms > 0 ? cap_ms : 0;
}

int64_t
retry_after_wait(int64_t wait_ms, int64_t cap_ms,
    int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env)
{
	int64_t spread_ms = wait_ms / 10;

	if (wait_ms <= 0)
		return 0;
	if (wait_ms > cap_ms)
		return cap_ms - jitter(env, 0, cap_ms / 10);
	if (spread_ms < LEAST_SPREAD_MS)
		spread_ms = LEAST_SPREAD_MS;
	return min_i64(wait_ms + jitter(env, 0, spread_ms), cap_ms);
}
