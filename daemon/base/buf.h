/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a cap.
 *
 * The cap is set when the buffer is initialized. An error is sticky: once an append fails, because
 * the bytes do not fit (-EMSGSIZE) or for lack of memory (-ENOMEM), later appends do nothing and
 * buf_error() returns the error. A writer can append a whole document and check once. Contents are
 * wiped when the buffer is freed or grows into a new block.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf {
	char *data; /* len bytes, followed by a NUL that is not counted; NULL while empty */
	size_t len;
	size_t cap;
	size_t max;
	int error; /* 0, -ENOMEM or -EMSGSIZE; sticky until buf_reset() */
};

#define BUF_INIT(max_bytes) ((struct buf){ .max = (max_bytes) })

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* wipes and frees; b is then empty, with the same max */
void buf_reset(struct buf *b); /* wipes the contents, keeps the block, clears the error */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/*
 * Reserves n bytes and returns the place to write them to; NULL on failure. Call buf_grown() with
 * the number of bytes written.
 */
char *buf_room(struct buf *b, size_t n);
void buf_grown(struct buf *b, size_t n);
/* Keeps the first n bytes (n <= len), wipes and drops the rest, clears the error. */
void buf_truncate(struct buf *b, size_t n);
/* Drops n bytes from the front (n <= len). The freed part of the block is wiped. */
void buf_consume(struct buf *b, size_t n);
/* The contents as a C string ("" while empty). Valid until the next change. */
const char *buf_str(const struct buf *b);
/*
 * Hands the bytes over to the caller, who frees them with mem_free(); b is empty afterwards. len
 * may be NULL. Returns NULL when the buffer has an error.
 */
MUST_CHECK char *buf_take(struct buf *b, size_t *len);

static inline int
buf_error(const struct buf *b)
{
	return b->error;
}
