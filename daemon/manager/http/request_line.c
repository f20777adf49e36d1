/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/http/request_line.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

/* --- characters ----------------------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

bool
http_is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && !is_one_of(s.p[i], "!#$%&'*+-.^_`|~"))
			return false;
	return s.n > 0;
}

/* unreserved, sub-delims, the characters of `also`, or a percent-encoded octet. */
static bool
is_made_of(struct span s, const char *also)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_alpha(s.p[i]) || is_digit(s.p[i]) || is_one_of(s.p[i], "-._~!$&'()*+,;=") ||
		    is_one_of(s.p[i], also))
			continue;
		if (s.p[i] != '%' || s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
			return false;
		i += 2;
	}
	return true;
}

/* --- authority ------------------------------------------------------------------------ */

static bool
is_port(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]))
			return false;
	return s.n <= 5;
}

/* An IPv6 address; IPvFuture has no version in use. */
static bool
is_ip_literal(struct span s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (s.n >= sizeof text)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

/* Splits host [ ":" port ]; port is absent without a colon. False: s is neither. */
static bool
split_host(struct span s, struct span *host, struct span *port)
{
	const char *end = s.p + s.n, *colon;

	*port = (struct span){ 0 };
	if (s.n && *s.p == '[') {
		const char *close = memchr(s.p, ']', s.n);

		if (!close || !is_ip_literal((struct span){ s.p + 1, (size_t)(close - s.p) - 1 }))
			return false;
		colon = close + 1;
	} else {
		colon = s.n ? memchr(s.p, ':', s.n) : NULL;
		if (!colon)
			colon = end;
		if (!is_made_of((struct span){ s.p, (size_t)(colon - s.p) }, ""))
			return false;
	}
	*host = (struct span){ s.p, (size_t)(colon - s.p) };
	if (colon == end)
		return true;
	*port = (struct span){ colon + 1, (size_t)(end - colon) - 1 };
	return *colon == ':' && is_port(*port);
}

bool
host_is_valid(struct span s)
{
	struct span host, port;

	return split_host(s, &host, &port);
}

/* --- the four forms of a target ------------------------------------------------------- */

/* *( "/" segment ) [ "?" query ], the rest of the target. */
static bool
read_path(struct span t, struct http_request *r)
{
	const char *q = t.n ? memchr(t.p, '?', t.n) : NULL;

	r->path = (struct span){ t.p, q ? (size_t)(q - t.p) : t.n };
	r->query = q ? (struct span){ q + 1, t.n - r->path.n - 1 } : (struct span){ 0 };
	return is_made_of(r->path, ":@/") && is_made_of(r->query, ":@/?");
}

/* "http://" authority *( "/" segment ) [ "?" query ]; the host does not matter: we serve one. */
static bool
read_absolute(struct span t, size_t scheme, struct http_request *r)
{
	struct span host, port, rest = { t.p + scheme, t.n - scheme };
	size_t n = 0;

	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	if (!split_host((struct span){ rest.p, n }, &host, &port) || !host.n)
		return false;
	if (!read_path((struct span){ rest.p + n, rest.n - n }, r))
		return false;
	if (!r->path.n)
		r->path = SPAN_LITERAL("/");
	return true;
}

static size_t
scheme_length(struct span t)
{
	if (t.n > 7 && !strncasecmp(t.p, "http://", 7))
		return 7;
	return t.n > 8 && !strncasecmp(t.p, "https://", 8) ? 8 : 0;
}

static int
bad_line(int status, const char *text, const char **why)
{
	*why = text;
	return status;
}

static int
read_target(struct span t, struct http_request *r, const char **why)
{
	static const char malformed[] =
	    "The request target is not a path or an http URI: reserved and "
	    "other characters must be percent-encoded";
	size_t scheme = scheme_length(t);
	struct span host, port;

	if (t.n > LIMIT_HTTP_URI)
		return bad_line(414, "The request target is longer than 8 KiB", why);
	if (span_is(r->method_text, "CONNECT"))
		return split_host(t, &host, &port) && host.n && port.n
			   ? bad_line(501, "CONNECT is not served here", why)
			   : bad_line(400, "CONNECT takes a HOST:PORT", why);
	if (span_is(t, "*") && span_is(r->method_text, "OPTIONS"))
		return bad_line(501, "OPTIONS * is not served here", why);
	if (t.n && *t.p == '/')
		return read_path(t, r) ? 0 : bad_line(400, malformed, why);
	return scheme && read_absolute(t, scheme, r) ? 0 : bad_line(400, malformed, why);
}

/* --- the line ------------------------------------------------------------------------- */

static enum http_method
method_of(struct span s)
{
	static const struct {
		const char *name;
		enum http_method method;
	} known[] = {
		{ "GET", HTTP_GET },
		{ "HEAD", HTTP_HEAD },
		{ "POST", HTTP_POST },
		{ "PATCH", HTTP_PATCH },
		{ "DELETE", HTTP_DELETE },
	};

	for (size_t i = 0; i < N_ELEMENTS(known); i++)
		if (span_is(s, known[i].name))
			return known[i].method;
	return HTTP_OTHER;
}

static int
read_version(struct span v, struct http_request *r, const char **why)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || !is_digit(v.p[5]) || v.p[6] != '.' ||
	    !is_digit(v.p[7]))
		return bad_line(400, "The request line does not end with an HTTP version", why);
	r->http10 = span_is(v, "HTTP/1.0");
	if (!r->http10 && !span_is(v, "HTTP/1.1"))
		return bad_line(505, "This server speaks HTTP/1.1", why);
	return 0;
}

int
request_line_read(struct span l, struct http_request *r, const char **why)
{
	const char *end = l.p + l.n, *first = l.n ? memchr(l.p, ' ', l.n) : NULL;
	const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first) - 1) : NULL;
	int status;

	if (!second)
		return bad_line(400, "The request line is not METHOD TARGET HTTP/1.1", why);
	r->method_text = (struct span){ l.p, (size_t)(first - l.p) };
	if (!http_is_token(r->method_text))
		return bad_line(400, "The request's method is not a token", why);
	r->method = method_of(r->method_text);
	status = read_version((struct span){ second + 1, (size_t)(end - second) - 1 }, r, why);
	if (status)
		return status;
	return read_target((struct span){ first + 1, (size_t)(second - first) - 1 }, r, why);
}
