/* SPDX-License-Identifier: Apache-2.0 */
/* base/duration: durations are read whole or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/attr.h"
#include "base/duration.h"

#define DAY ((int64_t)24 * 60 * 60 * 1000)

static void
every_unit_is_read_and_a_bare_number_is_seconds(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "500ms", 500 },
		{ "30s", 30000 },
		{ "30", 30000 },
		{ "5m", 300000 },
		{ "12h", 12 * 3600000 },
		{ "7d", 7 * DAY },
		{ "365d", 365 * DAY },
		{ "0", 0 },
		{ "0007", 7000 },
		{ "100000d", 100000 * DAY },
		{ "8640000000000ms", 100000 * DAY },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t ms = -1;

		if (duration_read(rows[i].text, &ms) != 0 || ms != rows[i].ms)
			fail_msg("\"%s\" gives %ld", rows[i].text, (long)ms);
	}
}

static void
decimals_are_read_and_cut_off_below_a_millisecond(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "0.5", 500 },
		{ ".5s", 500 },
		{ "1.s", 1000 },
		{ "1.25m", 75000 },
		{ "1.5d", DAY + DAY / 2 },
		{ "1.9ms", 1 },
		{ "0.0001", 0 },
		{ "0.999999999d", DAY - 1 },
		{ "0.99999999999999999999999999d", DAY - 1 },
		{ "0.33333333333333333333", 333 },
		{ "100000.5d", 100000 * DAY },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t ms = -1;

		if (duration_read(rows[i].text, &ms) != 0 || ms != rows[i].ms)
			fail_msg("\"%s\" gives %ld", rows[i].text, (long)ms);
	}
}

static void
other_texts_are_refused_and_change_nothing(void **state)
{
	static const char *const rows[] = { "", "s", ".", ".s", "-1", "-1s", "+1", " 1", "1 ",
		"1 s", "1w", "1x", "1S", "1ss", "1.2.3", "1..2", "1h30m", "1,5", "nan", "inf",
		"0x10", "1e3", "soon", "100001d", "8640000000001ms", "999999999999999",
		"1000000000000000ms", "9999999999999999999999" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t ms = 42;

		if (duration_read(rows[i], &ms) != -EINVAL || ms != 42)
			fail_msg("\"%s\" gives %ld", rows[i], (long)ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_unit_is_read_and_a_bare_number_is_seconds),
		cmocka_unit_test(decimals_are_read_and_cut_off_below_a_millisecond),
		cmocka_unit_test(other_texts_are_refused_and_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
