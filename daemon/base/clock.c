/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define FROM_MARCH_0_DAYS    719468          /* from 1 March of the year 0 to 1 January 1970 */
#define CLOCK_RFC3339_END_MS 253402300800000 /* 10000-01-01 */

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		return 0; /* every supported kernel has these clocks */
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

int64_t
clock_boot_ms(void)
{
	return clock_boot_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t
clock_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

/* Writes n as that many digits. */
static void
put_digits(char *at, int64_t n, int digits)
{
	while (digits--) {
		at[digits] = (char)('0' + n % 10);
		n /= 10;
	}
}

/*
 * By hand, since a row of a list has two, and strftime() takes a twentieth of its time. The year
 * begins in March, so that the leap day is its last; 400 years have 146 097 days.
 */
void
clock_rfc3339(int64_t wall_ms, char out[static CLOCK_RFC3339_SIZE])
{
	bool shown = wall_ms >= 0 && wall_ms < CLOCK_RFC3339_END_MS;
	int64_t s = shown ? wall_ms / 1000 : 0, days = s / 86400 + FROM_MARCH_0_DAYS,
		era = days / 146097, day = days % 146097,
		year = (day - day / 1460 + day / 36524 - day / 146096) / 365, month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	year += 400 * era + (month >= 10);
	month += month < 10 ? 3 : -9;
	memcpy(out, "0000-00-00T00:00:00Z", CLOCK_RFC3339_SIZE);
	put_digits(out, year, 4);
	put_digits(out + 5, month, 2);
	put_digits(out + 8, day + 1, 2);
	put_digits(out + 11, s / 3600 % 24, 2);
	put_digits(out + 14, s / 60 % 60, 2);
	put_digits(out + 17, s % 60, 2);
}

/* Takes n digits from the front. */
static bool
take_digits(struct span *text, size_t n, int64_t *out)
{
	*out = 0;
	if (text->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text->p[i] < '0' || text->p[i] > '9')
			return false;
		*out = *out * 10 + (text->p[i] - '0');
	}
	text->p += n;
	text->n -= n;
	return true;
}

static bool
take(struct span *text, char c)
{
	if (!text->n || *text->p != c)
		return false;
	text->p++;
	text->n--;
	return true;
}

/* Days from 1970 to the first day of the month; of month 13: of the next year's January. */
static int64_t
days_to(int64_t year, int64_t month)
{
	int64_t y = month > 2 ? year : year - 1, from_march = (month + 9) % 12;

	if (month == 13)
		y = year;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 - FROM_MARCH_0_DAYS;
}

static bool
take_date(struct span *text, int64_t *days)
{
	int64_t year, month, day;

	if (!take_digits(text, 4, &year) || !take(text, '-') || !take_digits(text, 2, &month) ||
	    !take(text, '-') || !take_digits(text, 2, &day) || year < 1970 || month < 1 ||
	    month > 12 || day < 1)
		return false;
	*days = days_to(year, month) + day - 1;
	return *days < days_to(year, month + 1);
}

static bool
take_time(struct span *text, int64_t *ms)
{
	int64_t hour, minute, second, digit, scale = 100;

	if (!take_digits(text, 2, &hour) || !take(text, ':') || !take_digits(text, 2, &minute) ||
	    !take(text, ':') || !take_digits(text, 2, &second) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	*ms = ((hour * 60 + minute) * 60 + second) * 1000;
	if (!take(text, '.'))
		return true;
	if (!take_digits(text, 1, &digit))
		return false;
	do
		*ms += digit * scale, scale /= 10;
	while (take_digits(text, 1, &digit));
	return true;
}

bool
clock_from_rfc3339(struct span text, int64_t *wall_ms)
{
	int64_t days, ms = 0;

	if (!text.p || !take_date(&text, &days))
		return false;
	if (text.n && !(take(&text, 'T') && take_time(&text, &ms) && take(&text, 'Z')))
		return false;
	*wall_ms = days * 86400000 + ms;
	return text.n == 0;
}
