/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many requests a token may send: so many a second, and as many at once after a quiet second.
 * Pure: the caller says what time it is and does the waiting. Of a bounded number of tokens; the
 * one that has been quiet longest makes room.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/model/policy.h"

/* No client of ours tries again after a refusal: so a request waits this long before it is one. */
#define RATE_DELAY_MAX_MS 5000

struct rate;

MUST_CHECK struct rate *rate_new(unsigned per_second); /* at least 1; NULL: no memory */
struct rate *rate_free(struct rate *r);                /* NULL is fine; returns NULL */

/*
 * One request. 0: now. Positive: in so many ms, and its turn is kept for it. Negative: not at all;
 * it could be in -n ms.
 */
int64_t rate_ask(struct rate *r, const struct id *token, int64_t now_ms);

/* "25", "25/s" -> 25; 0 when it is no number from 1 to 100000. */
unsigned rate_read(const char *text);
