/* SPDX-License-Identifier: Apache-2.0 */
/* A content_source for content_read() that reads from memory. */
#pragma once

#include <errno.h>
#include <string.h>

#include "core/snapshot/content.h"

/* env: a struct span of the bytes not read yet. */
static inline int
memory_source_read(void *env, void *to, size_t n)
{
	struct span *left = env;

	if (n > left->n)
		return -EBADMSG;
	if (n)
		memcpy(to, left->p, n);
	left->p += n;
	left->n -= n;
	return 0;
}

/* Borrows the bytes of `left`, and advances it. */
static inline struct content_source
memory_source(struct span *left)
{
	return (struct content_source){ .env = left, .size = left->n, .read = memory_source_read };
}
