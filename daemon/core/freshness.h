/* SPDX-License-Identifier: Apache-2.0 */
/* Age -> what may be done with an answer. Pure policy; all windows in one table. */
#pragma once

#include <stdint.h>

enum freshness {
	NOT_READY, /* there is no data at all */
	FRESH,     /* the manager confirmed it within ttl */
	STALE,     /* past ttl: answered while a sync is due or under way */
	OFFLINE,   /* past stale: answered, and says how old */
	EXPIRED,   /* past max_stale: refused, and says so */
};

struct windows {
	int64_t ttl_ms, stale_ms, max_stale_ms;
	int64_t max_stale_unauthorized_ms; /* counted from the first refusal, capped by max_stale */
};

/* age_ms < 0 (a clock that ran backwards) proves nothing: STALE. */
enum freshness freshness_at(const struct windows *w, int64_t age_ms);
