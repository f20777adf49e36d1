/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/scan_internal.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

enum scan_type
scan_type(struct span value)
{
	switch (*value.p) {
	case 'n':
		return SCAN_NULL;
	case 't':
	case 'f':
		return SCAN_BOOL;
	case '"':
		return SCAN_STRING;
	case '[':
		return SCAN_ARRAY;
	case '{':
		return SCAN_OBJECT;
	default:
		return SCAN_NUMBER;
	}
}

/* The closing quote is the first one preceded by an even number of backslashes. */
const char *
scan_after_string(const char *p)
{
	const char *from = ++p, *slash;

	for (;; p++) {
		p = rawmemchr(p, '"');
		for (slash = p; slash > from && slash[-1] == '\\'; slash--)
			;
		if ((p - slash) % 2 == 0)
			return p + 1;
	}
}

static const char *
after_container(const char *p)
{
	int depth = 0;

	do {
		switch (*p) {
		case '"':
			p = scan_after_string(p);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			break;
		}
		p++;
	} while (depth);
	return p;
}

static const char *
after_value(const char *p, const char *end)
{
	switch (*p) {
	case '"':
		return scan_after_string(p);
	case '{':
	case '[':
		return after_container(p);
	default:
		while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_space(*p))
			p++;
		return p;
	}
}

/* Returns where the next member or element starts; NULL at the closing bracket. */
static const char *
next_item(struct span at)
{
	const char *end, *p;

	if (!at.p)
		return NULL;
	end = at.p + at.n;
	p = after_space(at.p, end);
	/* An opening bracket is that of `at` itself: nested containers are skipped whole. */
	if (*p != '{' && *p != '[' && *p != ',')
		return NULL;
	p = after_space(p + 1, end);
	return *p == '}' || *p == ']' ? NULL : p;
}

bool
scan_is_empty(struct span container)
{
	return !next_item(container);
}

static void
take_value(struct span *at, const char *p, struct span *value)
{
	const char *end = at->p + at->n, *to = after_value(p, end);

	*value = (struct span){ p, (size_t)(to - p) };
	*at = (struct span){ to, (size_t)(end - to) };
}

bool
scan_member(struct span *at, struct span *name, struct span *value)
{
	const char *p = next_item(*at), *end, *to;

	if (!p)
		return false;
	end = at->p + at->n;
	to = scan_after_string(p);
	*name = (struct span){ p + 1, (size_t)(to - p - 2) };
	p = after_space(to, end);
	take_value(at, after_space(p + 1, end), value);
	return true;
}

bool
scan_element(struct span *at, struct span *value)
{
	const char *p = next_item(*at);

	if (!p)
		return false;
	take_value(at, p, value);
	return true;
}

static size_t
put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/*
 * Decodes the text between the quotes to out. out may be raw's own memory, because no escape is
 * shorter than its character. 0 with *n set to the length, or -EILSEQ.
 */
static int
decode(struct span raw, char *out, size_t *n)
{
	const char *p = raw.p, *end = raw.p + raw.n;
	char *to = out;

	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		size_t run = (size_t)((stop ? stop : end) - p);
		uint32_t c;

		if (to != p)
			memmove(to, p, run);
		to += run;
		p += run;
		if (!stop)
			break;
		p += read_escape(p, end, &c);
		if (!c || is_surrogate(c))
			return -EILSEQ;
		to += put_utf8(to, c);
	}
	*n = (size_t)(to - out);
	return 0;
}

bool
scan_escaped_name_is(struct span raw_name, const char *literal)
{
	const char *p = raw_name.p, *end = raw_name.p + raw_name.n;

	while (p < end) {
		char utf8[4] = { *p };
		size_t n = 1, step = 1;
		uint32_t c;

		if (*p == '\\') {
			step = read_escape(p, end, &c);
			if (!c || is_surrogate(c))
				return false;
			n = put_utf8(utf8, c);
		}
		/* strncmp() stops at the literal's NUL, which never equals a byte of utf8. */
		if (strncmp(utf8, literal, n))
			return false;
		p += step;
		literal += n;
	}
	return !*literal;
}

int
scan_find(struct span object, const char *name, struct span *value)
{
	struct span at = object, raw, v;
	struct span found = { 0 };

	while (scan_member(&at, &raw, &v)) {
		if (!scan_name_is(raw, name))
			continue;
		if (found.p)
			return -EEXIST;
		found = v;
	}
	*value = found;
	return 0;
}

struct span
scan_get(struct span object, const char *name)
{
	struct span value = { 0 };

	if (scan_find(object, name, &value) != 0)
		value = (struct span){ 0 };
	return value;
}

static struct span
inside_quotes(struct span value)
{
	return (struct span){ value.p + 1, value.n - 2 };
}

int
scan_name_text(struct span raw_name, struct buf *out)
{
	char *room = buf_room(out, raw_name.n);
	size_t n;
	int r;

	if (!room)
		return buf_error(out);
	r = decode(raw_name, room, &n);
	if (r < 0) {
		mem_wipe(room, raw_name.n);
		return r;
	}
	buf_grown(out, n);
	return 0;
}

int
scan_string(struct span value, struct buf *out)
{
	return scan_name_text(inside_quotes(value), out);
}

int
scan_string_in_place(struct span value, char *text_base, struct span *out)
{
	struct span raw = inside_quotes(value);
	char *to = text_base + (raw.p - text_base);
	size_t n;
	int r = decode(raw, to, &n);

	if (r < 0)
		return r;
	*out = (struct span){ to, n };
	return 0;
}

bool
scan_bool(struct span value)
{
	return *value.p == 't';
}

int
scan_int(struct span value, int64_t *out)
{
	const char *p = value.p, *end = value.p + value.n;
	bool negative = *p == '-';
	int64_t v = 0;

	if (scan_type(value) != SCAN_NUMBER)
		return -EINVAL;
	for (const char *q = p + negative; q < end; q++)
		if (!is_digit(*q))
			return -EINVAL;
	/* Builds the negative number: INT64_MIN has no positive counterpart. */
	for (p += negative; p < end; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *p - '0', &v))
			return -ERANGE;
	if (!negative && __builtin_sub_overflow(0, v, &v))
		return -ERANGE;
	*out = v;
	return 0;
}

/* True if the string has no escapes for U+0000 or a lone surrogate. */
static bool
representable(struct span raw)
{
	const char *p = raw.p, *end = raw.p + raw.n;
	uint32_t c;

	while ((p = memchr(p, '\\', (size_t)(end - p)))) {
		p += read_escape(p, end, &c);
		if (!c || is_surrogate(c))
			return false;
	}
	return true;
}

int
scan_compact(struct span value, struct buf *out)
{
	const char *p = value.p, *end = value.p + value.n;
	char *room = buf_room(out, value.n), *to = room;

	if (!room)
		return buf_error(out);
	while (p < end) {
		const char *next = *p == '"' ? scan_after_string(p) : p + 1;
		size_t n = (size_t)(next - p);

		if (n > 1 && !representable(inside_quotes((struct span){ p, n }))) {
			mem_wipe(room, value.n);
			return -EILSEQ;
		}
		if (!is_space(*p)) {
			memcpy(to, p, n);
			to += n;
		}
		p = next;
	}
	buf_grown(out, (size_t)(to - room));
	return 0;
}
