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
