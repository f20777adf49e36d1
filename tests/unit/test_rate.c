/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/mem.h"
#include "manager/api/rate.h"

static const struct id one = { "cone000000000000000000000" }, two = { "ctwo000000000000000000000" };

static void
a_second_s_worth_goes_at_once_then_each_waits_its_turn(void **state)
{
	struct rate *r = rate_new(10);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(rate_ask(r, &one, 1000), 0);
	for (int i = 1; i <= 50; i++)
		assert_int_equal(rate_ask(r, &one, 1000), 100 * i);
	/* A request waits five seconds at most. */
	assert_int_equal(rate_ask(r, &one, 1000), -100);
	assert_int_equal(rate_ask(r, &one, 1000), -100);
	assert_int_equal(rate_ask(r, &one, 1099), -1);
	assert_int_equal(rate_ask(r, &one, 1100), 5000);
	/* Other callers are not delayed. */
	assert_int_equal(rate_ask(r, &two, 1000), 0);
	/* After a pause the full rate is available again. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(rate_ask(r, &one, 100000), 0);
	assert_int_equal(rate_ask(r, &one, 100000), 100);
	rate_free(r);
}

static void
one_that_keeps_the_rate_never_waits(void **state)
{
	struct rate *r = rate_new(25);

	(void)state;
	for (int64_t t = 0; t < 100000; t += 40)
		assert_int_equal(rate_ask(r, &one, t), 0);
	rate_free(r);
}

static void
once_a_second_is_a_rate_too(void **state)
{
	struct rate *r = rate_new(1);

	(void)state;
	assert_int_equal(rate_ask(r, &one, 5000), 0);
	assert_int_equal(rate_ask(r, &one, 5000), 1000);
	assert_int_equal(rate_ask(r, &one, 5500), 1500);
	rate_free(r);
}

static void
any_number_of_tokens_takes_no_more_room(void **state)
{
	struct rate *r = rate_new(5);
	int64_t live = mem_live();

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct id id;

		(void)snprintf(id.s, sizeof id.s, "c%024d", i);
		assert_int_equal(rate_ask(r, &id, i), 0);
	}
	assert_int_equal(mem_live(), live);
	rate_free(r);
	assert_int_equal(mem_live(), 0);
}

static void
rates_are_read(void **state)
{
	(void)state;
	assert_int_equal(rate_read("25"), 25);
	assert_int_equal(rate_read("25/s"), 25);
	assert_int_equal(rate_read("100000"), 100000);
	assert_int_equal(rate_read("100001"), 0);
	assert_int_equal(rate_read("99999999999999999999"), 0);
	assert_int_equal(rate_read("0"), 0);
	assert_int_equal(rate_read(""), 0);
	assert_int_equal(rate_read("/s"), 0);
	assert_int_equal(rate_read("25/m"), 0);
	assert_int_equal(rate_read("-1"), 0);
	assert_int_equal(rate_read("1.5"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_s_worth_goes_at_once_then_each_waits_its_turn),
		cmocka_unit_test(one_that_keeps_the_rate_never_waits),
		cmocka_unit_test(once_a_second_is_a_rate_too),
		cmocka_unit_test(any_number_of_tokens_takes_no_more_room),
		cmocka_unit_test(rates_are_read),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
