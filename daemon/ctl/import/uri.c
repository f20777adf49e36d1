/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/uri.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "ctl/json.h"

#define EXTRA_KEY "__extra__"

#define NO_URI                                                                                     \
	"is not a connection URI: expected TYPE://..., where TYPE holds letters, digits, + - . "   \
	"only (- stands for _)"
#define NESTED   "holds \"://\" in a place where Airflow does not read it: encode it as %3A%2F%2F"
#define BAD_HOST "the URI's host in [ ] must be an IPv6 address"
#define BAD_PORT                                                                                   \
	"the URI's port must be a number up to 65535; : / ? # @ in a login or password must be "   \
	"percent-encoded"
#define NOT_TEXT   "the URI holds percent-encoded bytes that are not UTF-8 text"
#define MANY_NAMES "the URI's query has more than 1000 parameters"
#define FRAGMENT   "Airflow ignores what follows # in the URI: encode it as %23 if it belongs there"

struct parts {
	struct span scheme;
	struct span protocol; /* of TYPE://PROTOCOL://HOST; absent otherwise */
	struct span login, password, host, port, path, query; /* absent: not in the URI */
	bool has_fragment;
};

static bool
starts_with(struct span s, const char *text)
{
	return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

static void
skip(struct span *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* Takes the bytes before the first of the marks; *rest begins at the mark, or is empty. */
static struct span
take_until(struct span *rest, const char *marks)
{
	struct span taken = { rest->p, 0 };

	while (taken.n < rest->n && !strchr(marks, rest->p[taken.n]))
		taken.n++;
	skip(rest, taken.n);
	return taken;
}

static bool
is_scheme(struct span s)
{
	if (s.n == 0 || !isalpha((unsigned char)s.p[0]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("+-.", s.p[i]))
			return false;
	return true;
}

static int
count_of(struct span s, const char *text)
{
	size_t n = strlen(text);
	const char *p;
	int count = 0;

	while ((p = memmem(s.p, s.n, text, n))) {
		count++;
		skip(&s, (size_t)(p - s.p) + n);
	}
	return count;
}

/* [USER[:PASSWORD]@]HOST[:PORT]: the last @ counts, and the first : on each side of it. */
static const char *
split_authority(struct span authority, struct parts *u)
{
	const char *at = memrchr(authority.p, '@', authority.n);
	struct span user, rest = authority;

	if (at) {
		user = (struct span){ authority.p, (size_t)(at - authority.p) };
		skip(&rest, user.n + 1);
		u->login = take_until(&user, ":");
		if (user.n)
			u->password = (struct span){ user.p + 1, user.n - 1 };
	}
	if (starts_with(rest, "[")) {
		skip(&rest, 1);
		u->host = take_until(&rest, "]");
		if (!rest.n)
			return BAD_HOST;
		skip(&rest, 1);
	} else {
		u->host = take_until(&rest, ":");
	}
	if (rest.n > 1)
		u->port = (struct span){ rest.p + 1, rest.n - 1 };
	return rest.n && rest.p[0] != ':' ? BAD_HOST : NULL;
}

static const char *
split(struct span uri, struct parts *u)
{
	int separators = count_of(uri, "://");
	struct span rest = uri, authority;

	u->scheme = take_until(&rest, ":");
	if (!is_scheme(u->scheme) || !starts_with(rest, "://"))
		return NO_URI;
	skip(&rest, 3);
	if (separators == 2) {
		u->protocol = take_until(&rest, ":/?#@");
		if (!is_scheme(u->protocol) || !starts_with(rest, "://"))
			return NESTED;
		skip(&rest, 3);
	}
	if (separators > 2)
		return NESTED;
	authority = take_until(&rest, "/?#");
	u->path = take_until(&rest, "?#");
	if (starts_with(rest, "?")) {
		skip(&rest, 1);
		u->query = take_until(&rest, "#");
	}
	u->has_fragment = rest.n > 1;
	return split_authority(authority, u);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Appends s with its percent-encoding undone; a % that begins no code stays. In a query + is a
 * space. 0, -EINVAL when the result is not UTF-8 or holds a NUL, or out's error.
 */
static int
decode(struct span s, bool in_query, struct buf *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < s.n; i++) {
		int high = i + 2 < s.n && s.p[i] == '%' ? hex_digit(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;

		if (low >= 0) {
			buf_addc(out, (char)(16 * high + low));
			i += 2;
		} else {
			buf_addc(out, in_query && s.p[i] == '+' ? ' ' : s.p[i]);
		}
	}
	if (buf_error(out))
		return buf_error(out);
	return utf8_is_valid((struct span){ buf_str(out) + before, out->len - before }) ? 0
											: -EINVAL;
}

/* Appends `"name":"..."` with the decoded text. 0, -EINVAL, or an error of memory or size. */
static int
write_part(struct buf *out, const char *name, struct span encoded)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_VALUE);
	int r = decode(encoded, false, &text);

	if (r == 0)
		jtext_member_string(out, name, span_of_buf(&text));
	return r;
}

static void
add_lower(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, (char)tolower((unsigned char)s.p[i]));
}

/*
 * The host: Python makes it lower case up to the first %, and Airflow takes one that holds a slash
 * as it was written.
 */
static int
decode_host(struct span host, struct buf *text)
{
	CLEANUP(buf_fini) struct buf lower = BUF_INIT(LIMIT_VALUE);
	struct span rest = host;
	int r = decode(host, false, text);

	if (r < 0 || memchr(buf_str(text), '/', text->len))
		return r;
	add_lower(&lower, take_until(&rest, "%"));
	buf_add(&lower, rest.p, rest.n);
	buf_reset(text);
	return buf_error(&lower) ? buf_error(&lower) : decode(span_of_buf(&lower), false, text);
}

static int
write_host(struct buf *out, const struct parts *u)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_VALUE), host = BUF_INIT(LIMIT_VALUE);
	int r = decode_host(u->host, &text);

	if (r < 0)
		return r;
	if (u->protocol.p && text.len) {
		add_lower(&host, u->protocol);
		buf_adds(&host, "://");
	}
	buf_add(&host, buf_str(&text), text.len);
	jtext_member_string(out, "host", span_of_buf(&host));
	return buf_error(&host);
}

