/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What check.c (is it JSON?), scan.c (the walkers, which trust that it is) and names.c share; for
 * nobody else.
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
 * The length of the escape at p and what it stands for; 0 when it is none. A surrogate without its
 * other half is returned as it is: the caller judges it, as it judges U+0000.
 */
size_t read_escape(const char *p, const char *end, uint32_t *out);

/*
 * From a string's opening quote to the byte behind its closing one. The text passed scan_check().
 */
const char *scan_after_string(const char *p);
