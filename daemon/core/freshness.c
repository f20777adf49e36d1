/* SPDX-License-Identifier: Apache-2.0 */
#include "core/freshness.h"

enum freshness
freshness_at(const struct windows *w, int64_t age_ms)
{
	if (age_ms < 0)
		return STALE;
	if (age_ms < w->ttl_ms)
		return FRESH;
	if (age_ms < w->stale_ms)
		return STALE;
	if (age_ms < w->max_stale_ms)
		return OFFLINE;
	return EXPIRED;
}
