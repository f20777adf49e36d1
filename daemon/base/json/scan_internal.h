/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What check.c (validates), scan.c (walks over valid text) and names.c (finds duplicate names)
 * share. Include it only there.
 */
#pragma once

#include "base/json/scan.h"

static inline bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline const char *
after_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

static inline bool
is_surrogate(uint32_t c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

/*
 * Reads the escape at p into *out and returns its length; 0 if it is not a valid escape. A lone
 * surrogate and U+0000 are returned like any character; the caller decides what to do with them.
 */
size_t read_escape(const char *p, const char *end, uint32_t *out);

/* p: a string's opening quote. Returns the byte after its closing quote. */
const char *scan_after_string(const char *p);
