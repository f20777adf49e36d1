/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/pruning.h"

#define DAY_MS INT64_C(86400000)

static bool
is_far(int64_t a, int64_t b)
{
	return a > b ? a - b > DAY_MS : b - a > DAY_MS;
}

bool
pruning_begin(
    struct pruning *p, int64_t keep_ms, int64_t newest_ms, int64_t wall_ms, int64_t boot_ms)
{
	bool trusted = !newest_ms || !is_far(newest_ms, wall_ms);

	*p = (struct pruning){ .keep_ms = keep_ms,
		.offset_ms = wall_ms - boot_ms,
		.until_ms = trusted ? boot_ms : boot_ms + DAY_MS };
	return trusted;
}

bool
pruning_look(struct pruning *p, int64_t wall_ms, int64_t boot_ms)
{
	int64_t offset_ms = wall_ms - boot_ms;
	bool jumped = is_far(offset_ms, p->offset_ms);

	p->offset_ms = offset_ms;
	if (jumped)
		p->until_ms = boot_ms + DAY_MS;
	return !jumped;
}

bool
pruning_is_due(const struct pruning *p, int64_t wall_ms, int64_t boot_ms, int64_t *before_ms)
{
	*before_ms = wall_ms - p->keep_ms;
	return boot_ms >= p->until_ms;
}
