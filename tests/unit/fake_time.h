/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock and one alarm under the test's control, in place of base/clock and edge/process/loop's.
 * To be included once, by a test of a part that has time and no loop.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "edge/process/loop.h"

static int64_t now_ms = 1000;

int64_t
clock_boot_ms(void)
{
	return now_ms;
}

int64_t
clock_wall_ms(void)
{
	return now_ms;
}

int64_t
clock_monotonic_us(void)
{
	return now_ms * 1000;
}

void
clock_rfc3339(int64_t wall_ms, char out[static CLOCK_RFC3339_SIZE])
{
	(void)wall_ms;
	strcpy(out, "1970-01-01T00:00:01Z");
}

struct alarm {
	void (*fn)(void *arg);
	void *arg;
	int64_t at_ms; /* INT64_MAX: not set */
};
static struct alarm the_alarm;

int
alarm_new(struct alarm **out, struct loop *l, void (*fn)(void *arg), void *arg)
{
	(void)l;
	the_alarm = (struct alarm){ .fn = fn, .arg = arg, .at_ms = INT64_MAX };
	*out = &the_alarm;
	return 0;
}

struct alarm *
alarm_free(struct alarm *a)
{
	(void)a;
	return NULL;
}

void
alarm_set(struct alarm *a, int64_t boot_ms)
{
	a->at_ms = boot_ms;
}
