/* SPDX-License-Identifier: Apache-2.0 */
/* Splits a byte stream into Varlink frames: JSON text and one NUL. Pure. */
#pragma once

#include <stddef.h>

#include "base/attr.h"

enum frame_verdict {
	FRAME_MORE,     /* no NUL yet: read more */
	FRAME_READY,    /* data starts with a frame of *len bytes and its NUL */
	FRAME_TOO_LONG, /* the frame is longer than max bytes: close the connection */
};

/*
 * Looks for the first frame in data, the n bytes read but not yet consumed. *seen is the number of
 * bytes already searched; the function updates it, so that input that arrives byte by byte is not
 * searched again and again.
 */
MUST_CHECK enum frame_verdict frame_cut(
    const char *data, size_t n, size_t max, size_t *seen, size_t *len);
