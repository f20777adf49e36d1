/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/write.h"

#include <stdio.h>
#include <string.h>

#include "base/json/plain.h"

/* Returns the escape of a byte that needs one. room: space for the result. */
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
		snprintf(room, 7, "\\u%04x", c);
		return room;
	}
}

void
jtext_escape(struct buf *b, struct span s)
{
	const char *p = s.p, *end = s.n ? s.p + s.n : s.p;
	char room[7];

	while (p < end) {
		const char *stop = after_plain(p, end, PLAIN_UTF8);

		if (stop > p)
			buf_add(b, p, (size_t)(stop - p));
		if (stop < end)
			buf_adds(b, escape_of((unsigned char)*stop++, room));
		p = stop;
	}
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
	struct span text = span_of(name);
	char *at;

	jtext_next(b);
	at = buf_room(b, text.n + 3);
	if (!at)
		return;
	*at++ = '"';
	memcpy(at, text.p, text.n);
	at += text.n;
	*at++ = '"';
	*at = ':';
	buf_grown(b, text.n + 3);
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
