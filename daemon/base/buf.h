/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a cap.
 *
 * A buffer is born with the most it may ever hold. A failure is sticky: after one append did not
 * fit (-EMSGSIZE) or memory was out (-ENOMEM), later appends do nothing and buf_error() tells, so a
 * writer appends a whole document and checks once. Contents are wiped when freed or outgrown.
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
void buf_fini(struct buf *b);  /* wipes and frees; usable again as empty with the same max */
void buf_reset(struct buf *b); /* wipes the contents, keeps the room, clears the error */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Makes sure that n more bytes fit and returns where they go, NULL on failure; then buf_grown(). */
char *buf_room(struct buf *b, size_t n);
void buf_grown(struct buf *b, size_t n);
/* Keeps the first n bytes (n <= len), wipes and drops the rest, clears the error. */
void buf_truncate(struct buf *b, size_t n);
/* Drops n bytes from the front (n <= len); the bytes left behind are wiped. */
void buf_consume(struct buf *b, size_t n);
/* The contents as a C string ("" while empty). Valid until the next change. */
const char *buf_str(const struct buf *b);
/* Takes the bytes out (free with mem_free()); the buffer is empty afterwards. NULL when failed. */
MUST_CHECK char *buf_take(struct buf *b, size_t *len);

static inline int
buf_error(const struct buf *b)
{
	return b->error;
}
