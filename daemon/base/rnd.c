/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rnd.h"

#include <sodium.h>

void
rnd_bytes(void *out, size_t n)
{
	randombytes_buf(out, n);
}

uint32_t
rnd_below(uint32_t upper)
{
	return randombytes_uniform(upper);
}

int64_t
rnd_between(int64_t low, int64_t high)
{
	uint64_t range, limit, v;

	if (high <= low)
		return low;
	range = (uint64_t)high - (uint64_t)low + 1;
	if (range == 0)
		range = UINT64_MAX; /* 2^64 does not fit; INT64_MAX is then never returned */
	limit = UINT64_MAX - UINT64_MAX % range;
	do
		rnd_bytes(&v, sizeof v);
	while (v >= limit);
	return (int64_t)((uint64_t)low + v % range);
}
