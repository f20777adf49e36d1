/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header fields of a response that matter here, line by line as libcurl reads them: of a
 * proxy's reply to CONNECT and of an interim response too, and a chunked body's trailers. Every
 * byte counts towards one cap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/limits.h"
#include "edge/upstream/payload.h"

struct response_head {
	size_t bytes;              /* of all lines so far */
	bool over;                 /* the empty line has come: what follows are trailers */
	char etag[LIMIT_ETAG + 1]; /* "": none, or one longer than LIMIT_ETAG */
	enum payload_coding coding;
	bool held; /* the server says that it waited (Preference-Applied) */
};

/* One line with its line end. False: LIMIT_RESPONSE_HEAD is exceeded. */
MUST_CHECK bool response_head_line(struct response_head *h, const char *line, size_t n);
