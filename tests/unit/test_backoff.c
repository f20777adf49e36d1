/* SPDX-License-Identifier: Apache-2.0 */
/* core/backoff: how long a retry waits, at both ends of the jitter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "core/backoff.h"

static int64_t
lowest(void *env, int64_t low, int64_t high)
{
	(void)env;
	assert_true(low <= high);
	return low;
}

static int64_t
highest(void *env, int64_t low, int64_t high)
{
	(void)env;
	assert_true(low <= high);
	return high;
}

static void
delays_grow_up_to_the_cap(void **state)
{
	static const int64_t want[] = { 3000, 9000, 27000, 60000, 60000 };
	struct backoff b = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(want); i++)
		assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 0, highest, NULL), want[i]);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 0, lowest, NULL), BACKOFF_BASE_MS);
	/* The next one's range follows from the last delay, not from the number of failures. */
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 0, highest, NULL), 3000);
}

static void
a_success_starts_anew(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 0, highest, NULL), 3000);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 0, highest, NULL), 9000);
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 0, highest, NULL), 3000);
}

static void
the_cap_is_the_callers(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(backoff_next(&b, 2999, 0, highest, NULL), 2999);
	assert_int_equal(backoff_next(&b, 10000, 0, highest, NULL), 8997);
	assert_int_equal(backoff_next(&b, 10000, 0, highest, NULL), 10000);
}

static void
retry_after_is_a_floor_with_jitter_on_top(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 20000, lowest, NULL), 20000);
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 20000, highest, NULL), 22000);
	/* A floor below the back-off changes nothing; neither does none, or a silly one. */
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, 1, highest, NULL), 3000);
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, -5, lowest, NULL), 1000);
}

static void
retry_after_is_capped_itself(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(
	    backoff_next(&b, BACKOFF_CAP_MS, INT64_MAX, lowest, NULL), BACKOFF_RETRY_AFTER_CAP_MS);
	assert_int_equal(
	    backoff_next(&b, BACKOFF_CAP_MS, BACKOFF_RETRY_AFTER_CAP_MS, highest, NULL),
	    BACKOFF_RETRY_AFTER_CAP_MS + BACKOFF_RETRY_AFTER_CAP_MS / 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_grow_up_to_the_cap),
		cmocka_unit_test(a_success_starts_anew),
		cmocka_unit_test(the_cap_is_the_callers),
		cmocka_unit_test(retry_after_is_a_floor_with_jitter_on_top),
		cmocka_unit_test(retry_after_is_capped_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
