/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

size_t
utf8_sequence(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte */
	size_t want;

	if (u[0] < 0x80)
		return 1;
	if (u[0] >= 0xc2 && u[0] <= 0xdf)
		want = 2;
	else if (u[0] >= 0xe0 && u[0] <= 0xef)
		want = 3;
	else if (u[0] >= 0xf0 && u[0] <= 0xf4)
		want = 4;
	else
		return 0;
	if (n < want)
		return 0;

	/* The second byte shows overlong forms, surrogates and values above U+10FFFF. */
	if (u[0] == 0xe0)
		low = 0xa0;
	else if (u[0] == 0xed)
		high = 0x9f;
	else if (u[0] == 0xf0)
		low = 0x90;
	else if (u[0] == 0xf4)
		high = 0x8f;
	if (u[1] < low || u[1] > high)
		return 0;
	for (size_t i = 2; i < want; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return want;
}

bool
utf8_is_valid(struct span s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = utf8_sequence(s.p + i, s.n - i);
		if (!n || !s.p[i])
			return false;
	}
	return true;
}

size_t
utf8_length(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static bool
continues_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t
utf8_cut(struct span s, size_t most)
{
	size_t n = most;

	if (s.n <= most)
		return s.n;
	while (n > 0 && continues_character(s.p[n]))
		n--;
	return n;
}

size_t
utf8_whole(struct span s)
{
	size_t n = s.n;

	while (n > 0 && continues_character(s.p[n - 1]))
		n--;
	if (n == 0)
		return s.n;
	n--; /* where the last character starts */
	return utf8_sequence(s.p + n, s.n - n) ? s.n : n;
}

/* Returns the length of a control character at u, or 0. */
static size_t
control(const unsigned char *u, size_t n)
{
	if (u[0] < 0x20 || u[0] == 0x7f)
		return 1;
	return n >= 2 && u[0] == 0xc2 && u[1] < 0xa0 ? 2 : 0;
}

bool
utf8_is_printable(struct span s)
{
	const unsigned char *u = (const unsigned char *)s.p;

	for (size_t i = 0; i < s.n; i++) {
		if (u[i] >= 0x20 && u[i] < 0x7f)
			continue;
		if (control(u + i, s.n - i))
			return false;
	}
	return true;
}

size_t
utf8_unsafe(const char *p, size_t n, uint32_t *code)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t bytes = control(u, n);

	if (bytes) {
		*code = u[bytes - 1];
		return bytes;
	}
	if (n < 3 || u[0] != 0xe2 || (u[1] != 0x80 && u[1] != 0x81))
		return 0;
	*code = 0x2000U | (u[1] & 0x3fU) << 6 | (u[2] & 0x3fU);
	if ((*code >= 0x200e && *code <= 0x200f) || (*code >= 0x2028 && *code <= 0x202e) ||
	    (*code >= 0x2066 && *code <= 0x2069))
		return 3;
	return 0;
}
