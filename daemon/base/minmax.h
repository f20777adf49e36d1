/* SPDX-License-Identifier: Apache-2.0 */
/* The smaller and the larger of two numbers. Functions: each argument is evaluated once. */
#pragma once

#include <stdint.h>

static inline int64_t
min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t
max_i64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}
