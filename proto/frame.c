/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/frame.h"

#include <string.h>

enum frame_verdict
frame_cut(const char *data, size_t n, size_t max, size_t *seen, size_t *len)
{
	/* The NUL of a frame of max bytes is at index max. */
	size_t window = n > max ? max + 1 : n;
	const char *nul = NULL;

	if (*seen < window)
		nul = memchr(data + *seen, '\0', window - *seen);
	if (nul) {
		*len = (size_t)(nul - data);
		*seen = 0;
		return FRAME_READY;
	}
	*seen = window;
	return n > max ? FRAME_TOO_LONG : FRAME_MORE;
}
