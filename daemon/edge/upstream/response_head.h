/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header fields of a response that connd uses. libcurl passes them line by line, together with
 * those of a proxy's response to CONNECT, of interim responses, and with the trailers of a chunked
 * body. All bytes count towards one limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/limits.h"
#include "edge/upstream/payload.h"

struct response_head {
	size_t bytes;              /* of all lines so far */
	bool over;                 /* the empty line has come; trailers may follow */
	char etag[LIMIT_ETAG + 1]; /* "": none, or longer than LIMIT_ETAG */
	enum payload_coding coding;
	bool held;          /* the server waited (Preference-Applied) */
	bool takes_reports; /* X-Connd-Reports: accept */
};

/* Reads one line with its line end. False above LIMIT_RESPONSE_HEAD bytes. */
MUST_CHECK bool response_head_line(struct response_head *h, const char *line, size_t n);
