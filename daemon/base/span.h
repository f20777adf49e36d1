/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes: a pointer and a length. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* p == NULL means absent; a present span may be empty. */
struct span {
	const char *p;
	size_t n;
};

#define SPAN_LITERAL(s) ((struct span){ (s), sizeof(s) - 1 })
struct span span_of(const char *s);           /* of a C string; NULL gives an absent span */
struct span span_of_buf(const struct buf *b); /* never absent; valid until the buffer changes */
bool span_equal(struct span a, struct span b);
bool span_is(struct span a, const char *s);
