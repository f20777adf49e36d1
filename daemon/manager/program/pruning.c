/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/pruning.h"

static bool
is_far(int64_t a, int64_t b)
{
	return a > b ? a - b > PRUNING_DAY_MS : b - a > PRUNING_DAY_MS;
}

bool
pruning_begin(struct pruning *p, int64_t keep_ms, const struct pruning_past *past, int64_t wall_ms,
    int64_t boot_ms)
{
	bool near = !past->newest_ms || !is_far(past->newest_ms, wall_ms);

	*p = (struct pruning){ .keep_ms = keep_ms,
		.offset_ms = wall_ms - boot_ms,
		.until_ms = boot_ms + (near ? past->wait_ms : PRUNING_DAY_MS) };
	return near;
}

int64_t
pruning_wait_ms(const struct pruning *p, int64_t boot_ms)
{
	return p->until_ms > boot_ms ? p->until_ms - boot_ms : 0;
}

bool
pruning_look(struct pruning *p, int64_t wall_ms, int64_t boot_ms)
{
	int64_t offset_ms = wall_ms - boot_ms;
	bool jumped = is_far(offset_ms, p->offset_ms);

	p->offset_ms = offset_ms;
	if (jumped)
		p->until_ms = boot_ms + PRUNING_DAY_MS;
	return !jumped;
}

bool
pruning_is_due(const struct pruning *p, int64_t wall_ms, int64_t boot_ms, int64_t *before_ms)
{
	*before_ms = wall_ms - p->keep_ms;
	return boot_ms >= p->until_ms;
}
