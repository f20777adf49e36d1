/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/yaml_scalar.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/write.h"

#define A_DATE    "holds a date: put it in quotes"
#define ODD_FLOAT "holds infinity or NaN: put it in quotes"
#define TOO_LARGE "holds a number of more than 64 bits that is not decimal: put it in quotes"

#define DIGITS  "0123456789"
#define DIGITS_ DIGITS "_"

/* Drops the longest prefix of characters of the set and returns its length. */
static size_t
take(struct span *s, const char *set)
{
	size_t n = 0;

	while (n < s->n && s->p[n] && strchr(set, s->p[n]))
		n++;
	s->p += n;
	s->n -= n;
	return n;
}

static bool
take_one(struct span *s, const char *set)
{
	if (!s->n || !s->p[0] || !strchr(set, s->p[0]))
		return false;
	s->p++;
	s->n--;
	return true;
}

static bool
is_one_of(struct span s, const char *const *words)
{
	for (; *words; words++)
		if (span_is(s, *words))
			return true;
	return false;
}

static bool
is_decimal(struct span s)
{
	(void)take_one(&s, "+-");
	if (take_one(&s, "0"))
		return !s.n;
	return take_one(&s, "123456789") && (take(&s, DIGITS_), !s.n);
}

/* 0b101, 0x1f and 017. *base is 0 for any other text; the digits are left in *s. */
static int
base_of(struct span *s)
{
	(void)take_one(s, "+-");
	if (!take_one(s, "0") || !s->n)
		return 0;
	if (take_one(s, "b"))
		return 2;
	return take_one(s, "x") ? 16 : 8;
}

static bool
is_based(struct span s)
{
	static const char *const digits[] = {
		[2] = "01_", [8] = "01234567_", [16] = "0123456789abcdefABCDEF_"
	};
	int base = base_of(&s);

	return base && take(&s, digits[base]) && !s.n;
}

static bool
is_float(struct span s)
{
	bool has_sign = take_one(&s, "+-");
	bool has_integer = take_one(&s, DIGITS);

	(void)take(&s, has_integer ? DIGITS_ : "");
	if (!take_one(&s, "."))
		return false;
	if (!has_integer && (has_sign || !take_one(&s, DIGITS)))
		return false;
	(void)take(&s, DIGITS_);
	if (take_one(&s, "eE") && (!take_one(&s, "+-") || !take(&s, DIGITS)))
		return false;
	return !s.n;
}

/* 1:30:00, in base 60; *fraction: it ends in a point and digits. */
static bool
is_base_60(struct span s, bool *fraction)
{
	bool zero, group = false;

	(void)take_one(&s, "+-");
	zero = s.n && s.p[0] == '0';
	if (!take_one(&s, DIGITS))
		return false;
	(void)take(&s, DIGITS_);
	while (take_one(&s, ":")) {
		bool small = take_one(&s, "012345");
		bool second = take_one(&s, DIGITS);

		if (!small && !second)
			return false;
		group = true;
	}
	*fraction = take_one(&s, ".");
	if (*fraction)
		(void)take(&s, DIGITS_);
	return group && !s.n && (*fraction || !zero);
}

static bool
is_infinite(struct span s)
{
	static const char *const words[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };

	if (is_one_of(s, nans))
		return true;
	(void)take_one(&s, "+-");
	return is_one_of(s, words);
}

/* N to M digits. */
static bool
take_digits(struct span *s, size_t least, size_t most)
{
	size_t n = 0;

	while (n < most && take_one(s, DIGITS))
		n++;
	return n >= least;
}

/* "12:30:00", perhaps with a fraction and a zone. */
static bool
is_time(struct span s)
{
	if (!take_digits(&s, 1, 2) || !take_one(&s, ":") || !take_digits(&s, 2, 2) ||
	    !take_one(&s, ":") || !take_digits(&s, 2, 2))
		return false;
	if (take_one(&s, "."))
		(void)take(&s, DIGITS);
	(void)take(&s, " \t");
	if (take_one(&s, "Z") || !s.n)
		return !s.n;
	if (!take_one(&s, "+-") || !take_digits(&s, 1, 2))
		return false;
	return !s.n || (take_one(&s, ":") && take_digits(&s, 2, 2) && !s.n);
}

/* 2026-01-31, or a date with shorter parts and a time. */
static bool
is_date(struct span s)
{
	size_t whole = s.n;

	if (!take_digits(&s, 4, 4) || !take_one(&s, "-") || !take_digits(&s, 1, 2) ||
	    !take_one(&s, "-") || !take_digits(&s, 1, 2))
		return false;
	if (!s.n)
		return whole == sizeof "2026-01-31" - 1;
	return (take_one(&s, "Tt") || take(&s, " \t")) && is_time(s);
}

