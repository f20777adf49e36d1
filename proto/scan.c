/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/scan.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/limits.h"

struct reader {
	const char *p, *end;
	enum scan_mode mode;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
after_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

static bool
read_hex4(const char *p, const char *end, uint32_t *out)
{
	uint32_t v = 0;

	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v <<= 4;
		if (is_digit(c))
			v |= (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v |= (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v |= (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

static bool
is_surrogate(uint32_t c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

/*
 * The length of the escape at p and what it stands for; 0 when it is none. A surrogate without its
 * other half is returned as it is: the caller judges it, as it judges U+0000.
 */
static size_t
read_escape(const char *p, const char *end, uint32_t *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	uint32_t low;

	if (end - p < 2 || !p[1])
		return 0;
	at = strchr(from, p[1]);
	if (at) {
		*out = (unsigned char)to[at - from];
		return 2;
	}
	if (p[1] != 'u' || !read_hex4(p + 2, end, out))
		return 0;
	if (*out < 0xd800 || *out > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u' ||
	    !read_hex4(p + 8, end, &low) || low < 0xdc00 || low > 0xdfff)
		return 6;
	*out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
	return 12;
}

/* The checkers below leave r->p behind what they read, or at the byte that is wrong. */

static bool
check_string(struct reader *r)
{
	const char *p = r->p + 1;

	for (; p < r->end && *p != '"';) {
		size_t n = (unsigned char)*p >= ' ';
		uint32_t c;

		if (*p == '\\') {
			n = read_escape(p, r->end, &c);
			if (n && r->mode == SCAN_STRICT && (!c || is_surrogate(c)))
				n = 0;
		} else if ((unsigned char)*p >= 0x80) {
			n = utf8_sequence(p, (size_t)(r->end - p));
		}
		if (!n) {
			r->p = p;
			return false;
		}
		p += n;
	}
	r->p = p;
	if (p == r->end)
		return false;
	r->p++;
	return true;
}

static bool
check_digits(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && is_digit(*r->p))
		r->p++;
	return r->p > from;
}

static bool
check_number(struct reader *r)
{
	if (*r->p == '-')
		r->p++;
	if (r->p < r->end && *r->p == '0')
		r->p++;
	else if (!check_digits(r))
		return false;
	if (r->p < r->end && *r->p == '.') {
		r->p++;
		if (!check_digits(r))
			return false;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (!check_digits(r))
			return false;
	}
	return true;
}

static bool
check_word(struct reader *r, const char *word, size_t n)
{
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n))
		return false;
	r->p += n;
	return true;
}

static bool
check_scalar(struct reader *r)
{
	switch (*r->p) {
	case '"':
		return check_string(r);
	case 't':
		return check_word(r, "true", 4);
	case 'f':
		return check_word(r, "false", 5);
	case 'n':
		return check_word(r, "null", 4);
	default:
		return check_number(r);
	}
}

/* `"name" :` */
static bool
check_name(struct reader *r)
{
	if (r->p == r->end || *r->p != '"' || !check_string(r))
		return false;
	r->p = after_space(r->p, r->end);
	if (r->p == r->end || *r->p != ':')
		return false;
	r->p++;
	return true;
}

/* Which containers are open: one bit each, set for an object. */
struct nesting {
	uint64_t objects;
	int depth;
};
_Static_assert(LIMIT_JSON_DEPTH <= 63, "a nesting is one word of bits");

static bool
inside_object(const struct nesting *in)
{
	return in->objects & 1;
}

/*
 * After a value: closes the containers that end here and steps over the comma (and the name) before
 * the next value. False when something else stands there; true with depth 0 when all is closed.
 */
static bool
check_after_value(struct reader *r, struct nesting *in)
{
	while (in->depth) {
		char c;

		r->p = after_space(r->p, r->end);
		if (r->p == r->end)
			return false;
		c = *r->p;
		if (c == ',') {
			r->p = after_space(r->p + 1, r->end);
			return !inside_object(in) || check_name(r);
		}
		if (c != (inside_object(in) ? '}' : ']'))
			return false;
		r->p++;
		in->objects >>= 1;
		in->depth--;
	}
	return true;
}

/* One value with all that is in it. */
static bool
check_value(struct reader *r)
{
	struct nesting in = { 0 };

	do {
		char c;

		r->p = after_space(r->p, r->end);
		if (r->p == r->end)
			return false;
		c = *r->p;
		if (c == '{' || c == '[') {
			if (in.depth == LIMIT_JSON_DEPTH)
				return false;
			in.depth++;
			in.objects = in.objects << 1 | (c == '{');
			r->p = after_space(r->p + 1, r->end);
			if (r->p == r->end || *r->p != (c == '{' ? '}' : ']')) {
				if (c == '{' && !check_name(r))
					return false;
				continue; /* its first value */
			}
			/* Empty: the closing bracket is read like any other. */
		} else if (!check_scalar(r)) {
			return false;
		}
		if (!check_after_value(r, &in))
			return false;
	} while (in.depth);
	return true;
}

int
scan_check(struct span text, enum scan_mode mode, struct span *value, size_t *error_at)
{
	struct reader r = { .mode = mode };
	const char *from, *to;
	bool good;

	if (!text.p)
		text.p = ""; /* absent is empty */
	r.end = text.p + text.n;
	from = after_space(text.p, r.end);
	r.p = from;
	good = check_value(&r);
	to = r.p;
	if (good)
		r.p = after_space(r.p, r.end);
	if (!good || r.p != r.end) {
		if (error_at)
			*error_at = (size_t)(r.p - text.p);
		return -EBADMSG;
	}
	*value = (struct span){ from, (size_t)(to - from) };
	return 0;
}

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

/* From an opening quote to behind the closing one: the first that no odd run of backslashes precedes. */
static const char *
after_string(const char *p)
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
			p = after_string(p);
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
		return after_string(p);
	case '{':
	case '[':
		return after_container(p);
	default:
		while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_space(*p))
			p++;
		return p;
	}
}

/* Where the next member or element starts; NULL at the closing bracket. */
static const char *
next_item(struct span at)
{
	const char *end, *p;

	if (!at.p)
		return NULL;
	end = at.p + at.n;
	p = after_space(at.p, end);
	/* An opening bracket can only be our own: a container inside was passed whole. */
	if (*p != '{' && *p != '[' && *p != ',')
		return NULL;
	p = after_space(p + 1, end);
	return *p == '}' || *p == ']' ? NULL : p;
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
	to = after_string(p);
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
 * The text between the quotes, decoded to out, which may be raw's own memory: no escape is shorter
 * than what it stands for. 0 with *n set, or -EILSEQ.
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
scan_name_is(struct span raw_name, const char *literal)
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
		/* A literal that ends early ends the comparison: its NUL is never in utf8. */
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
	/* Counted downwards: INT64_MIN has no positive twin. */
	for (p += negative; p < end; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *p - '0', &v))
			return -ERANGE;
	if (!negative && __builtin_sub_overflow(0, v, &v))
		return -ERANGE;
	*out = v;
	return 0;
}

/* A string's escapes all stand for something we can carry. */
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
		const char *next = *p == '"' ? after_string(p) : p + 1;
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
