/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/call_budget.h"

#define CALL_EVERY_MS  84
#define CALLS_IN_A_ROW 12

int64_t
call_budget_take(struct call_budget *b, int64_t now_ms)
{
	int64_t early_ms;

	if (b->paid_ms < now_ms)
		b->paid_ms = now_ms;
	early_ms = b->paid_ms - now_ms - (CALLS_IN_A_ROW - 1) * CALL_EVERY_MS;
	b->paid_ms += CALL_EVERY_MS;
	return early_ms > 0 ? early_ms : 0;
}
