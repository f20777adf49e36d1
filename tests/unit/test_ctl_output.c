/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/output: masking secrets, and escaping text from outside. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/output.h"

static void
secrets_are_masked_and_the_rest_is_as_it_was(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "{}", "{}" },
		{ "{\"conn_type\":\"postgres\",\"description\":\"d\",\"host\":\"h\",\"login\":"
		  "\"l\","
		  "\"password\":\"secret\",\"schema\":\"s\",\"port\":5432,"
		  "\"extra\":{\"token\":\"secret\",\"n\":1,\"o\":{\"a\":[\"secret\"]}}}",
		    "{\"conn_type\":\"postgres\",\"description\":\"d\",\"host\":\"h\",\"login\":"
		    "\"l\","
		    "\"password\":\"***\",\"schema\":\"s\",\"port\":5432,"
		    "\"extra\":{\"token\":\"***\",\"n\":\"***\",\"o\":\"***\"}}" },
		{ "{\"extra\":\"secret\"}", "{\"extra\":\"***\"}" },
		{ "{\"extra\":{}}", "{\"extra\":{}}" },
		/* A name written with escapes is the same name. */
		{ "{\"p\\u0061ssword\":\"secret\"}", "{\"p\\u0061ssword\":\"***\"}" },
		{ "{\"ext\\u0072a\":{\"k\":\"secret\"}}", "{\"ext\\u0072a\":{\"k\":\"***\"}}" },
		/* Members that are not known to be public are masked. */
		{ "{\"private_key\":\"secret\"}", "{\"private_key\":\"***\"}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct buf out = BUF_INIT(4096);

		assert_int_equal(output_mask_connection(&out, span_of(rows[i].in)), 0);
		assert_string_equal(buf_str(&out), rows[i].out);
		assert_null(strstr(buf_str(&out), "secret"));
		buf_fini(&out);
	}
}

static void
what_is_no_json_object_is_not_shown_at_all(void **state)
{
	static const char *const bad[] = { "", "secret", "\"secret\"", "[]", "{\"a\":1", "null" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		struct buf out = BUF_INIT(4096);

		assert_int_equal(output_mask_connection(&out, span_of(bad[i])), -EBADMSG);
		assert_int_equal(out.len, 0);
		buf_fini(&out);
	}
}

static void
text_from_elsewhere_can_not_drive_the_terminal(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain \xc3\xa4 \xf0\x9f\x94\x91", "plain \xc3\xa4 \xf0\x9f\x94\x91" },
		{ "\033[31mred", "\\u001b[31mred" },
		{ "a\nb\tc\x7f", "a\\u000ab\\u0009c\\u007f" },
		{ "\xc2\x9b"
		  "31m",
		    "\\u009b31m" },
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xe2\x80\xae"
		  "abc",
		    "\\u202eabc" },
		{ "\xe2\x81\xa6", "\\u2066" },
		{ "\xe2\x80\xa6", "\xe2\x80\xa6" },
		{ "cut \xe2\x80", "cut \xe2\x80" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct buf out = BUF_INIT(4096);

		output_safe(&out, span_of(rows[i].in));
		assert_string_equal(buf_str(&out), rows[i].out);
		buf_fini(&out);
	}
}

static void
durations_read_well(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ -1, "never" },
		{ 0, "0 ms" },
		{ 999, "999 ms" },
		{ 1000, "1 s" },
		{ 59999, "59 s" },
		{ 60000, "1 min" },
		{ 200000, "3 min 20 s" },
		{ 3600000, "1 h" },
		{ 86399999, "23 h 59 min" },
		{ 86400000, "1 d" },
		{ 90000000, "1 d 1 h" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct buf out = BUF_INIT(64);

		output_duration(&out, rows[i].ms);
		assert_string_equal(buf_str(&out), rows[i].text);
		buf_fini(&out);
	}
}

static void
rows_are_aligned_and_coloured_only_when_told(void **state)
{
	const struct output_row rows[] = {
		{ SPAN_LITERAL("state"), SPAN_LITERAL("fresh"), COLOUR_GOOD },
		{ SPAN_LITERAL("schl\xc3\xbcssel"), SPAN_LITERAL("v"), COLOUR_NONE },
	};
	struct buf out = BUF_INIT(4096);

	(void)state;
	output_rows(&out, rows, N_ELEMENTS(rows), false);
	assert_string_equal(buf_str(&out), "state      fresh\nschl\xc3\xbcssel  v\n");
	buf_reset(&out);
	output_rows(&out, rows, N_ELEMENTS(rows), true);
	assert_string_equal(
	    buf_str(&out), "state      \033[32mfresh\033[0m\nschl\xc3\xbcssel  v\n");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_masked_and_the_rest_is_as_it_was),
		cmocka_unit_test(what_is_no_json_object_is_not_shown_at_all),
		cmocka_unit_test(text_from_elsewhere_can_not_drive_the_terminal),
		cmocka_unit_test(durations_read_well),
		cmocka_unit_test(rows_are_aligned_and_coloured_only_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
