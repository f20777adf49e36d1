/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the manager may be called. The hosted API grants a token 25 requests a second; connd
 * takes half of them, so that others may share the token, and few enough in a row that no second
 * holds more.
 */
#pragma once

#include <stdint.h>

struct call_budget {
	int64_t paid_ms; /* calls are paid for up to this time */
};

/* Takes one call. How many ms it has to wait; 0: none. */
int64_t call_budget_take(struct call_budget *b, int64_t now_ms);
