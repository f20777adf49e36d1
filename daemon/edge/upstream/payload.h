/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a response as sent, possibly compressed. It is stored in pieces of bounded size, so
 * that nothing is moved while it grows. Unpack it in the worker: that is slow for a large body.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

#define PAYLOAD_PIECE_BYTES ((size_t)64 * 1024)

enum payload_coding {
	PAYLOAD_PLAIN,
	PAYLOAD_GZIP,
	PAYLOAD_UNKNOWN, /* another Content-Encoding, which was not requested */
};

struct payload_piece;

struct payload {
	struct payload_piece *first, *last;
	size_t n;   /* bytes so far */
	size_t max; /* the largest n */
	enum payload_coding coding;
	int error; /* 0, -EMSGSIZE or -ENOMEM; sticky */
};

void payload_init(struct payload *b, size_t max);
/* Appends a copy of n bytes. An error stays in b->error. */
void payload_add(struct payload *b, const void *p, size_t n);
/* Moves the contents of `from` to `to`, whose old contents are dropped. */
void payload_move(struct payload *to, struct payload *from);
/*
 * Appends the unpacked text to out and empties b. 0; -EMSGSIZE if it is longer than out->max;
 * -EBADMSG if it is truncated or not in its coding; -ENOMEM.
 */
MUST_CHECK int payload_unpack(struct payload *b, struct buf *out);
void payload_fini(struct payload *b); /* wipes; empty and usable afterwards */
