/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duration.h"

#include <errno.h>
#include <string.h>

#include "base/minmax.h"

#define DIGITS              "0123456789"
#define DAY_MS              ((int64_t)24 * 60 * 60 * 1000)
#define MAX_MS              (100000 * DAY_MS)
#define MAX_WHOLE_DIGITS    15 /* so that the whole part fits in 64 bits */
#define MAX_FRACTION_DIGITS 9  /* so that the fraction times a day fits; the rest is below 1 ms */

/* Returns the unit's length in milliseconds; 0 if there is no such unit. */
static int64_t
unit_length(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", DAY_MS },
	};

	for (size_t i = 0; i < N_ELEMENTS(units); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

static int64_t
whole_number(const char *digits, size_t n)
{
	int64_t number = 0;

	for (size_t i = 0; i < n; i++)
		number = number * 10 + (digits[i] - '0');
	return number;
}

/* Returns the decimals' share of unit_ms. */
static int64_t
fraction(const char *digits, size_t n, int64_t unit_ms)
{
	int64_t scale = 1;

	n = (size_t)min_i64((int64_t)n, MAX_FRACTION_DIGITS);
	for (size_t i = 0; i < n; i++)
		scale *= 10;
	return whole_number(digits, n) * unit_ms / scale;
}

int
duration_read(const char *text, int64_t *ms)
{
	size_t n_whole = strspn(text, DIGITS), n_decimals = 0;
	const char *decimals = "", *unit = text + n_whole;
	int64_t unit_ms, whole;

	if (*unit == '.') {
		decimals = unit + 1;
		n_decimals = strspn(decimals, DIGITS);
		unit = decimals + n_decimals;
	}
	unit_ms = unit_length(unit);
	if (unit_ms == 0 || n_whole + n_decimals == 0 || n_whole > MAX_WHOLE_DIGITS)
		return -EINVAL;
	whole = whole_number(text, n_whole);
	if (whole > MAX_MS / unit_ms)
		return -EINVAL;
	*ms = min_i64(whole * unit_ms + fraction(decimals, n_decimals, unit_ms), MAX_MS);
	return 0;
}
