/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame -> its response: reads the call and hands it to the file that serves its method.
 * Between peer.c, which knows sockets and no methods, and core/replica.h, which knows neither JSON
 * nor sockets.
 */
#pragma once

#include "base/attr.h"
#include "edge/socket/service.h"

/*
 * frame: len bytes and a NUL, writable: strings are decoded in place. The response is appended to
 * out; if buf_error(out) is set afterwards, the connection must be closed.
 */
MUST_CHECK enum serve_outcome serve_call(struct service *s, struct caller *caller, char *frame,
    size_t len, struct buf *out, struct serve_progress *progress);
