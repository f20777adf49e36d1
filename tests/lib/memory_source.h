/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot's bytes in memory, as what content_read() reads from. */
#pragma once

#include <errno.h>
#include <string.h>

#include "core/snapshot/content.h"

/* env: the struct span of what is left. */
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

/* left: is moved along; what it stands for is borrowed. */
static inline struct content_source
memory_source(struct span *left)
{
	return (struct content_source){ .env = left, .size = left->n, .read = memory_source_read };
}
