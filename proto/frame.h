/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting a byte stream into Varlink frames: JSON text, ended by one NUL. Pure. */
#pragma once

#include <stddef.h>

#include "base/attr.h"

enum frame_verdict {
	FRAME_MORE,     /* no NUL yet: read on */
	FRAME_READY,    /* *len bytes of text, then its NUL */
	FRAME_TOO_LONG, /* the frame is longer than max bytes: close */
};

/*
 * Looks for the first frame in data (n bytes read and not yet consumed). *seen: how many of them
 * were searched before; it is updated, so that input that comes byte by byte does not cost n^2.
 */
MUST_CHECK enum frame_verdict frame_cut(
    const char *data, size_t n, size_t max, size_t *seen, size_t *len);
