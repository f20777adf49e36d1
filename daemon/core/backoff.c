/* SPDX-License-Identifier: Apache-2.0 */
#include "core/backoff.h"

int64_t
backoff_next(struct backoff *b, int64_t cap_ms,
    int64_t (*jitter)(void *env, int64_t low, int64_t high), void *env)
{
	int64_t before_ms = b->last_ms ? b->last_ms : BACKOFF_BASE_MS,
		delay_ms = jitter(env, BACKOFF_BASE_MS, 3 * before_ms);

	b->last_ms = delay_ms < cap_ms ? delay_ms : cap_ms;
	return b->last_ms;
}

void
backoff_reset(struct backoff *b)
{
	b->last_ms = 0;
}
