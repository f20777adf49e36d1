/* SPDX-License-Identifier: Apache-2.0 */
/* core/backoff: retry delays, at both ends of the jitter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "core/backoff.h"
#include "core/retry_after.h"

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
		assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, highest, NULL), want[i]);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, lowest, NULL), BACKOFF_BASE_MS);
	/* The range of the next delay depends on the last delay, not on the number of failures. */
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, highest, NULL), 3000);
}

static void
a_success_starts_anew(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, highest, NULL), 3000);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, highest, NULL), 9000);
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, BACKOFF_CAP_MS, highest, NULL), 3000);
}

static void
the_cap_is_the_callers(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	assert_int_equal(backoff_next(&b, 2999, highest, NULL), 2999);
	assert_int_equal(backoff_next(&b, 10000, highest, NULL), 8997);
	assert_int_equal(backoff_next(&b, 10000, highest, NULL), 10000);
}

/* --- Retry-After ------------------------------------------------------------------------ */

#define S INT64_C(1000)
#define M (60 * S)
#define H (60 * M)

static void
retry_after_is_capped_by_what_the_data_is_worth(void **state)
{
	(void)state;
	assert_int_equal(retry_after_cap(0, 10 * S), M);
	assert_int_equal(retry_after_cap(-5 * H, 10 * S), M);
	assert_int_equal(retry_after_cap(5 * M, 10 * S), M);
	assert_int_equal(retry_after_cap(5 * H, 10 * S), 30 * M);
	assert_int_equal(retry_after_cap(500 * H, 10 * S), H);
	/* One request must fit in before the data expires. */
	assert_int_equal(retry_after_cap(65 * S, 10 * S), 55 * S);
	assert_int_equal(retry_after_cap(10 * S, 10 * S), 0);
	assert_int_equal(retry_after_cap(9 * S, 10 * S), 0);
}

static void
retry_after_has_jitter_on_top(void **state)
{
	(void)state;
	assert_int_equal(retry_after_wait(20 * S, H, lowest, NULL), 20 * S);
	assert_int_equal(retry_after_wait(20 * S, H, highest, NULL), 22 * S);
	assert_int_equal(retry_after_wait(1 * S, H, highest, NULL), 2 * S);
	assert_int_equal(retry_after_wait(0, H, highest, NULL), 0);
	assert_int_equal(retry_after_wait(-5 * S, H, highest, NULL), 0);
}

static void
retry_after_above_its_cap_has_jitter_below_it(void **state)
{
	(void)state;
	assert_int_equal(retry_after_wait(H, M, lowest, NULL), M);
	assert_int_equal(retry_after_wait(H, M, highest, NULL), 54 * S);
	assert_int_equal(retry_after_wait(INT64_MAX, M, highest, NULL), 54 * S);
	assert_int_equal(retry_after_wait(59 * S, M, highest, NULL), M);
	assert_int_equal(retry_after_wait(H, 0, highest, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_grow_up_to_the_cap),
		cmocka_unit_test(a_success_starts_anew),
		cmocka_unit_test(the_cap_is_the_callers),
		cmocka_unit_test(retry_after_is_capped_by_what_the_data_is_worth),
		cmocka_unit_test(retry_after_has_jitter_on_top),
		cmocka_unit_test(retry_after_above_its_cap_has_jitter_below_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
