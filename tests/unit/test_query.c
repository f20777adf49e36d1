/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "manager/api/input/query.h"

static void
paths_are_cut_and_decoded(void **state)
{
	static const struct {
		const char *raw;
		int want;
		const char *joined; /* by '|' */
	} table[] = {
		{ "/", -ENOENT, NULL },
		{ "/a", 0, "a" },
		{ "/a/b", 0, "a|b" },
		{ "/a/", -ENOENT, NULL },
		{ "//a", -ENOENT, NULL },
		{ "/a//b", -ENOENT, NULL },
		{ "/a%2Fb/%C3%A4", 0, "a/b|\xc3\xa4" },
		{ "/a+b", 0, "a+b" },
		{ "/a%", -EINVAL, NULL },
		{ "/a%4", -EINVAL, NULL },
		{ "/a%4/x", -EINVAL, NULL },
		{ "/a%g0", -EINVAL, NULL },
		{ "/a%00", -EINVAL, NULL },
		{ "/%c3", -EINVAL, NULL },
		{ "/1/2/3/4/5/6/7/8/9/a/b/c", 0, "1|2|3|4|5|6|7|8|9|a|b|c" },
		{ "/1/2/3/4/5/6/7/8/9/a/b/c/d", -ENOENT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf scratch = BUF_INIT(1000), joined = BUF_INIT(1000);
		struct path p;

		assert_int_equal(path_read(&p, span_of(table[i].raw), &scratch), table[i].want);
		for (size_t k = 0; table[i].joined && k < p.n; k++) {
			buf_adds(&joined, k ? "|" : "");
			buf_add(&joined, p.segments[k].p, p.segments[k].n);
		}
		if (table[i].joined)
			assert_string_equal(buf_str(&joined), table[i].joined);
		buf_fini(&scratch);
		buf_fini(&joined);
	}
}

static void
queries_are_cut_and_decoded(void **state)
{
	struct buf scratch = BUF_INIT(1000);
	struct query q;
	struct fault f;
	struct span v = { 0 };

	(void)state;
	assert_int_equal(
	    query_read(&q, SPAN_LITERAL("a=1+2&&b=%26%3d&c&a%62=x=y"), &scratch, &f), 0);
	assert_int_equal(q.n, 4);
	assert_int_equal(query_text(&q, "a", &v, &f), 0);
	assert_true(span_is(v, "1 2"));
	assert_int_equal(query_text(&q, "b", &v, &f), 0);
	assert_true(span_is(v, "&="));
	assert_int_equal(query_text(&q, "c", &v, &f), 0);
	assert_true(v.p && v.n == 0);
	assert_int_equal(query_text(&q, "ab", &v, &f), 0);
	assert_true(span_is(v, "x=y"));
	v = (struct span){ 0 };
	assert_int_equal(query_text(&q, "d", &v, &f), 0);
	assert_null(v.p);
	buf_fini(&scratch);
}

static void
a_broken_query_is_a_fault(void **state)
{
	static const char *const broken[] = { "a=%", "a=%f", "a=%ff", "%=1", "a=%00",
		"a=%ed%a0%80" };
	struct query q;
	struct fault f;
	char many[256] = "";

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(broken); i++) {
		struct buf scratch = BUF_INIT(1000);

		assert_int_equal(query_read(&q, span_of(broken[i]), &scratch, &f), -EINVAL);
		assert_string_equal(f.field, "query");
		buf_fini(&scratch);
	}
	for (int i = 0; i <= QUERY_MAX_PAIRS; i++) {
		struct buf scratch = BUF_INIT(1000);

		assert_int_equal(query_read(&q, span_of(many), &scratch, &f), 0);
		assert_int_equal(q.n, i);
		strcat(many, "a&");
		buf_fini(&scratch);
	}
	{
		struct buf scratch = BUF_INIT(1000);

		assert_int_equal(query_read(&q, span_of(many), &scratch, &f), -EINVAL);
		buf_fini(&scratch);
	}
}

