/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate limit of a token: a number of requests a second, and as many at once after a second
 * without requests. Pure: the caller passes the time and does the waiting. The number of tokens is
 * bounded; a new token replaces the one that has sent nothing for longest.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/model/policy.h"

/* Stock clients do not retry after a 429, so a request waits up to this long before it gets one. */
#define RATE_DELAY_MAX_MS 5000

struct rate;

MUST_CHECK struct rate *rate_new(unsigned per_second); /* at least 1; NULL: out of memory */
struct rate *rate_free(struct rate *r);                /* NULL is fine; returns NULL */

/*
 * Counts one request. Returns 0: serve it now; n > 0: serve it in n ms (it is counted for then);
 * n < 0: refuse it; a retry in -n ms would be served.
 */
int64_t rate_ask(struct rate *r, const struct id *token, int64_t now_ms);

/* Reads "25" or "25/s" as 25. Returns 0 if the text is not a number from 1 to 100000. */
unsigned rate_read(const char *text);
