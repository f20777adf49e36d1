/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/tally.h"

#include <stddef.h>

const uint32_t tally_bound_us[TALLY_BOUNDS] = { 10, 25, 50, 100, 250, 500, 1000, 2500, 10000,
	100000, 1000000, 5000000 };

const char *
lookup_result_name(enum lookup_result r)
{
	static const char *const names[N_LOOKUP_RESULTS] = {
		[LOOKUP_VALUE] = "value",
		[LOOKUP_NOT_FOUND] = "not-found",
		[LOOKUP_NOT_READY] = "not-ready",
		[LOOKUP_EXPIRED] = "expired",
		[LOOKUP_WITHHELD] = "withheld",
		[LOOKUP_INVALID] = "invalid",
		[LOOKUP_DENIED] = "denied",
		[LOOKUP_OVERLOADED] = "overloaded",
	};

	return names[r];
}

void
tally_begin(struct tally *t)
{
	t->last = NULL;
}

void
tally_count(struct tally *t, enum record_kind kind, enum lookup_result result)
{
	t->last = &t->lookups[kind][result];
	t->overload = &t->lookups[kind][LOOKUP_OVERLOADED];
	(*t->last)++;
	t->untimed++;
}

void
tally_overload(struct tally *t)
{
	if (!t->last)
		return;
	(*t->last)--;
	(*t->overload)++;
	t->last = NULL;
}

void
tally_sent(struct tally *t, int64_t us)
{
	size_t i = 0;

	if (!t->untimed)
		return;
	us = us < 0 ? 0 : us;
	while (i < TALLY_BOUNDS && us > tally_bound_us[i])
		i++;
	t->timed[i] += t->untimed;
	t->sum_us += (uint64_t)us * t->untimed;
	t->untimed = 0;
}