/* Appends the type: lower case, _ for -, and Airflow's own name for PostgreSQL. */
static int
write_type(struct buf *out, struct span scheme)
{
	CLEANUP(buf_fini) struct buf type = BUF_INIT(LIMIT_VALUE);

	add_lower(&type, scheme);
	if (span_is(span_of_buf(&type), "postgresql"))
		buf_truncate(&type, strlen("postgres"));
	for (size_t i = 0; i < type.len; i++)
		if (type.data[i] == '-')
			type.data[i] = '_';
	jtext_member_string(out, "conn_type", span_of_buf(&type));
	return buf_error(&type);
}

/* 0 with *port (0: none), or -EINVAL. */
static int
read_port(struct span text, int64_t *port)
{
	*port = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (!isdigit((unsigned char)text.p[i]))
			return -EINVAL;
		*port = 10 * *port + (text.p[i] - '0');
		if (*port > 65535)
			return -EINVAL;
	}
	return 0;
}

/* One NAME=VALUE of a query into the object; a later one of the same name replaces it. */
static int
read_parameter(struct json *object, struct span parameter)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(LIMIT_VALUE), value = BUF_INIT(LIMIT_VALUE);
	struct span rest = parameter;
	int r = decode(take_until(&rest, "="), true, &name);

	if (r == 0 && rest.n)
		r = decode((struct span){ rest.p + 1, rest.n - 1 }, true, &value);
	return r < 0 ? r : json_take(object, buf_str(&name), json_new_string(buf_str(&value)));
}

