/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "ctl/json.h"

static struct json *
parsed(const char *text)
{
	struct json *j = NULL;

	assert_int_equal(json_parse(&j, span_of(text), NULL), 0);
	return j;
}

static void
assert_text(const struct json *j, const char *want)
{
	struct buf out = BUF_INIT(1 << 16);

	json_write(j, &out);
	assert_int_equal(buf_error(&out), 0);
	assert_string_equal(buf_str(&out), want);
	buf_fini(&out);
}

static void
what_is_read_is_written_again(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "null", "null" },
		{ " [ true , false ] ", "[true,false]" },
		{ "{}", "{}" },
		{ "[]", "[]" },
		{ "\"\\u0041\\/\\\"\\n\\u00e9\\ud83d\\ude00\"",
		    "\"A/\\\"\\n\xc3\xa9\xf0\x9f\x98\x80\"" },
		{ "[9007199254740993, -0, 1e400, 0.10, 123456789012345678901234567890]",
		    "[9007199254740993,-0,1e400,0.10,123456789012345678901234567890]" },
		{ "{\"b\":{\"a\":[1,{\"\":null}]},\"a\":\"\"}",
		    "{\"b\":{\"a\":[1,{\"\":null}]},\"a\":\"\"}" },
		{ "{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct json *j = parsed(rows[i].text);

		assert_text(j, rows[i].want);
		assert_null(json_free(j));
	}
	assert_int_equal(mem_live(), 0);
}

static void
what_is_no_json_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} rows[] = {
		{ "", 0 },
		{ "{\"a\":01}", 6 },
		{ "{} x", 3 },
		{ "[\"\\u0000\"]", 2 },
		{ "[\"\\ud800\"]", 2 },
		{ "{\"a\":1,\"a\":1}", 13 },
		{ "{\"a\":1,\"b\":2,\"\\u0061\":1}", 24 },
		{ "[{\"x\":{\"a\":1,\"a\":1}}]", 21 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct json *j = NULL;
		size_t at = 999;

		assert_int_equal(json_parse(&j, span_of(rows[i].text), &at), -EBADMSG);
		assert_int_equal(at, rows[i].at);
		assert_int_equal(json_parse(&j, span_of(rows[i].text), NULL), -EBADMSG);
		assert_null(j);
	}
	assert_int_equal(mem_live(), 0);
}

static void
members_are_looked_at(void **state)
{
	struct json *j = parsed(
	    "{\"s\":\"x\",\"i\":-9223372036854775808,\"b\":true,\"n\":null,\"f\":1.0,\"a\":[1,2]}");
	const struct json *a = json_get(j, "a");
	int64_t i = 0;
	bool b = false;

	(void)state;
	assert_int_equal(json_type(j), SCAN_OBJECT);
	assert_int_equal(json_count(j), 6);
	assert_string_equal(json_string(json_get(j, "s")), "x");
	assert_null(json_string(json_get(j, "i")));
	assert_null(json_string(json_get(j, "S")));
	assert_true(json_int(json_get(j, "i"), &i));
	assert_true(i == INT64_MIN);
	assert_false(json_int(json_get(j, "f"), &i));
	assert_false(json_int(json_get(j, "s"), &i));
	assert_false(json_int(NULL, &i));
	assert_true(json_bool(json_get(j, "b"), &b) && b);
	assert_false(json_bool(json_get(j, "n"), &b));
	assert_int_equal(json_type(json_get(j, "n")), SCAN_NULL);
	assert_int_equal(json_type(json_get(j, "b")), SCAN_BOOL);
	assert_int_equal(json_type(json_get(j, "f")), SCAN_NUMBER);
	assert_int_equal(json_type(json_get(j, "s")), SCAN_STRING);
	assert_int_equal(json_type(a), SCAN_ARRAY);
	assert_int_equal(json_count(a), 2);
	assert_true(json_int(json_next(json_first(a)), &i) && i == 2);
	assert_null(json_next(json_next(json_first(a))));
	assert_string_equal(json_name(json_next(json_first(j))), "i");
	json_free(j);
}

/* {"a":[1,"x"],"b":true} with "a" replaced once; 0 or -ENOMEM. */
static int
build(struct json **out)
{
	struct json *object = json_new_object(), *array = json_new_array();
	int r = object && array ? 0 : -ENOMEM;

	if (r == 0)
		r = json_append(array, json_new_int(1));
	if (r == 0)
		r = json_append(array, json_new_string("x"));
	if (r == 0)
		r = json_take(object, "a", json_new_int(INT64_MIN));
	if (r == 0)
		r = json_take(object, "b", json_new_bool(true));
	if (r == 0) {
		r = json_take(object, "a", array);
		array = NULL;
	}
	if (r == 0)
		*out = object;
	else
		json_free(object);
	json_free(array);
	return r;
}

static void
trees_are_built_or_nothing_is_left(void **state)
{
	struct json *j = NULL;
	int r = -ENOMEM, n = 0;

	(void)state;
	for (; r == -ENOMEM; n++) {
		mem_fail_after(n);
		r = build(&j);
		mem_fail_after(-1);
		assert_true(r == 0 || mem_live() == 0);
	}
	assert_int_equal(r, 0);
	assert_true(n > 5);
	assert_text(j, "{\"b\":true,\"a\":[1,\"x\"]}");
	json_remove(j, "b");
	json_remove(j, "none");
	assert_text(j, "{\"a\":[1,\"x\"]}");
	json_free(j);
	assert_int_equal(mem_live(), 0);
}

static void
reading_survives_without_memory(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\",{\"b\":null}],\"c\":\"d\"}";
	struct json *j = NULL;
	int r = -ENOMEM, n = 0;

	(void)state;
	for (; r == -ENOMEM; n++) {
		mem_fail_after(n);
		r = json_parse(&j, SPAN_LITERAL(text), NULL);
		mem_fail_after(-1);
		assert_true(r == 0 || mem_live() == 0);
	}
	assert_int_equal(r, 0);
	assert_true(n > 10);
	assert_text(j, text);
	json_free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written_again),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(members_are_looked_at),
		cmocka_unit_test(trees_are_built_or_nothing_is_left),
		cmocka_unit_test(reading_survives_without_memory),
	};

	json_global_init();
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