/*
 * Writes a decimal number as JSON: without + and _, without zeros in front, with digits on each
 * side of the point.
 */
static void
write_decimal(struct span s, struct buf *out)
{
	size_t start;

	if (take_one(&s, "-"))
		buf_addc(out, '-');
	else
		(void)take_one(&s, "+");
	start = out->len;
	(void)take(&s, "0_");
	for (size_t i = 0; i < s.n; i++) {
		char c = (char)tolower((unsigned char)s.p[i]);
		bool after_point = out->len > start && out->data[out->len - 1] == '.';

		if (c == '_')
			continue;
		if ((c == '.' || c == 'e') && (out->len == start || after_point))
			buf_addc(out, '0');
		buf_addc(out, c);
	}
	if (buf_error(out) == 0 && (out->len == start || out->data[out->len - 1] == '.'))
		buf_addc(out, '0');
}

/* Adds a digit in the base. False when the number no longer fits. */
static bool
add_digit(uint64_t *value, unsigned base, unsigned digit)
{
	return !__builtin_mul_overflow(*value, (uint64_t)base, value) &&
	       !__builtin_add_overflow(*value, (uint64_t)digit, value);
}

static unsigned
digit_of(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0')
					 : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

static bool
read_based(struct span s, uint64_t *value)
{
	unsigned base = (unsigned)base_of(&s);

	*value = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '_' && !add_digit(value, base, digit_of(s.p[i])))
			return false;
	return true;
}

/* The part before a point; *rest is what follows it. */
static bool
read_base_60(struct span s, uint64_t *value, struct span *rest)
{
	uint64_t group = 0;

	*value = 0;
	(void)take_one(&s, "+-");
	for (; s.n && s.p[0] != '.'; s.p++, s.n--) {
		if (s.p[0] == ':') {
			if (!add_digit(value, 60, 0) ||
			    __builtin_add_overflow(*value, group, value))
				return false;
			group = 0;
		} else if (s.p[0] != '_' && !add_digit(&group, 10, digit_of(s.p[0]))) {
			return false;
		}
	}
	*rest = s;
	return add_digit(value, 60, 0) && !__builtin_add_overflow(*value, group, value);
}

static enum yaml_type
refuse(const char *reason, const char **why)
{
	*why = reason;
	return YAML_REFUSED;
}

/* What is not decimal: its value is decimal in JSON. */
static enum yaml_type
write_converted(struct span text, bool based, struct buf *out, const char **why)
{
	struct span fraction = { text.p + text.n, 0 };
	uint64_t value;

	if (!(based ? read_based(text, &value) : read_base_60(text, &value, &fraction)))
		return refuse(TOO_LARGE, why);
	if (text.p[0] == '-' && (value || fraction.n))
		buf_addc(out, '-');
	buf_addf(out, "%llu", (unsigned long long)value);
	if (!fraction.n)
		return YAML_INT;
	buf_addc(out, '.');
	for (size_t i = 1; i < fraction.n; i++)
		if (fraction.p[i] != '_')
			buf_addc(out, fraction.p[i]);
	if (buf_error(out) == 0 && out->data[out->len - 1] == '.')
		buf_addc(out, '0');
	return YAML_FLOAT;
}

enum yaml_type
yaml_scalar_write(struct span text, struct buf *out, const char **why)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On",
		"ON", NULL };
	static const char *const no[] = { "no", "No", "NO", "false", "False", "FALSE", "off", "Off",
		"OFF", NULL };
	bool fraction;

	if (is_one_of(text, nulls))
		return buf_adds(out, "null"), YAML_NULL;
	if (is_one_of(text, yes))
		return buf_adds(out, "true"), YAML_BOOL;
	if (is_one_of(text, no))
		return buf_adds(out, "false"), YAML_BOOL;
	if (is_decimal(text))
		return write_decimal(text, out), YAML_INT;
	if (is_float(text))
		return write_decimal(text, out), YAML_FLOAT;
	if (is_based(text))
		return write_converted(text, true, out, why);
	if (is_base_60(text, &fraction))
		return write_converted(text, false, out, why);
	if (is_infinite(text))
		return refuse(ODD_FLOAT, why);
	if (is_date(text))
		return refuse(A_DATE, why);
	jtext_string(out, text);
	return YAML_TEXT;
}
