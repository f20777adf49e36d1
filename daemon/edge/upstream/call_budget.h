/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits the rate of requests to the manager. The hosted API allows 25 requests per second and
 * token. connd uses about half of that, because others may share the token, and limits bursts so
 * that no second has more than 25.
 */
#pragma once

#include <stdint.h>

struct call_budget {
	int64_t paid_ms; /* the time up to which calls have used the budget */
};

/* Takes one call from the budget. Returns how many ms it must wait; 0: send it now. */
int64_t call_budget_take(struct call_budget *b, int64_t now_ms);