static void
typed_parameters_are_exact(void **state)
{
	static const struct {
		const char *text;
		int is_bool, is_count; /* -1: neither */
	} table[] = {
		{ "true", 1, -1 },
		{ "True", 1, -1 },
		{ "FALSE", 0, -1 },
		{ "yes", -1, -1 },
		{ "tru", -1, -1 },
		{ "truee", -1, -1 },
		{ "", -1, -1 },
		{ "0", -1, 0 },
		{ "1", -1, 1 },
		{ "007", -1, 7 },
		{ "1000", -1, 1000 },
		{ "-1", -1, -1 },
		{ "%2B1", -1, -1 },
		{ "+1", -1, -1 },
		{ "1.0", -1, -1 },
		{ "1e3", -1, -1 },
		{ "0x1", -1, -1 },
		{ "9223372036854775808", -1, -1 },
		{ "99999999999999999999999", -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf scratch = BUF_INIT(1000);
		struct query q;
		struct fault f;
		char text[64];
		bool b = false;
		int64_t n = 77;

		(void)snprintf(text, sizeof text, "x=%s", table[i].text);
		assert_int_equal(query_read(&q, span_of(text), &scratch, &f), 0);
		assert_int_equal(query_bool(&q, "x", &b, &f), table[i].is_bool < 0 ? -EINVAL : 0);
		if (table[i].is_bool >= 0)
			assert_int_equal(b, table[i].is_bool);
		assert_int_equal(query_count(&q, "x", &n, &f), table[i].is_count < 0 ? -EINVAL : 0);
		if (table[i].is_count >= 0)
			assert_int_equal(n, table[i].is_count);
		else
			assert_string_equal(f.message, "x must be a number, 0 or more");
		assert_int_equal(query_count(&q, "y", &n, &f), 0);
		buf_fini(&scratch);
	}
}

static void
a_parameter_given_twice_is_a_fault(void **state)
{
	struct buf scratch = BUF_INIT(1000);
	struct query q;
	struct fault f;
	struct span v;

	(void)state;
	assert_int_equal(query_read(&q, SPAN_LITERAL("x=1&y=2&x=1"), &scratch, &f), 0);
	assert_int_equal(query_text(&q, "x", &v, &f), -EINVAL);
	assert_string_equal(f.field, "x");
	assert_int_equal(query_text(&q, "y", &v, &f), 0);
	buf_fini(&scratch);
}

static void
sorts_name_what_there_is_and_a_way(void **state)
{
	static const char *const names[] = { "name", "createdAt", "updatedAt" };
	static const struct {
		const char *raw, *want; /* NULL: refused */
	} table[] = {
		{ "", "" },
		{ "x=name:asc", "" },
		{ "sorts=name:asc", "0" },
		{ "sorts=updatedAt:desc&limit=1&sorts=name:asc", "2d0" },
		{ "sorts=name:asc&sorts=name:asc&sorts=name:asc&sorts=name:desc", "0000d" },
		{ "sorts=name:asc&sorts=name:asc&sorts=name:asc&sorts=name:asc&sorts=name:asc",
		    NULL },
		{ "sorts=", NULL },
		{ "sorts=:asc", NULL },
		{ "sorts=name", NULL },
		{ "sorts=name:", NULL },
		{ "sorts=name:up", NULL },
		{ "sorts=name:asc:desc", NULL },
		{ "sorts=Name:asc", NULL },
		{ "sorts=name:asc,createdAt:asc", NULL },
		{ "sorts=name:asc&sorts=objectKey:asc", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf scratch = BUF_INIT(1000), got = BUF_INIT(100);
		struct query_sort sorts[QUERY_MAX_SORTS];
		struct query q;
		struct fault f;
		size_t n = 77;
		int r;

		assert_int_equal(query_read(&q, span_of(table[i].raw), &scratch, &f), 0);
		r = query_sorts(&q, names, N_ELEMENTS(names), sorts, &n, &f);
		assert_int_equal(r, table[i].want ? 0 : -EINVAL);
		if (r < 0)
			assert_string_equal(f.field, "sorts");
		for (size_t k = 0; r == 0 && k < n; k++)
			buf_addf(&got, "%zu%s", sorts[k].by, sorts[k].descending ? "d" : "");
		if (r == 0)
			assert_string_equal(buf_str(&got), table[i].want);
		else if (i > 6)
			assert_string_equal(f.message,
			    "sorts must be name, createdAt or updatedAt with :asc or :desc");
		buf_fini(&scratch);
		buf_fini(&got);
	}
}

static void
a_cut_message_stays_utf8(void **state)
{
	char text[2000];
	struct fault f;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 4 < sizeof text; i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 5);
		assert_int_equal(fault_set(&f, "invalid", text, "is %s", text), -EINVAL);
		assert_true(utf8_is_valid(span_of(f.field)));
		assert_true(utf8_is_valid(span_of(f.message)));
		assert_true(strlen(f.message) > FAULT_MESSAGE_SIZE - 6);
	}
	(void)fault_set(&f, "invalid", "a", "is \xc3\xa4");
	assert_string_equal(f.message, "a is \xc3\xa4");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_cut_and_decoded),
		cmocka_unit_test(queries_are_cut_and_decoded),
		cmocka_unit_test(a_broken_query_is_a_fault),
		cmocka_unit_test(typed_parameters_are_exact),
		cmocka_unit_test(a_parameter_given_twice_is_a_fault),
		cmocka_unit_test(sorts_name_what_there_is_and_a_way),
		cmocka_unit_test(a_cut_message_stays_utf8),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
