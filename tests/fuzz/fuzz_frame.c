/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte is the limit of a frame, the second the size of the pieces in which the rest
 * arrives. In pieces or at once, the frames are the same; none is above the limit or contains a
 * NUL.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

/* Returns a hash of the sizes of the frames, up to the first one that is too long. */
static uint64_t
cut(const char *data, size_t n, size_t max, size_t piece)
{
	size_t from = 0, have = 0, seen = 0, len;
	uint64_t sum = 0;

	while (have < n) {
		enum frame_verdict v = FRAME_READY;

		have = n - have < piece ? n : have + piece;
		while (from < have && v == FRAME_READY) {
			v = frame_cut(data + from, have - from, max, &seen, &len);
			if (v != FRAME_READY)
				break;
			must(len <= max && seen == 0);
			must(strnlen(data + from, have - from) == len);
			sum = sum * 1099511628211ULL + len + 1;
			from += len + 1;
		}
		must(seen <= have - from);
		if (v == FRAME_TOO_LONG)
			return ~sum;
	}
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t max, piece;

	if (n < 2)
		return 0;
	max = data[0];
	piece = data[1] + 1U;
	must(cut((const char *)data + 2, n - 2, max, n) ==
	     cut((const char *)data + 2, n - 2, max, piece));
	return 0;
}
