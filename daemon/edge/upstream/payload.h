/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a response as it was sent: pieces of bounded size, so that nothing is moved while it
 * grows, and compressed perhaps. Unpacking a large one takes a while and belongs into the worker.
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
	PAYLOAD_UNKNOWN, /* a Content-Encoding that was not asked for */
};

struct payload_piece;

struct payload {
	struct payload_piece *first, *last;
	size_t n;   /* bytes so far */
	size_t max; /* the most it may hold */
	enum payload_coding coding;
	int error; /* 0, -EMSGSIZE or -ENOMEM; sticky */
};

void payload_init(struct payload *b, size_t max);
/* Copies n bytes behind the others. A failure sticks in b->error. */
void payload_add(struct payload *b, const void *p, size_t n);
/* `to` gets what `from` holds; `from` is empty afterwards. What `to` held is dropped. */
void payload_move(struct payload *to, struct payload *from);
/*
 * Appends the whole text to out and empties b, piece by piece. 0; -EMSGSIZE: more than out->max
 * allows; -EBADMSG: not whole, or not the coding that it claims; -ENOMEM.
 */
MUST_CHECK int payload_unpack(struct payload *b, struct buf *out);
void payload_fini(struct payload *b); /* wipes; empty and usable afterwards */
