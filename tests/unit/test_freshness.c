/* SPDX-License-Identifier: Apache-2.0 */
/* core/freshness: both sides of each limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "core/freshness.h"

static void
each_window_ends_where_the_next_begins(void **state)
{
	static const struct windows w = { .ttl_ms = 1000, .stale_ms = 5000, .max_stale_ms = 60000 };
	static const struct {
		int64_t age_ms;
		enum freshness want;
	} rows[] = {
		{ INT64_MIN, STALE },
		{ -1, STALE },
		{ 0, FRESH },
		{ 999, FRESH },
		{ 1000, STALE },
		{ 4999, STALE },
		{ 5000, OFFLINE },
		{ 59999, OFFLINE },
		{ 60000, EXPIRED },
		{ INT64_MAX, EXPIRED },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		assert_int_equal(freshness_at(&w, rows[i].age_ms), rows[i].want);
}

static void
equal_windows_leave_no_state_between_them(void **state)
{
	static const struct windows w = { .ttl_ms = 10, .stale_ms = 10, .max_stale_ms = 10 };

	(void)state;
	assert_int_equal(freshness_at(&w, 9), FRESH);
	assert_int_equal(freshness_at(&w, 10), EXPIRED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_window_ends_where_the_next_begins),
		cmocka_unit_test(equal_windows_leave_no_state_between_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
