/* SPDX-License-Identifier: Apache-2.0 */
/* core/render: the exact text Airflow parses, as a JSON string. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/mem.h"
#include "core/render.h"

static void
expect_connection(const struct connection_fields *c, const char *want)
{
	struct buf out = BUF_INIT(4096);

	render_connection(&out, c);
	assert_int_equal(buf_error(&out), 0);
	assert_string_equal(buf_str(&out), want);
	buf_fini(&out);
}

static void
members_come_in_their_order(void **state)
{
	const struct connection_fields c = {
		.extra = SPAN_LITERAL("{\"n\":9007199254740993,\"o\":{\"a\":[1.50]}}"),
		.port = 5432,
		.schema = SPAN_LITERAL("db"),
		.password = SPAN_LITERAL("pw"),
		.login = SPAN_LITERAL("me"),
		.host = SPAN_LITERAL("h"),
		.description = SPAN_LITERAL("d"),
		.conn_type = SPAN_LITERAL("postgres"),
	};

	(void)state;
	expect_connection(&c,
	    "\"{\\\"conn_type\\\":\\\"postgres\\\",\\\"description\\\":\\\"d\\\",\\\"host\\\":"
	    "\\\"h\\\","
	    "\\\"login\\\":\\\"me\\\",\\\"password\\\":\\\"pw\\\",\\\"schema\\\":\\\"db\\\","
	    "\\\"port\\\":5432,\\\"extra\\\":{\\\"n\\\":9007199254740993,\\\"o\\\":{\\\"a\\\":[1."
	    "50]}}}\"");
}

static void
absent_is_absent_and_empty_is_empty(void **state)
{
	const struct connection_fields none = { 0 };
	const struct connection_fields empty = { .conn_type = SPAN_LITERAL("http"),
		.host = SPAN_LITERAL(""),
		.extra = SPAN_LITERAL("{}") };

	(void)state;
	expect_connection(&none, "\"{}\"");
	expect_connection(
	    &empty, "\"{\\\"conn_type\\\":\\\"http\\\",\\\"host\\\":\\\"\\\",\\\"extra\\\":{}}\"");
}

static void
every_character_survives_both_layers(void **state)
{
	const struct connection_fields c = { .password = SPAN_LITERAL("\"\\\n\x01/é") };

	(void)state;
	expect_connection(&c, "\"{\\\"password\\\":\\\"\\\\\\\"\\\\\\\\\\\\n\\\\u0001/é\\\"}\"");
}

static void
a_port_is_there_from_one_on(void **state)
{
	const struct connection_fields one = { .port = 1 }, most = { .port = 65535 };

	(void)state;
	expect_connection(&one, "\"{\\\"port\\\":1}\"");
	expect_connection(&most, "\"{\\\"port\\\":65535}\"");
}

static void
a_variable_is_one_string(void **state)
{
	struct buf out = BUF_INIT(100);

	(void)state;
	render_variable(&out, span_of("a \"b\"\n"));
	assert_string_equal(buf_str(&out), "\"a \\\"b\\\"\\n\"");
	buf_reset(&out);
	render_variable(&out, span_of(""));
	assert_string_equal(buf_str(&out), "\"\"");
	buf_fini(&out);
}

static void
failures_stick_in_the_buffer(void **state)
{
	const struct connection_fields c = { .password = SPAN_LITERAL("0123456789") };
	struct buf small = BUF_INIT(20), out = BUF_INIT(4096);
	int64_t before = mem_live();
	int n = 0;

	(void)state;
	render_connection(&small, &c);
	assert_int_equal(buf_error(&small), -EMSGSIZE);
	buf_fini(&small);
	do {
		buf_fini(&out);
		mem_fail_after(n++);
		render_connection(&out, &c);
		mem_fail_after(-1);
		assert_true(buf_error(&out) == 0 || buf_error(&out) == -ENOMEM);
	} while (buf_error(&out));
	assert_true(n > 2);
	buf_fini(&out);
	assert_int_equal(mem_live(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_in_their_order),
		cmocka_unit_test(absent_is_absent_and_empty_is_empty),
		cmocka_unit_test(every_character_survives_both_layers),
		cmocka_unit_test(a_port_is_there_from_one_on),
		cmocka_unit_test(a_variable_is_one_string),
		cmocka_unit_test(failures_stick_in_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
