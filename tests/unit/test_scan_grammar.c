/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that are JSON by RFC 8259, and texts that only look like it, in the cases where parsers are
 * known to differ. Where the RFC leaves a choice, the tests state that of scan.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json/scan.h"
#include "base/limits.h"

#define TEXT(s)                                                                                    \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}

struct text {
	const char *p;
	size_t n;
};

static const struct text good[] = {
	/* Any value may stand alone. */
	TEXT("null"),
	TEXT("true"),
	TEXT("false"),
	TEXT("0"),
	TEXT("\"\""),
	TEXT("[]"),
	TEXT("{}"),
	/* White space is these four, around every token. */
	TEXT(" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"),
	TEXT("{ \"a\" : 1 }"),
	/* Numbers. */
	TEXT("-0"),
	TEXT("-0.0"),
	TEXT("0e1"),
	TEXT("0e+1"),
	TEXT("0E-1"),
	TEXT("1E22"),
	TEXT("-123"),
	TEXT("20e1"),
	TEXT("123.456e-789"),
	TEXT("0.00000000000000000001"),
	TEXT("123123123123123123123123123123"),
	TEXT("1e9999"),
	TEXT("-1e-9999"),
	TEXT("-9223372036854775808"),
	TEXT("18446744073709551616"),
	/* Strings: every escape, characters of each length, and what may stand bare. */
	TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	TEXT("\"\\u0041\\u00e9\\u20aC\""),
	TEXT("\"\\ud83d\\ude39\\ud834\\udd1e\""),
	TEXT("\"\\udbff\\udfff\""),
	TEXT("\"\\u0001\""),
	TEXT("\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\""),
	TEXT("\"\x7f\""),
	TEXT("\"/\""),
	TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
	TEXT("\"\xef\xbf\xbf\""),
	TEXT("\"\xf4\x8f\xbf\xbf\""),
	TEXT("\"\xef\xbb\xbf\""),
	TEXT("\"\\ufeff\""),
	TEXT("\"\\\\u0000\""),
	TEXT("\"'#,:[]{}\""),
	/*
	 * Objects and arrays. A name may be empty or escaped. The grammar allows duplicate names.
	 */
	TEXT("{\"\":0}"),
	TEXT("{\"a\":{\"b\":[]},\"c\":{}}"),
	TEXT("{\"a\":1,\"a\":2}"),
	TEXT("{\"\\u0061\":[[],[[]],{}]}"),
	TEXT("[null,1,\"1\",{}]"),
	TEXT("[[[[[]]]]]"),
};

