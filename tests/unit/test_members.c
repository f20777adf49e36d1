/* SPDX-License-Identifier: Apache-2.0 */
/* base/json/members and names, base/distance: finding members, duplicate names, name distances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "base/base.h"
#include "base/distance.h"
#include "base/json/members.h"
#include "base/json/names.h"
#include "base/json/scan.h"
#include "base/mem.h"

static void
a_member_is_found_however_its_name_is_escaped(void **state)
{
	struct json_members m;

	(void)state;
	assert_int_equal(
	    json_members_read(&m, SPAN_LITERAL("{\"a\":1, \"\\u006b\\n\":[2], \"\":{}}")), 0);
	assert_int_equal(m.n, 3);
	assert_true(span_is(json_members_find(&m, SPAN_LITERAL("a"))->value, "1"));
	assert_true(span_is(json_members_find(&m, SPAN_LITERAL("k\n"))->value, "[2]"));
	assert_true(span_is(json_members_find(&m, SPAN_LITERAL("k\n"))->raw, "\\u006b\\n"));
	assert_true(span_is(json_members_find(&m, SPAN_LITERAL(""))->value, "{}"));
	assert_null(json_members_find(&m, SPAN_LITERAL("\\u006b\\n")));
	json_members_fini(&m);
	assert_int_equal(json_members_read(&m, (struct span){ 0 }), 0);
	assert_null(json_members_find(&m, SPAN_LITERAL("a")));
	json_members_fini(&m);
}

static void
many_members_are_found_each(void **state)
{
	struct json_members m;
	struct buf text = BUF_INIT(1 << 20);
	char name[32];

	(void)state;
	buf_addc(&text, '{');
	for (int i = 0; i < 3000; i++)
		buf_addf(&text, i % 2 ? "%s\"k%d\":%d" : "%s\"\\u006b%d\":%d", i ? "," : "", i, i);
	buf_addc(&text, '}');
	assert_int_equal(json_members_read(&m, span_of_buf(&text)), 0);
	assert_int_equal(m.n, 3000);
	for (int i = 0; i < 3001; i++) {
		const struct json_member *one;

		(void)snprintf(name, sizeof name, "k%d", i);
		one = json_members_find(&m, span_of(name));
		assert_true(i == 3000 ? !one : one == &m.all[i]);
	}
	json_members_fini(&m);
	buf_fini(&text);
}

static void
a_name_may_be_once_in_each_object(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *name;
	} table[] = {
		{ "1", 0, NULL },
		{ "\"a\"", 0, NULL },
		{ "[]", 0, NULL },
		{ "{\"a\":{\"a\":{\"a\":[{\"a\":\"a\"},{\"a\":\"\\\"a\"}]}},\"b\":\"a\"}", 0,
		    NULL },
		{ "[\"a\",\"a\",[\"a\"],{\"a\":[\"a\",\"a\"]}]", 0, NULL },
		{ "{\"a\":[{\"x\":1}],\"b\":{\"x\":1},\"x\":{}}", 0, NULL },
		{ "{\"a\":1,\"a\":2}", -EEXIST, "a" },
		{ "{\"a\":{\"b\":1},\"c\":[{\"d\":1},{\"d\":1,\"\\u0064\":2}]}", -EEXIST, NULL },
		{ "{\"a\":{\"z\":{}},\"b\":[[1]],\"a\":2}", -EEXIST, "a" },
		{ "{ \"a\" : \"},{\" , \"b\" : \"a\" , \"a\" : 1 }", -EEXIST, "a" },
		{ "{\"\":1,\"\":1}", -EEXIST, "" },
		{ "{\"ok\":1,\"x\\ud800\":1}", -EILSEQ, "x\\ud800" },
		{ "{\"x\\u0000\":1}", -EILSEQ, "x\\u0000" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct span value, name = { 0 };

		assert_int_equal(scan_check(span_of(table[i].text), SCAN_LENIENT, &value, NULL), 0);
		if (json_names_once(value, &name) != table[i].want)
			fail_msg("row %zu", i);
		if (table[i].name && !span_is(name, table[i].name))
			fail_msg("row %zu: %.*s", i, (int)name.n, name.p);
	}
}

static void
memory_that_is_out_leaks_nothing(void **state)
{
	static const char text[] = "{\"\\u0061\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,"
				   "\"h\":8,\"i\":9}";
	int r = -1;

	(void)state;
	for (int64_t n = 0; r != 0; n++) {
		struct json_members m;
		struct span name;

		mem_fail_after(n);
		r = json_members_read(&m, SPAN_LITERAL(text));
		json_members_fini(&m);
		if (r == 0)
			r = json_names_once(SPAN_LITERAL(text), &name);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(mem_live(), 0);
		assert_true(n < 20);
	}
}

static void
a_distance_is_the_number_of_edits(void **state)
{
	static const struct {
		const char *a, *b;
		size_t want;
	} table[] = {
		{ "host", "host", 0 },
		{ "hots", "host", 2 },
		{ "hst", "host", 1 },
		{ "kitten", "sitting", 3 },
		{ "", "abc", 3 },
		{ "a23456789012345678901234567890123", "x", 33 },
		{ "a_long_name_of_a_connection_in_production",
		    "a_long_nam_of_a_connection_in_production", 1 },
		{ "abab", "ab", 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		assert_int_equal(
		    edit_distance(span_of(table[i].a), span_of(table[i].b)), table[i].want);
		assert_int_equal(
		    edit_distance(span_of(table[i].b), span_of(table[i].a)), table[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_is_found_however_its_name_is_escaped),
		cmocka_unit_test(many_members_are_found_each),
		cmocka_unit_test(a_name_may_be_once_in_each_object),
		cmocka_unit_test(memory_that_is_out_leaks_nothing),
		cmocka_unit_test(a_distance_is_the_number_of_edits),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
