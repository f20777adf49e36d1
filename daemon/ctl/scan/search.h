/* SPDX-License-Identifier: Apache-2.0 */
/* Searches streams of bytes for needles and prints what is found: where, and whose value it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ctl/scan/holdings.h"

struct seen; /* where a value was found last */

struct search {
	const struct holdings *holdings;
	bool json;
	struct buf name;   /* of the stream */
	struct buf window; /* its bytes that are not searched yet, and those before them */
	size_t longest;
	uint64_t stream, line; /* numbers of the stream, and of the line at the window's begin */
	struct seen *seen;     /* by owner */
	struct buf out;
	uint64_t n_found, n_streams, n_bytes;
	int code; /* CTL_YES, or the output has failed */
};

/* 0 or -ENOMEM. */
MUST_CHECK int search_begin(struct search *s, const struct holdings *h, bool json);
void search_stream(struct search *s, const char *name);
void search_bytes(struct search *s, struct span bytes);
void search_stream_end(struct search *s); /* prints what was found in it */
void search_end(struct search *s);        /* frees */
