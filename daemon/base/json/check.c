/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/scan_internal.h"

#include <errno.h>
#include <string.h>

#include "base/json/plain.h"
#include "base/limits.h"
#include "base/utf8.h"

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

size_t
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

/* The functions below leave r->p after the text they accept, or at the first wrong byte. */

static bool
check_string(struct scan_walk *r)
{
	const char *p = after_plain(r->p + 1, r->end, PLAIN_ASCII);

	while (p < r->end && *p != '"') {
		size_t n = 0;
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
		p = after_plain(p + n, r->end, PLAIN_ASCII);
	}
	r->p = p;
	if (p == r->end)
		return false;
	r->p++;
	return true;
}

static bool
check_digits(struct scan_walk *r)
{
	const char *from = r->p;

	while (r->p < r->end && is_digit(*r->p))
		r->p++;
	return r->p > from;
}

static bool
check_number(struct scan_walk *r)
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
check_word(struct scan_walk *r, const char *word, size_t n)
{
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n))
		return false;
	r->p += n;
	return true;
}

static bool
check_scalar(struct scan_walk *r)
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

/* `"name" :`. Sets *name to the raw text between the quotes. */
static bool
take_name(struct scan_walk *r, struct span *name)
{
	const char *from = r->p + 1;

	if (r->p == r->end || *r->p != '"' || !check_string(r))
		return false;
	*name = (struct span){ from, (size_t)(r->p - 1 - from) };
	r->p = after_space(r->p, r->end);
	if (r->p == r->end || *r->p != ':')
		return false;
	r->p++;
	return true;
}

static bool
check_name(struct scan_walk *r)
{
	struct span name;

	return take_name(r, &name);
}

/* The open containers: one bit each, the innermost lowest; 1 for an object, 0 for an array. */
struct nesting {
	uint64_t objects;
	int depth;
};
_Static_assert(LIMIT_JSON_DEPTH <= 63, "one bit per open container");

static bool
inside_object(const struct nesting *in)
{
	return in->objects & 1;
}

/*
 * Reads what may follow a value: closing brackets, then a comma and, in an object, the next name.
 * False on anything else. depth is 0 when all containers are closed.
 */
static bool
check_after_value(struct scan_walk *r, struct nesting *in)
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

/* Reads one value, nested ones included. max_depth: how deep its containers may nest. */
static bool
check_value(struct scan_walk *r, int max_depth)
{
	struct nesting in = { 0 };

	do {
		char c;

		r->p = after_space(r->p, r->end);
		if (r->p == r->end)
			return false;
		c = *r->p;
		if (c == '{' || c == '[') {
			if (in.depth == max_depth) {
				r->too_deep = true;
				return false;
			}
			in.depth++;
			in.objects = in.objects << 1 | (c == '{');
			r->p = after_space(r->p + 1, r->end);
			if (r->p == r->end || *r->p != (c == '{' ? '}' : ']')) {
				if (c == '{' && !check_name(r))
					return false;
				continue; /* reads its first value */
			}
			/* Empty: check_after_value() reads the closing bracket. */
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
	struct scan_walk r = { .mode = mode };
	const char *from, *to;
	bool good;

	if (!text.p)
		text.p = ""; /* absent is empty */
	r.end = text.p + text.n;
	from = after_space(text.p, r.end);
	r.p = from;
	good = check_value(&r, LIMIT_JSON_DEPTH);
	to = r.p;
	if (good)
		r.p = after_space(r.p, r.end);
	if (!good || r.p != r.end) {
		if (error_at)
			*error_at = (size_t)(r.p - text.p);
		return r.too_deep ? -ELOOP : -EBADMSG;
	}
	*value = (struct span){ from, (size_t)(to - from) };
	return 0;
}

/* --- checking and walking in one pass ---------------------------------------------------- */

int
scan_open(struct scan_walk *w, struct span text, enum scan_mode mode)
{
	if (!text.n)
		return -EBADMSG;
	*w = (struct scan_walk){ .p = text.p, .end = text.p + text.n, .mode = mode };
	w->p = after_space(w->p, w->end);
	if (w->p == w->end || *w->p != '{')
		return -EBADMSG;
	w->p++;
	return 0;
}

/* Reads the closing bracket. 0 if nothing but white space follows it. */
static int
scan_close(struct scan_walk *w)
{
	w->p = after_space(w->p + 1, w->end);
	return w->p == w->end ? 0 : -EBADMSG;
}

int
scan_next(struct scan_walk *w, struct span *name, struct span *value)
{
	const char *from;

	w->p = after_space(w->p, w->end);
	if (w->p == w->end)
		return -EBADMSG;
	if (*w->p == '}')
		return scan_close(w);
	if (w->begun) {
		if (*w->p != ',')
			return -EBADMSG;
		w->p = after_space(w->p + 1, w->end);
	}
	w->begun = true;
	if (!take_name(w, name))
		return -EBADMSG;
	from = w->p = after_space(w->p, w->end);
	if (!check_value(w, LIMIT_JSON_DEPTH - 1))
		return w->too_deep ? -ELOOP : -EBADMSG;
	*value = (struct span){ from, (size_t)(w->p - from) };
	return 1;
}
