/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "manager/api/fault_injection.h"

static void
each_form_of_a_fault_option_is_read(void **state)
{
	static const struct {
		const char *text;
		struct injection want;
	} table[] = {
		{ "list:delay=250ms", { "list", INJECT_DELAY, HTTP_SPOIL_NONE, 250, 0, 1000000 } },
		{ "*:delay=2s@0.5", { "*", INJECT_DELAY, HTTP_SPOIL_NONE, 2000, 0, 500000 } },
		{ "get:delay=3", { "get", INJECT_DELAY, HTTP_SPOIL_NONE, 3000, 0, 1000000 } },
		{ "list:429", { "list", INJECT_STATUS, HTTP_SPOIL_NONE, 429, 1, 1000000 } },
		{ "list:429=7@1", { "list", INJECT_STATUS, HTTP_SPOIL_NONE, 429, 7, 1000000 } },
		{ "create:500@.25", { "create", INJECT_STATUS, HTTP_SPOIL_NONE, 500, 0, 250000 } },
		{ "*:503@0", { "*", INJECT_STATUS, HTTP_SPOIL_NONE, 503, 0, 0 } },
		{ "update:reset", { "update", INJECT_SPOIL, HTTP_SPOIL_RESET, 0, 0, 1000000 } },
		{ "list:truncate", { "list", INJECT_SPOIL, HTTP_SPOIL_TRUNCATE, 0, 0, 1000000 } },
		{ "list:malformed", { "list", INJECT_SPOIL, HTTP_SPOIL_MALFORMED, 0, 0, 1000000 } },
		{ "list:drip", { "list", INJECT_SPOIL, HTTP_SPOIL_DRIP, 0, 0, 1000000 } },
		{ "list:withhold", { "list", INJECT_WITHHOLD, HTTP_SPOIL_NONE, 0, 0, 1000000 } },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		const struct injection *w = &table[i].want;
		struct injection o;
		struct why why = { "" };

		if (injection_read(table[i].text, &o, &why) != 0)
			fail_msg("%s: %s", table[i].text, why.text);
		assert_string_equal(o.route, w->route);
		assert_int_equal(o.kind, w->kind);
		assert_int_equal(o.spoil, w->spoil);
		assert_int_equal(o.value, w->value);
		assert_int_equal(o.after, w->after);
		assert_int_equal(o.per_million, w->per_million);
	}
}

static void
what_is_no_order_is_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = { "", "list", ":500", "lists:500", "list:", "list:501",
		"list:500=1", "list:429=x", "list:429=", "list:delay",
		"list:delay=", "list:delay=x", "list:delay=601", "list:delay=-1s", "list:reset=1",
		"list:500@2", "list:500@-1", "list:500@", "list:500@x", "list:500@nan",
		"list:500@0.5x", "list:Drip", "@0.5:500" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		struct injection o;
		struct why why = { "" };

		if (injection_read(bad[i], &o, &why) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_true(strlen(why.text) > 10);
	}
}

static uint32_t
next_of(void *arg)
{
	uint32_t **at = arg;

	return *(*at)++;
}

static void
what_strikes_is_drawn_for_each_order_that_fits(void **state)
{
	struct injection all[5];
	struct why why;
	struct injected what;
	uint32_t draws[] = { 499999, 0, 0, 500000, 999999, 0 }, *at = draws;

	(void)state;
	assert_int_equal(injection_read("list:delay=1s@0.5", &all[0], &why), 0);
	assert_int_equal(injection_read("*:503", &all[1], &why), 0);
	assert_int_equal(injection_read("*:500", &all[2], &why), 0);
	assert_int_equal(injection_read("get:reset", &all[3], &why), 0);
	assert_int_equal(injection_read("list:withhold@0.5", &all[4], &why), 0);

	injection_draw(all, 5, "list", next_of, &at, &what);
	assert_int_equal(what.delay_ms, 1000);
	assert_int_equal(what.status, 503); /* the first of a kind */
	assert_int_equal(what.spoil, HTTP_SPOIL_NONE);
	assert_false(what.withhold);
	assert_ptr_equal(at, draws + 4);

	at = draws;
	injection_draw(all, 5, NULL, next_of, &at, &what);
	assert_ptr_equal(at, draws + 2);
	assert_int_equal(what.status, 503);
	injection_draw(all, 0, "list", next_of, &at, &what);
	assert_int_equal(what.status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_a_fault_option_is_read),
		cmocka_unit_test(what_is_no_order_is_refused_with_a_sentence),
		cmocka_unit_test(what_strikes_is_drawn_for_each_order_that_fits),
	};

	return cmocka_run_group_tests_name("rehearse", tests, NULL, NULL);
}
