/* SPDX-License-Identifier: Apache-2.0 */
/* The freshness of data by its age. Pure. */
#pragma once

#include <stdint.h>

enum freshness {
	NOT_READY, /* there is no data yet */
	FRESH,     /* confirmed by the manager within ttl */
	STALE,     /* older than ttl: served while a sync is due or running */
	OFFLINE,   /* older than stale: served; the manager cannot be reached */
	EXPIRED,   /* older than max_stale: lookups are refused */
};

struct windows {
	int64_t ttl_ms, stale_ms, max_stale_ms;
	int64_t max_stale_unauthorized_ms; /* from the first refusal on; at most max_stale */
};

/* Returns the state of data that is age_ms old; STALE if age_ms < 0 (the clock went back). */
enum freshness freshness_at(const struct windows *w, int64_t age_ms);
