/* SPDX-License-Identifier: Apache-2.0 */
#include "core/backoff.h"

/* A tenth of the wait, one second at least: enough that a rack told the same time does not meet. */
static int64_t
spread_of(int64_t wait_ms)
{
	return wait_ms / 10 > BACKOFF_BASE_MS ? wait_ms / 10 : BACKOFF_BASE_MS;
}

int64_t
backoff_floor(
    int64_t retry_after_ms, int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env)
{
	int64_t floor = retry_after_ms < BACKOFF_RETRY_AFTER_CAP_MS ? retry_after_ms
								    : BACKOFF_RETRY_AFTER_CAP_MS;

	return floor + jitter(env, 0, spread_of(floor));
}

int64_t
backoff_next(struct backoff *b, int64_t cap_ms, int64_t retry_after_ms,
    int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env)
{
	int64_t before = b->last_ms ? b->last_ms : BACKOFF_BASE_MS, delay, floor;

	delay = jitter(env, BACKOFF_BASE_MS, 3 * before);
	if (delay > cap_ms)
		delay = cap_ms;
	b->last_ms = delay;
	if (retry_after_ms <= 0)
		return delay;
	floor = backoff_floor(retry_after_ms, jitter, env);
	return delay > floor ? delay : floor;
}

void
backoff_reset(struct backoff *b)
{
	b->last_ms = 0;
}