/* An object of strings. 0, -EINVAL with *refused, or an error of memory or size. */
static int
read_query(struct json *object, struct span query, const char **refused)
{
	int r = 0;

	for (int n = 0; r == 0 && query.n; n++) {
		struct span parameter = take_until(&query, "&");

		if (query.n)
			skip(&query, 1);
		if (n == LIMIT_MEMBERS) {
			*refused = MANY_NAMES;
			return -EINVAL;
		}
		if (parameter.n)
			r = read_parameter(object, parameter);
	}
	if (r == -EINVAL)
		*refused = NOT_TEXT;
	return r;
}

/* Airflow reads a parameter's value as JSON where it is JSON, else as text. */
static void
write_parameters(struct buf *out, const struct json *object)
{
	struct span value;

	buf_addc(out, '{');
	for (const struct json *j = json_first(object); j; j = json_next(j)) {
		struct span text = span_of(json_string(j));

		jtext_name(out, json_name(j));
		if (scan_check(text, SCAN_STRICT, &value, NULL) == 0)
			buf_add(out, value.p, value.n);
		else
			jtext_string(out, text);
	}
	buf_addc(out, '}');
}

static int
write_extra(struct buf *out, struct span query, const char **refused)
{
	struct json *object = json_new_object();
	const char *whole;
	int r = object ? read_query(object, query, refused) : -ENOMEM;

	if (r == 0) {
		jtext_name(out, "extra");
		whole = json_string(json_get(object, EXTRA_KEY));
		if (whole)
			jtext_string(out, span_of(whole));
		else
			write_parameters(out, object);
	}
	json_free(object);
	return r;
}

static int
write_connection(struct buf *out, const struct parts *u, const char **refused)
{
	struct span schema = u->path;
	int64_t port;
	int r;

	if (read_port(u->port, &port) < 0) {
		*refused = BAD_PORT;
		return -EINVAL;
	}
	if (schema.n)
		skip(&schema, 1);
	buf_addc(out, '{');
	r = write_type(out, u->scheme);
	if (r == 0)
		r = write_host(out, u);
	if (r == 0 && u->login.p)
		r = write_part(out, "login", u->login);
	if (r == 0 && u->password.p)
		r = write_part(out, "password", u->password);
	if (r == 0)
		r = write_part(out, "schema", schema);
	if (r == -EINVAL)
		*refused = NOT_TEXT;
	if (port)
		jtext_member_int(out, "port", port);
	if (r == 0 && u->query.n)
		r = write_extra(out, u->query, refused);
	buf_addc(out, '}');
	return r < 0 ? r : buf_error(out);
}

/* Like Python: without white space in front, and without tabs and line breaks anywhere. */
static void
clean(struct span uri, struct buf *out)
{
	while (uri.n && (unsigned char)uri.p[0] <= ' ')
		skip(&uri, 1);
	for (size_t i = 0; i < uri.n; i++)
		if (!strchr("\t\r\n", uri.p[i]))
			buf_addc(out, uri.p[i]);
}

static bool
is_ipv6(struct span host)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(64);
	struct in6_addr address;

	buf_add(&text, host.p, host.n);
	return buf_error(&text) == 0 && inet_pton(AF_INET6, buf_str(&text), &address) == 1;
}

int
uri_to_json(struct span uri, struct buf *out, const char **refused, const char **note)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_VALUE);
	struct parts u = { 0 };

	clean(uri, &text);
	if (buf_error(&text))
		return buf_error(&text);
	*refused = split(span_of_buf(&text), &u);
	if (!*refused && u.host.p > buf_str(&text) && u.host.p[-1] == '[' && !is_ipv6(u.host))
		*refused = BAD_HOST;
	if (*refused)
		return -EINVAL;
	if (u.has_fragment)
		*note = FRAGMENT;
	return write_connection(out, &u, refused);
}
