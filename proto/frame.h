/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting a byte stream into Varlink frames: JSON text, ended by one NUL. Pure. */
#pragma once

#include <stddef.h>

#include "base/attr.h"

enum frame_verdict {
	FRAME_MORE,     /* no NUL yet: read on */
	FRAME_READY,    /* *len bytes of text, then its NUL */
	FRAME_TOO_LONG, /* more than max bytes without a NUL, or a frame longer than max: close */
};

/*
 * data/n: what has been read and not yet consumed; *seen: how much of it was searched before (0 for
 * fresh bytes; updated, so that one byte at a time does not cost n^2).
 */
MUST_CHECK enum frame_verdict frame_cut(
    const char *data, size_t n, size_t max, size_t *seen, size_t *len);
