/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tests/unit/check.h"

/* A copy in a block of exact size, so that a sanitizer detects a read past its end. */
static char *
exact(const char *p, size_t n)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, p, n);
	return copy;
}

static int
check_n(const char *text, size_t n, enum scan_mode mode, size_t *at)
{
	char *copy = exact(text, n);
	struct span value;
	int r = scan_check((struct span){ copy, n }, mode, &value, at);

	free(copy);
	return r;
}

/* Walks over everything: an accepted text must be readable. */
static size_t
walk(struct span value)
{
	struct span at = value, name, v;
	struct buf out = BUF_INIT(1 << 20);
	size_t n = 1;
	int64_t i;

	switch (scan_type(value)) {
	case SCAN_OBJECT:
		while (scan_member(&at, &name, &v))
			n += scan_name_text(name, &out) == 0 ? walk(v) : 0;
		break;
	case SCAN_ARRAY:
		while (scan_element(&at, &v))
			n += walk(v);
		break;
	case SCAN_STRING:
		n += scan_string(value, &out) == 0;
		break;
	case SCAN_NUMBER:
		n += scan_int(value, &i) == 0;
		break;
	case SCAN_BOOL:
		n += scan_bool(value);
		break;
	case SCAN_NULL:
		break;
	}
	buf_fini(&out);
	return n;
}

