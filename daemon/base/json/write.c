/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/write.h"

#include <stdio.h>
#include <string.h>

/* Returns the escape of a byte; NULL if it needs none. room: space for the result. */
static const char *
escape_of(unsigned char c, char room[static 7])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		if (c >= 0x20)
			return NULL;
		snprintf(room, 7, "\\u%04x", c);
		return room;
	}
}

void
jtext_escape(struct buf *b, struct span s)
{
	char room[7];
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		const char *escape;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		escape = escape_of(c, room);
		buf_add(b, s.p + from, i - from);
		buf_adds(b, escape);
		from = i + 1;
	}
	if (s.n > from)
		buf_add(b, s.p + from, s.n - from);
}

void
jtext_string(struct buf *b, struct span s)
{
	buf_addc(b, '"');
	jtext_escape(b, s);
	buf_addc(b, '"');
}

void
jtext_int(struct buf *b, int64_t v)
{
	char text[20]; /* of INT64_MIN */
	char *p = text + sizeof text;
	uint64_t n = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	if (v < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(text + sizeof text - p));
}

void
jtext_next(struct buf *b)
{
	char last = b->len ? b->data[b->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_addc(b, ',');
}

void
jtext_name(struct buf *b, const char *name)
{
	jtext_next(b);
	buf_addc(b, '"');
	buf_adds(b, name);
	buf_adds(b, "\":");
}

void
jtext_member_string(struct buf *b, const char *name, struct span s)
{
	if (!s.p)
		return;
	jtext_name(b, name);
	jtext_string(b, s);
}

void
jtext_member_int(struct buf *b, const char *name, int64_t v)
{
	jtext_name(b, name);
	jtext_int(b, v);
}

void
jtext_member_bool(struct buf *b, const char *name, bool v)
{
	jtext_name(b, name);
	buf_adds(b, v ? "true" : "false");
}
