/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <string.h>

struct span
span_of(const char *s)
{
	return s ? (struct span){ s, strlen(s) } : (struct span){ NULL, 0 };
}

struct span
span_of_buf(const struct buf *b)
{
	return (struct span){ buf_str(b), b->len };
}

bool
span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
span_is(struct span a, const char *s)
{
	return a.p && span_equal(a, span_of(s));
}
