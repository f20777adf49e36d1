/* SPDX-License-Identifier: Apache-2.0 */
/* Pruning trusts no clock that jumped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manager/program/pruning.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
#define NOW  (20000 * DAY)
#define UP   (3 * DAY) /* the machine runs for so long */
#define KEEP (90 * DAY)

static void
old_records_go_at_once_when_the_clock_is_near_the_newest(void **state)
{
	static const int64_t newest[] = { NOW, NOW - DAY, NOW + DAY, 0 /* none */ };
	struct pruning p;
	int64_t before;

	(void)state;
	for (size_t i = 0; i < sizeof newest / sizeof newest[0]; i++) {
		assert_true(pruning_begin(&p, KEEP, newest[i], NOW, UP));
		assert_true(pruning_look(&p, NOW, UP));
		assert_true(pruning_is_due(&p, NOW, UP, &before));
		assert_int_equal(before, NOW - KEEP);
	}
}

static void
a_clock_far_from_the_newest_record_deletes_nothing_for_a_day(void **state)
{
	static const int64_t newest[] = { NOW - DAY - 1, NOW + DAY + 1, NOW - 365 * DAY, 1 };
	struct pruning p;
	int64_t before;

	(void)state;
	for (size_t i = 0; i < sizeof newest / sizeof newest[0]; i++) {
		assert_false(pruning_begin(&p, KEEP, newest[i], NOW, UP));
		for (int64_t h = 0; h < 24; h++) {
			assert_true(pruning_look(&p, NOW + h * HOUR, UP + h * HOUR));
			assert_false(pruning_is_due(&p, NOW + h * HOUR, UP + h * HOUR, &before));
		}
		/* Running time, not wall time, has to pass. */
		assert_false(pruning_is_due(&p, NOW + 2 * DAY, UP + DAY - 1, &before));
		assert_true(pruning_is_due(&p, NOW + DAY, UP + DAY, &before));
		assert_int_equal(before, NOW + DAY - KEEP);
	}
}

static void
a_jump_while_it_runs_deletes_nothing_for_a_day(void **state)
{
	static const int64_t jumps[] = { DAY + 1, -DAY - 1, 365 * DAY, -365 * DAY };
	struct pruning p;
	int64_t before;

	(void)state;
	for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
		int64_t wall = NOW + HOUR + jumps[i];

		assert_true(pruning_begin(&p, KEEP, NOW, NOW, UP));
		assert_false(pruning_look(&p, wall, UP + HOUR));
		assert_false(pruning_is_due(&p, wall, UP + HOUR, &before));
		assert_true(pruning_look(&p, wall + HOUR, UP + 2 * HOUR)); /* it runs on as it is */
		assert_false(pruning_is_due(&p, wall + HOUR, UP + 2 * HOUR, &before));
		assert_true(pruning_is_due(&p, wall + DAY, UP + HOUR + DAY, &before));
	}
}

/* As NTP sets it, or leap seconds, or a daylight saving rule that was wrong. */
static void
small_steps_do_not_count(void **state)
{
	struct pruning p;
	int64_t before, wall = NOW;

	(void)state;
	assert_true(pruning_begin(&p, KEEP, NOW, NOW, UP));
	for (int64_t h = 1; h < 100; h++) {
		wall += 3 * HOUR; /* two hours more than have passed */
		assert_true(pruning_look(&p, wall, UP + h * HOUR));
		assert_true(pruning_is_due(&p, wall, UP + h * HOUR, &before));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_records_go_at_once_when_the_clock_is_near_the_newest),
		cmocka_unit_test(a_clock_far_from_the_newest_record_deletes_nothing_for_a_day),
		cmocka_unit_test(a_jump_while_it_runs_deletes_nothing_for_a_day),
		cmocka_unit_test(small_steps_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
