/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of lookups, for the metrics: how each ended, and how long it took from reading the
 * request to handing the response to the kernel. Lookups whose responses leave in one send() are
 * timed together, so counting reads no clock.
 */
#pragma once

#include <stdint.h>

#include "core/kind.h"

enum lookup_result {
	LOOKUP_VALUE,
	LOOKUP_NOT_FOUND,
	LOOKUP_NOT_READY,
	LOOKUP_EXPIRED,
	LOOKUP_WITHHELD,
	LOOKUP_INVALID,
	LOOKUP_DENIED,
	LOOKUP_OVERLOADED,
	N_LOOKUP_RESULTS,
};
const char *lookup_result_name(enum lookup_result r); /* "value", "not-found", ... */

#define TALLY_BOUNDS 12
extern const uint32_t tally_bound_us[TALLY_BOUNDS]; /* ascending */

struct tally {
	uint64_t lookups[N_KINDS][N_LOOKUP_RESULTS];
	/* timed[i]: longer than bound i - 1, at most bound i; the last: longer than every bound. */
	uint64_t timed[TALLY_BOUNDS + 1];
	uint64_t sum_us;
	uint32_t untimed;   /* counted since the last tally_sent() */
	uint64_t *last;     /* the counter raised since the last tally_begin(), or NULL */
	uint64_t *overload; /* LOOKUP_OVERLOADED of the same kind */
};

void tally_begin(struct tally *t); /* a request is about to be served */
void tally_count(struct tally *t, enum record_kind kind, enum lookup_result result);
/* The response to the request being served is replaced by Overloaded: its lookup, if it is one. */
void tally_overload(struct tally *t);
/* The responses counted since the last call leave now, us after their requests were read. */
void tally_sent(struct tally *t, int64_t us);
