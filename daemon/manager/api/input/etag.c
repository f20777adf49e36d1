/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/etag.h"

#include <string.h>

static void
skip(struct span *at, size_t n)
{
	at->p += n;
	at->n -= n;
}

static void
skip_separators(struct span *at)
{
	while (at->n && (*at->p == ' ' || *at->p == '\t' || *at->p == ','))
		skip(at, 1);
}

/* Cuts the next entity tag, with its quotes. False: there is none. */
static bool
take_tag(struct span *at, struct span *tag, bool *weak)
{
	const char *end;

	*weak = at->n >= 2 && at->p[0] == 'W' && at->p[1] == '/';
	if (*weak)
		skip(at, 2);
	if (!at->n || *at->p != '"')
		return false;
	end = memchr(at->p + 1, '"', at->n - 1);
	if (!end)
		return false;
	*tag = (struct span){ at->p, (size_t)(end - at->p) + 1 };
	skip(at, tag->n);
	return true;
}

bool
etag_is_listed(struct span field, const char *etag, enum etag_comparison how)
{
	struct span tag;
	bool weak;

	if (span_is(field, "*"))
		return true;
	skip_separators(&field);
	while (take_tag(&field, &tag, &weak)) {
		if (span_is(tag, etag) && !(weak && how == ETAG_STRONG))
			return true;
		skip_separators(&field);
	}
	return false;
}
