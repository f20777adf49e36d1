/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* scratch has room for raw.n more bytes, so that earlier spans stay where they are. */
static int
decode(struct span raw, bool plus_is_space, struct buf *scratch, struct span *out)
{
	size_t from = scratch->len;

	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i];

		if (c == '%') {
			int high = raw.n - i > 2 ? hex_digit(raw.p[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(raw.p[i + 2]) : -1;

			if (low < 0)
				return -EINVAL;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		buf_addc(scratch, c);
	}
	*out = (struct span){ buf_str(scratch) + from, scratch->len - from };
	return utf8_is_valid(*out) ? 0 : -EINVAL;
}

int
path_read(struct path *p, struct span raw, struct buf *scratch)
{
	p->n = 0;
	if (!buf_room(scratch, raw.n + 1))
		return -ENOMEM;
	while (raw.n) {
		const char *slash;
		struct span one;
		int r;

		raw.p++, raw.n--; /* the slash in front */
		slash = memchr(raw.p, '/', raw.n);
		one = (struct span){ raw.p, slash ? (size_t)(slash - raw.p) : raw.n };
		if (!one.n || p->n == PATH_MAX_SEGMENTS)
			return -ENOENT;
		r = decode(one, false, scratch, &p->segments[p->n++]);
		if (r < 0)
			return r;
		raw.p += one.n;
		raw.n -= one.n;
	}
	return 0;
}

int
query_read(struct query *q, struct span raw, struct buf *scratch, struct fault *f)
{
	q->n = 0;
	if (!buf_room(scratch, raw.n + 1))
		return -ENOMEM;
	while (raw.n) {
		const char *amp = memchr(raw.p, '&', raw.n);
		struct span one = { raw.p, amp ? (size_t)(amp - raw.p) : raw.n };
		const char *eq = memchr(one.p, '=', one.n);
		struct span name = { one.p, eq ? (size_t)(eq - one.p) : one.n };
		struct span value =
		    eq ? (struct span){ eq + 1, one.n - name.n - 1 } : SPAN_LITERAL("");

		raw.p += one.n + (amp != NULL);
		raw.n -= one.n + (amp != NULL);
		if (!one.n)
			continue;
		if (q->n == QUERY_MAX_PAIRS)
			return fault_set(
			    f, "invalid", "query", "has more than %d parameters", QUERY_MAX_PAIRS);
		if (decode(name, true, scratch, &q->pairs[q->n].name) ||
		    decode(value, true, scratch, &q->pairs[q->n].value))
			return fault_set(f, "invalid", "query",
			    "is not percent-encoded UTF-8 in its parameter %zu", q->n + 1);
		q->n++;
	}
	return 0;
}

int
query_text(const struct query *q, const char *name, struct span *out, struct fault *f)
{
	bool found = false;

	for (size_t i = 0; i < q->n; i++) {
		if (!span_is(q->pairs[i].name, name))
			continue;
		if (found)
			return fault_set(f, "invalid", name, "is given more than once");
		found = true;
		*out = q->pairs[i].value;
	}
	return 0;
}

static bool
is_word(struct span s, const char *low)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!low[i] || c != low[i])
			return false;
	}
	return !low[i];
}

int
query_bool(const struct query *q, const char *name, bool *out, struct fault *f)
{
	struct span text = { 0 };
	int r = query_text(q, name, &text, f);

	if (r < 0 || !text.p)
		return r;
	if (is_word(text, "true"))
		*out = true;
	else if (is_word(text, "false"))
		*out = false;
	else
		return fault_set(f, "invalid", name, "must be true or false");
	return 0;
}

int
query_count(const struct query *q, const char *name, int64_t *out, struct fault *f)
{
	struct span text = { 0 };
	int64_t v = 0;
	int r = query_text(q, name, &text, f);

	if (r < 0 || !text.p)
		return r;
	if (!text.n)
		return fault_set(f, "invalid", name, "must be a number, 0 or more");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, text.p[i] - '0', &v))
			return fault_set(f, "invalid", name, "must be a number, 0 or more");
	}
	*out = v;
	return 0;
}

int
query_time(const struct query *q, const char *name, int64_t *out, struct fault *f)
{
	struct span text = { 0 };
	int r = query_text(q, name, &text, f);

	if (r == 0 && text.p && !clock_from_rfc3339(text, out))
		return fault_set(f, "invalid", name,
		    "must be a time in UTC, like 2026-01-31 or 2026-01-31T12:00:00Z");
	return r;
}

/* The names, for a person. */
static int
unknown_sort(const char *const *names, size_t n_names, struct fault *f)
{
	char known[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < n_names && n < sizeof known; i++)
		n += (size_t)snprintf(known + n, sizeof known - n, "%s%s",
		    i == 0            ? ""
		    : i + 1 < n_names ? ", "
				      : " or ",
		    names[i]);
	return fault_set(f, "invalid", "sorts", "must be %s with :asc or :desc", known);
}

static bool
read_sort(struct span text, const char *const *names, size_t n_names, struct query_sort *out)
{
	const char *colon = memchr(text.p, ':', text.n);
	struct span name = { text.p, colon ? (size_t)(colon - text.p) : text.n };
	struct span order = { text.p + name.n, text.n - name.n };

	out->descending = span_is(order, ":desc");
	for (out->by = 0; out->by < n_names; out->by++)
		if (span_is(name, names[out->by]))
			return out->descending || span_is(order, ":asc");
	return false;
}

int
query_sorts(const struct query *q, const char *const *names, size_t n_names,
    struct query_sort out[static QUERY_MAX_SORTS], size_t *n, struct fault *f)
{
	struct query_sort sort;

	*n = 0;
	for (size_t i = 0; i < q->n; i++) {
		if (!span_is(q->pairs[i].name, "sorts"))
			continue;
		if (!read_sort(q->pairs[i].value, names, n_names, &sort))
			return unknown_sort(names, n_names, f);
		if (*n == QUERY_MAX_SORTS)
			return fault_set(f, "invalid", "sorts", "must be given at most %d times",
			    QUERY_MAX_SORTS);
		out[(*n)++] = sort;
	}
	return 0;
}

int64_t
prefer_wait(struct span field)
{
	while (field.n) {
		const char *comma = memchr(field.p, ',', field.n);
		struct span one = { field.p, comma ? (size_t)(comma - field.p) : field.n };
		int64_t v = 0;

		field.p += one.n + (comma != NULL);
		field.n -= one.n + (comma != NULL);
		while (one.n && (*one.p == ' ' || *one.p == '\t'))
			one.p++, one.n--;
		if (one.n < 6 || !is_word((struct span){ one.p, 4 }, "wait") || one.p[4] != '=')
			continue;
		/* Parameters behind a semicolon, and blanks, end the number. */
		for (size_t i = 5; i < one.n && one.p[i] >= '0' && one.p[i] <= '9'; i++)
			v = v < 1000000 ? v * 10 + (one.p[i] - '0') : v;
		return v;
	}
	return 0;
}
