/* SPDX-License-Identifier: Apache-2.0 */
/* manager/store: pruning does not trust a clock that has jumped. */
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

static bool
begin(struct pruning *p, int64_t newest_ms, int64_t wait_ms)
{
	const struct pruning_past past = { newest_ms, wait_ms };

	return pruning_begin(p, KEEP, &past, NOW, UP);
}

static void
old_records_go_at_once_when_the_clock_is_near_the_newest(void **state)
{
	static const int64_t newest[] = { NOW, NOW - DAY, NOW + DAY, 0 /* none */ };
	struct pruning p;
	int64_t before;

	(void)state;
	for (size_t i = 0; i < sizeof newest / sizeof newest[0]; i++) {
		assert_true(begin(&p, newest[i], 0));
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
		assert_false(begin(&p, newest[i], 0));
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

		assert_true(begin(&p, NOW, 0));
		assert_false(pruning_look(&p, wall, UP + HOUR));
		assert_false(pruning_is_due(&p, wall, UP + HOUR, &before));
		assert_true(pruning_look(
		    &p, wall + HOUR, UP + 2 * HOUR)); /* the clock continues as it is */
		assert_false(pruning_is_due(&p, wall + HOUR, UP + 2 * HOUR, &before));
		assert_true(pruning_is_due(&p, wall + DAY, UP + HOUR + DAY, &before));
	}
}

/* Rows written with a wrong clock make it look right to the next run. */
static void
what_one_run_has_yet_to_wait_the_next_one_waits(void **state)
{
	struct pruning p;
	int64_t before;

	(void)state;
	assert_false(begin(&p, NOW - 365 * DAY, 0));
	assert_int_equal(pruning_wait_ms(&p, UP), DAY);
	assert_int_equal(pruning_wait_ms(&p, UP + 20 * HOUR), 4 * HOUR);
	assert_true(begin(&p, NOW, 4 * HOUR));
	assert_false(pruning_is_due(&p, NOW, UP, &before));
	assert_false(pruning_is_due(&p, NOW, UP + 4 * HOUR - 1, &before));
	assert_true(pruning_is_due(&p, NOW, UP + 4 * HOUR, &before));
	assert_int_equal(pruning_wait_ms(&p, UP + 4 * HOUR), 0);
	/* And a whole day if the clock is far off again. */
	assert_false(begin(&p, NOW + 365 * DAY, 4 * HOUR));
	assert_int_equal(pruning_wait_ms(&p, UP), DAY);
}

/* Small steps, as from NTP, leap seconds, or a wrong daylight saving rule. */
static void
small_steps_do_not_count(void **state)
{
	struct pruning p;
	int64_t before, wall = NOW;

	(void)state;
	assert_true(begin(&p, NOW, 0));
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
		cmocka_unit_test(what_one_run_has_yet_to_wait_the_next_one_waits),
		cmocka_unit_test(small_steps_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
