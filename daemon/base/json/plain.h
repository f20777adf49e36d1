/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the first byte of a JSON string that needs more than copying: a control character, a quote
 * or a backslash, and, where UTF-8 is to be checked, a byte above ASCII. Eight bytes a step.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum plain {
	PLAIN_ASCII, /* stops at bytes from 0x80 on */
	PLAIN_UTF8,  /* skips them */
};

#define EACH_BYTE(c) (0x0101010101010101u * (unsigned char)(c))

/*
 * Returns a word whose lowest set bit, if any, is in the first byte of w that must be escaped. Bits
 * above that one mean nothing: the subtractions may borrow.
 */
static inline uint64_t
special_bytes(uint64_t w)
{
	uint64_t quote = w ^ EACH_BYTE('"'), backslash = w ^ EACH_BYTE('\\');
	uint64_t control = (w - EACH_BYTE(' ')) & ~w;

	quote = (quote - EACH_BYTE(1)) & ~quote;
	backslash = (backslash - EACH_BYTE(1)) & ~backslash;
	return (control | quote | backslash) & EACH_BYTE(0x80);
}

static inline bool
is_plain(unsigned char c, enum plain set)
{
	return c >= ' ' && c != '"' && c != '\\' && (c < 0x80 || set == PLAIN_UTF8);
}

/* Returns the first byte from p on that is not plain, or end. */
static inline const char *
after_plain(const char *p, const char *end, enum plain set)
{
	uint64_t above_ascii = set == PLAIN_ASCII ? EACH_BYTE(0x80) : 0;

	for (; end - p >= (ptrdiff_t)sizeof(uint64_t); p += sizeof(uint64_t)) {
		uint64_t w, special;

		memcpy(&w, p, sizeof w);
		w = le64toh(w);
		special = special_bytes(w) | (w & above_ascii);
		if (special)
			return p + __builtin_ctzll(special) / 8;
	}
	while (p < end && is_plain((unsigned char)*p, set))
		p++;
	return p;
}
