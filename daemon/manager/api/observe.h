/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of requests by route and status, and the request log. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "manager/http/conn.h"

struct observe;

MUST_CHECK struct observe *observe_new(void);    /* NULL: out of memory */
struct observe *observe_free(struct observe *o); /* NULL is fine; returns NULL */
/* Logs every request, not only refused ones (of which at most ten a second). */
void observe_log_all(struct observe *o);

/*
 * Counts a response, and logs it at info: request id, method, path, status, time, the token's id.
 */
void observe_response(struct observe *o, struct http_conn *conn, int status, int64_t ms);
/* Appends the counters in OpenMetrics' text. */
void observe_write(const struct observe *o, struct buf *out);
