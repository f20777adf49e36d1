/* SPDX-License-Identifier: Apache-2.0 */
#include "base/key.h"

#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

#define SCHEME_END "://"
#define MAX_SCHEME 32 /* longer ones are not shown */

static bool
is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
has_length_of_a_key(struct span key)
{
	return key.n > 0 && (key.n <= LIMIT_KEY || utf8_length(key) <= LIMIT_KEY);
}

/* True if every byte is a letter, a digit or one of `others`. */
static bool
holds_only(struct span s, const char *others)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alphanumeric(s.p[i]) && (!s.p[i] || !strchr(others, s.p[i])))
			return false;
	return true;
}

bool
key_is_conn_id(struct span key)
{
	return has_length_of_a_key(key) && holds_only(key, "_#!()-.:/\\");
}

bool
key_is_variable_name(struct span key)
{
	return has_length_of_a_key(key) && utf8_is_printable(key);
}

bool
key_is_env_name(struct span key)
{
	return has_length_of_a_key(key) && holds_only(key, "_") &&
	       !(key.p[0] >= '0' && key.p[0] <= '9');
}

static const char *
find_scheme_end(struct span key)
{
	const char *colon = key.n ? memchr(key.p, SCHEME_END[0], key.n) : NULL;

	if (!colon)
		return NULL;
	return memmem(colon, key.n - (size_t)(colon - key.p), SCHEME_END, strlen(SCHEME_END));
}

/* The first character that is not white space; NUL if there is none. */
static char
first_of(struct span key)
{
	for (size_t i = 0; i < key.n; i++)
		if (!strchr(" \t\r\n", key.p[i]))
			return key.p[i];
	return '\0';
}

bool
key_looks_like_value(struct span key)
{
	char first = first_of(key);

	return find_scheme_end(key) || first == '{' || first == '[';
}

void
key_shorten(struct buf *out, struct span key)
{
	const char *end = find_scheme_end(key);
	struct span scheme = { key.p, end ? (size_t)(end - key.p) : 0 };
	char first = first_of(key);

	if (end && scheme.n <= MAX_SCHEME && holds_only(scheme, "+-.")) {
		buf_add(out, scheme.p, scheme.n);
		buf_adds(out, SCHEME_END);
	} else if (first == '{' || first == '[') {
		buf_addc(out, first);
	}
	buf_adds(out, "...");
}