static const struct text bad[] = {
	/* No value, or more than one. */
	TEXT(""),
	TEXT(" "),
	TEXT("1 2"),
	TEXT("[]{}"),
	TEXT("[1]x"),
	TEXT("{}}"),
	TEXT("[]]"),
	TEXT("null,"),
	TEXT("\"\"\"\""),
	TEXT("{} #"),
	TEXT("{} // a"),
	TEXT("{}/**/"),
	TEXT("/**/{}"),
	/* Words. */
	TEXT("nul"),
	TEXT("nulll"),
	TEXT("True"),
	TEXT("NULL"),
	TEXT("tru"),
	TEXT("fals"),
	TEXT("[nul]"),
	TEXT("NaN"),
	TEXT("nan"),
	TEXT("Infinity"),
	TEXT("-Infinity"),
	TEXT("undefined"),
	TEXT("a"),
	TEXT("[\xe2\x82\xac]"),
	TEXT("*"),
	TEXT("<null>"),
	TEXT("<.>"),
	TEXT("$"),
	TEXT("@"),
	/* Numbers. */
	TEXT("+1"),
	TEXT("++1"),
	TEXT("--1"),
	TEXT("-"),
	TEXT("- 1"),
	TEXT("-a"),
	TEXT("01"),
	TEXT("-01"),
	TEXT("00"),
	TEXT("012"),
	TEXT("-012"),
	TEXT(".5"),
	TEXT("-.5"),
	TEXT("1."),
	TEXT("-1."),
	TEXT("1.e1"),
	TEXT("0.e1"),
	TEXT("1.2.3"),
	TEXT("1e"),
	TEXT("1e+"),
	TEXT("1E-"),
	TEXT("1eE2"),
	TEXT("0e+-1"),
	TEXT("0.3e"),
	TEXT("1.0e+"),
	TEXT("1e1.5"),
	TEXT("0x1F"),
	TEXT("0b1"),
	TEXT("1_000"),
	TEXT("1 000.0"),
	TEXT("1,000"),
	TEXT("1a"),
	TEXT("1e1a"),
	TEXT("-1x"),
	TEXT("1f"),
	TEXT("1+2"),
	TEXT("\xef\xbc\x91"),
	TEXT("[-]"),
	TEXT("[1.]"),
	/* Strings. */
	TEXT("\""),
	TEXT("\"a"),
	TEXT("a\""),
	TEXT("'a'"),
	TEXT("\"\\\""),
	TEXT("\"\\"),
	TEXT("\"\\a\""),
	TEXT("\"\\x41\""),
	TEXT("\"\\0\""),
	TEXT("\"\\'\""),
	TEXT("\"\\U0041\""),
	TEXT("\"\\\xc3\xa9\""),
	TEXT("\"\\ \""),
	TEXT("\"\\\n\""),
	TEXT("\"\\u\""),
	TEXT("\"\\u1\""),
	TEXT("\"\\u12\""),
	TEXT("\"\\u123\""),
	TEXT("\"\\u123g\""),
	TEXT("\"\\u 123\""),
	TEXT("\"\\u+123\""),
	TEXT("\"\n\""),
	TEXT("\"\t\""),
	TEXT("\"\r\""),
	TEXT("\"\x1f\""),
	TEXT("\"\0\""),
	TEXT("\"a\0b\""),
	TEXT("`a`"),
	TEXT("\xe2\x80\x9c"
	     "a\xe2\x80\x9d"),
	TEXT("\"\" \"\""),
	TEXT("\\u0022a\""),
	/*
	 * Strings that are not UTF-8: truncated, stray bytes, overlong, surrogates, too high, other
	 * codes.
	 */
	TEXT("\"\xe2\x82\""),
	TEXT("\"\xf0\x9d\x84\""),
	TEXT("\"\x80\""),
	TEXT("\"\xbf\xbf\""),
	TEXT("\"\xc0\xaf\""),
	TEXT("\"\xc1\xbf\""),
	TEXT("\"\xe0\x80\xaf\""),
	TEXT("\"\xe0\x9f\xbf\""),
	TEXT("\"\xf0\x80\x80\x80\""),
	TEXT("\"\xf0\x8f\xbf\xbf\""),
	TEXT("\"\xed\xa0\x80\""),
	TEXT("\"\xed\xbf\xbf\""),
	TEXT("\"\xf4\x90\x80\x80\""),
	TEXT("\"\xf5\x80\x80\x80\""),
	TEXT("\"\xfe\""),
	TEXT("\"\xff\""),
	TEXT("\"\xe9\""),
	TEXT("\"\xc3\""),
	TEXT("\"\xc3\x28\""),
	TEXT("\"\0a\0\""),
	TEXT("\xff\xfe\"\0\"\0"),
	TEXT("\xfe\xff\0\"\0\""),
	/*
	 * A byte order mark is not white space, though the RFC lets a reader skip it; nor is this.
	 */
	TEXT("\xef\xbb\xbf{}"),
	TEXT("\xef\xbb\xbf"),
	TEXT("[\x0c]"),
	TEXT("[\x0b]"),
	TEXT("[\xc2\xa0]"),
	TEXT("[\xe2\x81\xa0]"),
	TEXT("[\xe2\x80\xa8]"),
	TEXT("\0"),
	TEXT("[]\0"),
	TEXT("[\0]"),
	TEXT("\x1b"),
	/* Escapes that the grammar allows and text cannot contain: U+0000 and a lone surrogate. */
	TEXT("\"\\u0000\""),
	TEXT("{\"\\u0000\":1}"),
	TEXT("\"\\ud800\""),
	TEXT("\"\\udc00\""),
	TEXT("\"\\ud800\\ud800\""),
	TEXT("\"\\udc00\\ud800\""),
	TEXT("\"\\ud800a\""),
	TEXT("\"\\ud800\\n\""),
	TEXT("\"\\ud800\\u0041\""),
	TEXT("\"\\ud800\\\""),
	TEXT("\"\\ud800\\udc0\""),
	/* Arrays. */
	TEXT("["),
	TEXT("]"),
	TEXT("[["),
	TEXT("[1"),
	TEXT("[1,"),
	TEXT("[,]"),
	TEXT("[,1]"),
	TEXT("[1,]"),
	TEXT("[1,,2]"),
	TEXT("[1,,]"),
	TEXT("[1 2]"),
	TEXT("[1:2]"),
	TEXT("[1;2]"),
	TEXT("[\"a\" true]"),
	TEXT("[1}"),
	TEXT("[1,\n2\n,"),
	TEXT("[{}"),
	TEXT("[3[4]]"),
	TEXT("[\"a\\f\"\\n]"),
	TEXT("[,\"\"]"),
	TEXT("(1)"),
	TEXT("[(]"),
	/* Objects. */
	TEXT("{"),
	TEXT("}"),
	TEXT("{\"a\""),
	TEXT("{\"a\":"),
	TEXT("{\"a\":1"),
	TEXT("{\"a\"}"),
	TEXT("{\"a\":}"),
	TEXT("{:1}"),
	TEXT("{\"a\" 1}"),
	TEXT("{\"a\"::1}"),
	TEXT("{\"a\":1:2}"),
	TEXT("{\"a\",1}"),
	TEXT("{\"a\":1,}"),
	TEXT("{\"a\":1,,}"),
	TEXT("{,}"),
	TEXT("{,\"a\":1}"),
	TEXT("{\"a\":1,,\"b\":2}"),
	TEXT("{\"a\":1 \"b\":2}"),
	TEXT("{\"a\":1;\"b\":2}"),
	TEXT("{\"a\"=1}"),
	TEXT("{\"a\"=>1}"),
	TEXT("{a:1}"),
	TEXT("{'a':1}"),
	TEXT("{1:1}"),
	TEXT("{null:1}"),
	TEXT("{true:1}"),
	TEXT("{[]:1}"),
	TEXT("{{}:1}"),
	TEXT("{\"a\":1]"),
	TEXT("{\"a\":[1}"),
	TEXT("{\"a\":\"b\"}/"),
	TEXT("{\"a\":/**/1}"),
	TEXT("{\"a\":1 //b\n}"),
	TEXT("{\"a\":1}#"),
	TEXT("{\"a\" \"b\"}"),
	TEXT("{[\"a\":1]}"),
	TEXT("{a: b}"),
};

