/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/response_head.h"

#include <string.h>
#include <strings.h>

#include "base/span.h"

/* Returns the value of the field, trimmed; absent if the line is another field. */
static struct span
field_value(const char *line, size_t n, const char *name)
{
	size_t name_n = strlen(name);
	struct span v;

	if (n <= name_n || line[name_n] != ':' || strncasecmp(line, name, name_n) != 0)
		return (struct span){ NULL, 0 };
	v = (struct span){ line + name_n + 1, n - name_n - 1 };
	while (v.n > 0 && (*v.p == ' ' || *v.p == '\t')) {
		v.p++;
		v.n--;
	}
	while (v.n > 0 && strchr(" \t\r\n", v.p[v.n - 1]))
		v.n--;
	return v;
}

static bool
is_word(struct span v, const char *word)
{
	return v.n == strlen(word) && strncasecmp(v.p, word, v.n) == 0;
}

static enum payload_coding
coding_of(struct span v)
{
	if (is_word(v, "gzip") || is_word(v, "x-gzip"))
		return PAYLOAD_GZIP;
	return v.n == 0 || is_word(v, "identity") ? PAYLOAD_PLAIN : PAYLOAD_UNKNOWN;
}

static void
read_field(struct response_head *h, const char *line, size_t n)
{
	struct span v = field_value(line, n, "ETag");

	if (v.n > 0 && v.n <= LIMIT_ETAG && !*h->etag) {
		memcpy(h->etag, v.p, v.n);
		h->etag[v.n] = '\0';
	}
	v = field_value(line, n, "Content-Encoding");
	if (v.p)
		h->coding = coding_of(v);
	v = field_value(line, n, "X-Connd-Reports");
	if (is_word(v, "accept"))
		h->takes_reports = true;
	v = field_value(line, n, "Preference-Applied");
	if (v.n >= 4 && strncasecmp(v.p, "wait", 4) == 0)
		h->held = true;
}

bool
response_head_line(struct response_head *h, const char *line, size_t n)
{
	size_t bytes = h->bytes + n;

	if (bytes > LIMIT_RESPONSE_HEAD)
		return false;
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0)
		*h = (struct response_head){ 0 }; /* a new response: drop the fields of the last */
	else if (n <= 2 && strspn(line, "\r\n") >= n)
		h->over = true;
	else if (!h->over)
		read_field(h, line, n);
	h->bytes = bytes;
	return true;
}