static void
accepts_what_is_json(void **state)
{
	static const char *const good[] = {
		"0",
		"-0",
		"1",
		"10",
		"-1",
		"0.5",
		"-0.5",
		"1e1",
		"1E+1",
		"1e-1",
		"0e0",
		"1.25e10",
		"123456789012345678901234567890",
		"true",
		"false",
		"null",
		"\"\"",
		"\"a\"",
		" \t\r\n1 \t\r\n",
		"[]",
		"[ ]",
		"[1]",
		"[1,2]",
		"[ 1 , 2 ]",
		"[[],{}]",
		"[[[]]]",
		"{}",
		"{ }",
		"{\"a\":1}",
		"{\"a\" : 1 , \"b\" : [ ] }",
		"{\"\":0}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":{\"b\":{}}}",
		"[\"]\",\"}\",\"\\\"\"]",
		"\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"",
		"\"\\u0041\\u00e9\\u20AC\"",
		"\"\\ud83d\\ude00\"",
		"\"\\uDBFF\\uDFFF\"",
		"\"\x7f\"",
		"\"\xc2\x80\xdf\xbf\"",
		"\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
		"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
		"{\"\xc3\xa9\":\"\xc3\xa9\"}",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		size_t n = strlen(good[i]);
		char *copy = exact(good[i], n);
		struct span value;

		if (scan_check((struct span){ copy, n }, SCAN_STRICT, &value, NULL))
			fail_msg("refused: %s", good[i]);
		assert_true(walk(value) >= 1);
		free(copy);
	}
}

static void
refuses_what_is_not(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {
		{ "", 0 },
		{ " ", 1 },
		/* numbers */
		{ "01", 1 },
		{ "-", 1 },
		{ "-01", 2 },
		{ "+1", 0 },
		{ ".5", 0 },
		{ "1.", 2 },
		{ "1.e1", 2 },
		{ "1e", 2 },
		{ "1e+", 3 },
		{ "0x10", 1 },
		{ "1 2", 2 },
		{ "--1", 1 },
		{ "NaN", 0 },
		{ "Infinity", 0 },
		{ "-Infinity", 1 },
		{ "1\xc2\xa0", 1 },
		/* words */
		{ "nul", 0 },
		{ "nulls", 4 },
		{ "True", 0 },
		{ "tru", 0 },
		/* arrays */
		{ "[", 1 },
		{ "[1", 2 },
		{ "[1,", 3 },
		{ "[1,]", 3 },
		{ "[,1]", 1 },
		{ "[,]", 1 },
		{ "[1 2]", 3 },
		{ "[1}", 2 },
		{ "]", 0 },
		{ "[]]", 2 },
		{ "[] []", 3 },
		{ "[[]", 3 },
		/* objects */
		{ "{", 1 },
		{ "{\"a\"", 4 },
		{ "{\"a\":", 5 },
		{ "{\"a\"}", 4 },
		{ "{\"a\" 1}", 5 },
		{ "{\"a\":}", 5 },
		{ "{\"a\":1", 6 },
		{ "{\"a\":1,", 7 },
		{ "{\"a\":1,}", 7 },
		{ "{,}", 1 },
		{ "{1:1}", 1 },
		{ "{a:1}", 1 },
		{ "{'a':1}", 1 },
		{ "{null:1}", 1 },
		{ "{\"a\":1]", 6 },
		{ "{\"a\":1 \"b\":2}", 7 },
		{ "{\"a\"::1}", 5 },
		{ "{}{}", 2 },
		/* strings */
		{ "\"", 1 },
		{ "\"a", 2 },
		{ "'a'", 0 },
		{ "\"\\\"", 3 },
		{ "\"\\", 1 },
		{ "\"\\x\"", 1 },
		{ "\"\\a\"", 1 },
		{ "\"\\'\"", 1 },
		{ "\"\\u\"", 1 },
		{ "\"\\u12\"", 1 },
		{ "\"\\u123\"", 1 },
		{ "\"\\u12g4\"", 1 },
		{ "\"\\U0041\"", 1 },
		{ "\"\n\"", 1 },
		{ "\"\t\"", 1 },
		{ "\"a\x1f\"", 2 },
		/* UTF-8: a lone continuation, cut short, overlong, surrogates, beyond the end */
		{ "\"\x80\"", 1 },
		{ "\"\xbf\"", 1 },
		{ "\"\xc3\"", 1 },
		{ "\"\xc3", 1 },
		{ "\"\xe2\x82\"", 1 },
		{ "\"\xf0\x9f\x98\"", 1 },
		{ "\"\xe2\x28\xa1\"", 1 },
		{ "\"\xe2\x82\x28\"", 1 },
		{ "\"\xc0\x80\"", 1 },
		{ "\"\xc1\xbf\"", 1 },
		{ "\"\xe0\x80\x80\"", 1 },
		{ "\"\xe0\x9f\xbf\"", 1 },
		{ "\"\xf0\x80\x80\x80\"", 1 },
		{ "\"\xf0\x8f\xbf\xbf\"", 1 },
		{ "\"\xed\xa0\x80\"", 1 },
		{ "\"\xed\xbf\xbf\"", 1 },
		{ "\"\xf4\x90\x80\x80\"", 1 },
		{ "\"\xf5\x80\x80\x80\"", 1 },
		{ "\"\xf8\x88\x80\x80\x80\"", 1 },
		{ "\"\xfe\"", 1 },
		{ "\"\xff\"", 1 },
		/* other white space, comments, a byte order mark */
		{ "\xef\xbb\xbf{}", 0 },
		{ "\f1", 0 },
		{ "\v1", 0 },
		{ "[1\f]", 2 },
		{ "/**/1", 0 },
		{ "1//", 1 },
		{ "#", 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		for (int mode = SCAN_STRICT; mode <= SCAN_LENIENT; mode++) {
			size_t at = 9999;

			if (check_n(bad[i].text, strlen(bad[i].text), mode, &at) != -EBADMSG)
				fail_msg("accepted: %s", bad[i].text);
			if (at != bad[i].at)
				fail_msg("%s: at %zu", bad[i].text, at);
		}
	/* NUL is not white space anywhere. */
	assert_int_equal(check_n("\0", 1, SCAN_STRICT, NULL), -EBADMSG);
	assert_int_equal(check_n("1\0", 2, SCAN_STRICT, NULL), -EBADMSG);
	assert_int_equal(check_n("[\0]", 3, SCAN_STRICT, NULL), -EBADMSG);
	assert_int_equal(check_n("\"\0\"", 3, SCAN_LENIENT, NULL), -EBADMSG);
	assert_int_equal(check_n("\"\\\0\"", 4, SCAN_LENIENT, NULL), -EBADMSG);
	assert_int_equal(check_n("{\"a\0\":1}", 8, SCAN_LENIENT, NULL), -EBADMSG);
}

static void
lenient_lets_two_escapes_pass_and_finds_them_later(void **state)
{
	static const char *const odd[] = {
		"\"\\u0000\"",
		"\"a\\u0000b\"",
		"\"\\ud800\"",
		"\"\\udc00\"",
		"\"\\ud800x\"",
		"\"\\ud800\\n\"",
		"\"\\ud800\\u0041\"",
		"\"\\ud800\\ud800\"",
		"\"\\udc00\\ud800\"",
		"\"\\udbff\\ue000\"",
		"\"\\ud83d\\ude00\\ude00\"",
	};
	struct buf out = BUF_INIT(64);
	struct span value, text;
	char copy[64];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(odd); i++) {
		size_t n = strlen(odd[i]);

		assert_int_equal(check_n(odd[i], n, SCAN_STRICT, NULL), -EBADMSG);
		memcpy(copy, odd[i], n);
		assert_int_equal(
		    scan_check((struct span){ copy, n }, SCAN_LENIENT, &value, NULL), 0);
		assert_int_equal(scan_string(value, &out), -EILSEQ);
		assert_int_equal(scan_compact(value, &out), -EILSEQ);
		assert_int_equal(out.len, 0);
		assert_false(scan_name_is((struct span){ value.p + 1, value.n - 2 }, ""));
		assert_false(scan_name_is((struct span){ value.p + 1, value.n - 2 }, "a"));
		assert_int_equal(scan_string_in_place(value, copy, &text), -EILSEQ);
	}
	buf_fini(&out);
}

static void
depth_has_an_edge(void **state)
{
	char text[4 * LIMIT_JSON_DEPTH + 16];

	(void)state;
	for (int depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
		int want = depth > LIMIT_JSON_DEPTH ? -ELOOP : 0;
		size_t n = 0;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(check_n(text, 2 * depth, SCAN_STRICT, NULL), want);

		/* Objects and arrays in turn: each level keeps its kind. */
		for (int i = 0; i < depth; i++) {
			const char *opens = i % 2 ? "[" : "{\"\":";

			memcpy(text + n, opens, strlen(opens));
			n += strlen(opens);
		}
		text[n++] = '1';
		for (int i = depth; i--;)
			text[n++] = i % 2 ? ']' : '}';
		assert_int_equal(check_n(text, n, SCAN_STRICT, NULL), want);
	}
}

static struct span
checked(const char *text)
{
	struct span value;

	assert_int_equal(scan_check(span_of(text), SCAN_LENIENT, &value, NULL), 0);
	return value;
}

static void
members_come_in_order(void **state)
{
	struct span at =
	    checked(" { \"a\" : 1 , \"b,}\\\"\" :[ {\"x\":\"]\"} ],\"c\":-1e5,\"d\":\"\"} ");
	struct span name, value;

	(void)state;
	assert_true(scan_member(&at, &name, &value));
	assert_span(name, "a");
	assert_span(value, "1");
	assert_true(scan_member(&at, &name, &value));
	assert_span(name, "b,}\\\"");
	assert_span(value, "[ {\"x\":\"]\"} ]");
	assert_true(scan_member(&at, &name, &value));
	assert_span(name, "c");
	assert_span(value, "-1e5");
	assert_true(scan_member(&at, &name, &value));
	assert_span(name, "d");
	assert_span(value, "\"\"");
	assert_false(scan_member(&at, &name, &value));
	assert_false(scan_member(&at, &name, &value));

	at = (struct span){ 0 };
	assert_false(scan_member(&at, &name, &value));
	at = checked("{ }");
	assert_false(scan_member(&at, &name, &value));
}

static void
elements_come_in_order(void **state)
{
	static const char *const want[] = { "true", "null", "[[1],2]", "{\"a\":[]}", "\"x\"", "0" };
	struct span at = checked("[true , null,[[1],2], {\"a\":[]},\"x\",0 ]"), value;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(want); i++) {
		assert_true(scan_element(&at, &value));
		assert_span(value, want[i]);
	}
	assert_false(scan_element(&at, &value));
	at = checked("[ ]");
	assert_false(scan_element(&at, &value));
}

static void
names_are_compared_decoded(void **state)
{
	static const struct {
		const char *raw, *literal;
		bool same;
	} rows[] = {
		{ "host", "host", true },
		{ "hos", "host", false },
		{ "hostx", "host", false },
		{ "Host", "host", false },
		{ "", "", true },
		{ "a", "", false },
		{ "", "a", false },
		{ "ho\\u0073t", "host", true },
		{ "\\u0068\\u006f\\u0073\\u0074", "host", true },
		{ "ho\\u0073", "host", false },
		{ "ho\\u0053t", "host", false },
		{ "a\\/b\\\\", "a/b\\", true },
		{ "\xc3\xa9", "\xc3\xa9", true },
		{ "\\u00e9", "\xc3\xa9", true },
		{ "\\u00e9", "\xc3", false },
		{ "\\ud83d\\ude00", "\xf0\x9f\x98\x80", true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		assert_int_equal(scan_name_is(span_of(rows[i].raw), rows[i].literal), rows[i].same);
}

static void
find_refuses_the_second_of_a_name(void **state)
{
	struct span object = checked("{\"a\":{\"b\":1},\"b\":2,\"c\":3,\"\\u0063\":4}"), value;

	(void)state;
	assert_int_equal(scan_find(object, "b", &value), 0);
	assert_span(value, "2");
	assert_int_equal(scan_find(object, "z", &value), 0);
	assert_null(value.p);
	assert_int_equal(scan_find(object, "c", &value), -EEXIST);
}

static void
strings_are_decoded(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "\"\"", "" },
		{ "\"plain\"", "plain" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"a\\u0041b\\u00e9c\\u20acd\"", "aAb\xc3\xa9"
						   "c\xe2\x82\xac"
						   "d" },
		{ "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
		{ "\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		{ "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		    "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
		{ "\"\\u0001\"", "\x01" },
		{ "\"\xc3\xa9\\n\xf0\x9f\x98\x80\"", "\xc3\xa9\n\xf0\x9f\x98\x80" },
	};
	struct buf out = BUF_INIT(64);
	char copy[64];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct span value = checked(rows[i].text), text;

		buf_reset(&out);
		buf_addc(&out, '>');
		assert_int_equal(scan_string(value, &out), 0);
		assert_string_equal(buf_str(&out) + 1, rows[i].want);

		memcpy(copy, value.p, value.n);
		assert_int_equal(
		    scan_string_in_place((struct span){ copy, value.n }, copy, &text), 0);
		assert_span(text, rows[i].want);
		assert_ptr_equal(text.p, copy + 1);
	}
	buf_fini(&out);
}

static void
a_full_buffer_is_reported(void **state)
{
	struct span value = checked("\"12345\"");
	struct buf out = BUF_INIT(4);

	(void)state;
	assert_int_equal(scan_string(value, &out), -EMSGSIZE);
	buf_fini(&out);
	assert_int_equal(scan_compact(value, &out), -EMSGSIZE);
	buf_fini(&out);

	buf_init(&out, 64);
	mem_fail_after(0);
	assert_int_equal(scan_string(value, &out), -ENOMEM);
	buf_fini(&out);
	assert_int_equal(scan_compact(value, &out), -ENOMEM);
	mem_fail_after(-1);
	buf_fini(&out);
	assert_int_equal(mem_live(), 0);
}

static void
integers_keep_every_digit(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t want;
	} rows[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "7", 0, 7 },
		{ "-7", 0, -7 },
		{ "9007199254740993", 0, 9007199254740993 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "-9223372036854775809", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1e0", -EINVAL, 0 },
		{ "\"1\"", -EINVAL, 0 },
		{ "true", -EINVAL, 0 },
		{ "null", -EINVAL, 0 },
		{ "[]", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t v = 0;

		assert_int_equal(scan_int(checked(rows[i].text), &v), rows[i].r);
		assert_true(v == rows[i].want);
	}
}

static void
the_type_of_each_value_is_found(void **state)
{
	static const struct {
		const char *text;
		enum scan_type type;
	} rows[] = {
		{ "null", SCAN_NULL },
		{ "true", SCAN_BOOL },
		{ "false", SCAN_BOOL },
		{ "-1", SCAN_NUMBER },
		{ "0", SCAN_NUMBER },
		{ "\"\"", SCAN_STRING },
		{ "[]", SCAN_ARRAY },
		{ "{}", SCAN_OBJECT },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		assert_int_equal(scan_type(checked(rows[i].text)), rows[i].type);
	assert_true(scan_bool(checked("true")));
	assert_false(scan_bool(checked("false")));
}

static void
compact_drops_only_white_space(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{ \"a b\" : [ 1 ,\t2.50 , 1e+15 ],\r\n\"c\" : \" x \" }",
		    "{\"a b\":[1,2.50,1e+15],\"c\":\" x \"}" },
		{ "{\"n\": 9007199254740993, \"m\": -0.10}",
		    "{\"n\":9007199254740993,\"m\":-0.10}" },
		{ "[ \"\\\" \", \"\\u0041\\/ \\\\\" , {} , [ ] ]",
		    "[\"\\\" \",\"\\u0041\\/ \\\\\",{},[]]" },
		{ "{\"a\": null, \"b\": true}", "{\"a\":null,\"b\":true}" },
	};
	struct buf out = BUF_INIT(256);

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		buf_reset(&out);
		assert_int_equal(scan_compact(checked(rows[i].text), &out), 0);
		assert_string_equal(buf_str(&out), rows[i].want);
	}
	buf_reset(&out);
	assert_int_equal(scan_compact(checked("{\"a\":[\"\\u0000\"]}"), &out), -EILSEQ);
	assert_int_equal(scan_compact(checked("{\"\\ud800\":1}"), &out), -EILSEQ);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

/* Strings are checked and escaped eight bytes at a time: each byte value at each place of one. */
static void
every_byte_is_seen_at_every_place(void **state)
{
	char text[40], want[64];

	(void)state;
	for (size_t n = 1; n <= 20; n++)
		for (size_t at = 0; at < n; at++)
			for (int c = 0; c < 256; c++) {
				bool special = c < ' ' || c == '"' || c == '\\';
				struct buf out = BUF_INIT(1024);
				size_t error_at = 0;
				int r;

				memset(text, 'a', n + 2);
				text[0] = text[n + 1] = '"';
				text[at + 1] = (char)c;
				r = check_n(text, n + 2, SCAN_STRICT, &error_at);
				assert_int_equal(r == 0, !special && c < 0x80);
				if (r < 0 && c != '"' && c != '\\')
					assert_int_equal(error_at, at + 1);
				jtext_escape(&out, (struct span){ text + 1, n });
				(void)snprintf(want, sizeof want, "\\u%04x", (unsigned)c);
				if (!special)
					assert_int_equal(out.len, n);
				else
					assert_true(out.len > n);
				assert_int_equal(memcmp(out.data, text + 1, at), 0);
				if (c < ' ' && !strchr("\b\f\n\r\t", c))
					assert_memory_equal(out.data + at, want, 6);
				if (at < n - 1)
					assert_int_equal(out.data[out.len - 1], 'a');
				buf_fini(&out);
			}
}

static void
walking_and_checking_in_one_pass(void **state)
{
	static const struct {
		const char *text;
		int members, r;
	} rows[] = {
		{ "{}", 0, 0 },
		{ " { } ", 0, 0 },
		{ "{\"a\":1,\"b\":[{}]}", 2, 0 },
		{ " { \"a\" : 1 , \"b\" : null } ", 2, 0 },
		{ "", 0, -EBADMSG },
		{ "[]", 0, -EBADMSG },
		{ "{", 0, -EBADMSG },
		{ "{,}", 0, -EBADMSG },
		{ "{\"a\":1", 1, -EBADMSG },
		{ "{\"a\":1,}", 1, -EBADMSG },
		{ "{\"a\":1 \"b\":2}", 1, -EBADMSG },
		{ "{\"a\":1{\"b\":2}}", 1, -EBADMSG },
		{ "{\"a\":1}}", 1, -EBADMSG },
		{ "{\"a\":1}x", 1, -EBADMSG },
		{ "{\"a\"}", 0, -EBADMSG },
		{ "{\"a\":}", 0, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		size_t n = strlen(rows[i].text);
		char *copy = exact(rows[i].text, n);
		struct span name, value;
		struct scan_walk walk;
		int r = scan_open(&walk, (struct span){ copy, n }, SCAN_STRICT), members = 0;

		while (r >= 0 && (r = scan_next(&walk, &name, &value)) > 0)
			members++;
		if (r != rows[i].r || members != rows[i].members)
			fail_msg("%s: %d, %d members", rows[i].text, r, members);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_is_json),
		cmocka_unit_test(refuses_what_is_not),
		cmocka_unit_test(lenient_lets_two_escapes_pass_and_finds_them_later),
		cmocka_unit_test(depth_has_an_edge),
		cmocka_unit_test(members_come_in_order),
		cmocka_unit_test(elements_come_in_order),
		cmocka_unit_test(names_are_compared_decoded),
		cmocka_unit_test(find_refuses_the_second_of_a_name),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(a_full_buffer_is_reported),
		cmocka_unit_test(integers_keep_every_digit),
		cmocka_unit_test(the_type_of_each_value_is_found),
		cmocka_unit_test(compact_drops_only_white_space),
		cmocka_unit_test(every_byte_is_seen_at_every_place),
		cmocka_unit_test(walking_and_checking_in_one_pass),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