static void
json_is_accepted(void **state)
{
	struct span value;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		struct span text = { good[i].p, good[i].n };

		if (scan_check(text, SCAN_STRICT, &value, NULL) != 0)
			fail_msg("refused: %s", good[i].p);
		if (scan_check(text, SCAN_LENIENT, &value, NULL) != 0)
			fail_msg("refused when lenient: %s", good[i].p);
	}
}

static void
what_only_looks_like_json_is_refused_at_an_offset_within_it(void **state)
{
	struct span value;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		struct span text = { bad[i].p, bad[i].n };
		size_t at = SIZE_MAX;

		if (scan_check(text, SCAN_STRICT, &value, &at) != -EBADMSG)
			fail_msg("accepted: %s (row %zu)", bad[i].p, i);
		assert_true(at <= bad[i].n);
	}
}

/* What SCAN_LENIENT accepts, so that one row does not refuse the whole list. */
static void
lenient_differs_in_escapes_alone(void **state)
{
	struct span value;
	size_t accepted = 0;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		struct span text = { bad[i].p, bad[i].n };

		if (scan_check(text, SCAN_LENIENT, &value, NULL) != 0)
			continue;
		accepted++;
		assert_true(strstr(bad[i].p, "\\u0000") || strstr(bad[i].p, "\\ud800") ||
			    strstr(bad[i].p, "\\udc00"));
	}
	assert_int_equal(accepted, 9);
}

static void
depth_is_bounded_and_length_is_not_the_stack(void **state)
{
	static char deep[100000];
	struct span value;

	(void)state;
	for (size_t depth = 1; depth < 2 * LIMIT_JSON_DEPTH; depth++) {
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		assert_int_equal(
		    scan_check((struct span){ deep, 2 * depth }, SCAN_STRICT, &value, NULL),
		    depth <= LIMIT_JSON_DEPTH ? 0 : -ELOOP);
	}
	memset(deep, '[', sizeof deep);
	assert_int_equal(
	    scan_check((struct span){ deep, sizeof deep }, SCAN_STRICT, &value, NULL), -ELOOP);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_accepted),
		cmocka_unit_test(what_only_looks_like_json_is_refused_at_an_offset_within_it),
		cmocka_unit_test(lenient_differs_in_escapes_alone),
		cmocka_unit_test(depth_is_bounded_and_length_is_not_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
