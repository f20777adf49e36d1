/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/scan: the search for secret values in every form, against a search that tries every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/mem.h"
#include "ctl/scan/needles.h"

static struct needles *
needles_of(size_t n, const char *const value[])
{
	struct needles *needles;

	assert_int_equal(needles_new(&needles), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(needles_add(needles, (uint32_t)i, span_of(value[i])), 0);
	assert_int_equal(needles_finish(needles), 0);
	return needles;
}

static void
each_form_is_found(void **state)
{
	static const struct {
		const char *value, *text;
		enum needle_form form;
	} rows[] = {
		{ "p@ss w/rd\"\xc3\xa4", "xx p@ss w/rd\"\xc3\xa4 yy", NEEDLE_PLAIN },
		/* printf 'p@ss w/rd"ä' | base64, with nothing, "x" and "xy" before it */
		{ "p@ss w/rd\"\xc3\xa4", "cEBzcyB3L3JkIsOk", NEEDLE_BASE64 },
		{ "p@ss w/rd\"\xc3\xa4", "eHBAc3Mgdy9yZCLDpHo=", NEEDLE_BASE64 },
		{ "p@ss w/rd\"\xc3\xa4", "eHlwQHNzIHcvcmQiw6R6eg==", NEEDLE_BASE64 },
		{ "\xc3\xbf\xc3\xbf\xc3\xbf\xc3\xbf", "w7_Dv8O_w78", NEEDLE_BASE64 },
		{ "p@ss w/rd\"\xc3\xa4", "u=p%40ss%20w%2Frd%22%C3%A4&", NEEDLE_URL },
		{ "p@ss w/rd\"\xc3\xa4", "u=p%40ss%20w%2frd%22%c3%a4&", NEEDLE_URL },
		{ "p@ss w/rd\"\xc3\xa4", "u=p%40ss%20w/rd%22%C3%A4&", NEEDLE_URL },
		{ "p@ss w/rd\"\xc3\xa4", "u=p%40ss+w%2Frd%22%C3%A4&", NEEDLE_URL },
		{ "p@ss w/rd\"\xc3\xa4", "\"p@ss w/rd\\\"\xc3\xa4\"", NEEDLE_JSON },
		{ "p@ss w/rd\"\xc3\xa4", "\"p@ss w/rd\\\"\\u00e4\"", NEEDLE_JSON },
		{ "key: \xf0\x9f\x94\x91", "key: \\ud83d\\udd11", NEEDLE_JSON },
		{ "  surrounded\n", "x=surrounded;", NEEDLE_PLAIN },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct needles *n = needles_of(1, &rows[i].value);
		struct needle_match m;

		if (!needles_find(n, span_of(rows[i].text), 0, &m))
			fail_msg("not found: %s", rows[i].text);
		assert_int_equal(m.needle->form, rows[i].form);
		needles_free(n);
	}
}

static void
values_below_eight_bytes_are_refused(void **state)
{
	struct needles *n;

	(void)state;
	assert_int_equal(needles_new(&n), 0);
	assert_int_equal(needles_add(n, 0, SPAN_LITERAL("1234567")), 1);
	assert_int_equal(needles_add(n, 0, SPAN_LITERAL(" 1234567 \n")), 1);
	assert_int_equal(needles_finish(n), 0);
	assert_int_equal(needles_count(n), 0);
	assert_int_equal(needles_cut(n, SPAN_LITERAL("1234567"), 0), 7);
	needles_free(n);
}

static void
a_value_of_several_keys_is_reported_for_each(void **state)
{
	static const char *const value[] = { "the same value", "another value", "the same value" };
	struct needles *n = needles_of(3, value);
	struct needle_match m;

	(void)state;
	assert_true(needles_find(n, SPAN_LITERAL("x the same value"), 0, &m));
	assert_int_equal(m.at, 2);
	assert_int_equal(m.n, 2);
	assert_int_equal(m.needle[0].owner, 0);
	assert_int_equal(m.needle[1].owner, 2);
	needles_free(n);
}

static void
a_long_value_is_found_by_each_of_its_pieces(void **state)
{
	size_t length = 3 * NEEDLE_PIECE + 100;
	char *value = mem_alloc(length + 1);
	const char *values[] = { value };
	struct needle_match m;
	struct needles *n;
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < length; i++)
		value[i] = (char)('a' + (i * i + i / 26) % 26);
	value[length] = '\0';
	n = needles_of(1, values);
	for (size_t at = 0; needles_find(n, span_of(value), at, &m); at = m.at + m.length) {
		assert_int_equal(m.at, found * NEEDLE_PIECE);
		found++;
	}
	assert_int_equal(found, 4);
	needles_free(n);
	mem_free(value);
}

/* --- against a search that tries everything -------------------------------------------- */

#define VALUES 12
#define TEXT   400

/* Numbers below n that are the same in every run. */
static size_t
drawn(size_t n)
{
	static uint64_t state = 7;

	state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return (size_t)(state >> 33) % n;
}

static void
draw(char *out, size_t n)
{
	/* Two letters, so that values overlap, repeat and begin with one another. */
	for (size_t i = 0; i < n; i++)
		out[i] = drawn(8) ? 'a' : 'b';
	out[n] = '\0';
}

/* The length of the longest value that text begins with at `at`; 0: none. */
static size_t
longest_value(const char *text, size_t at, char value[VALUES][32])
{
	size_t best = 0;

	for (size_t v = 0; v < VALUES; v++) {
		size_t n = strlen(value[v]);

		if (n > best && strncmp(text + at, value[v], n) == 0)
			best = n;
	}
	return best;
}

/* Where the first value begins that the end of the text cuts. */
static size_t
first_cut(const char *text, char value[VALUES][32])
{
	size_t n = strlen(text);

	for (size_t at = 0; at < n; at++)
		for (size_t v = 0; v < VALUES; v++)
			if (strlen(value[v]) > n - at && strncmp(text + at, value[v], n - at) == 0)
				return at;
	return n;
}

static void
it_finds_what_a_search_of_every_place_finds(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		char value[VALUES][32], text[TEXT + 1];
		const char *values[VALUES];
		struct needle_match m = { 0 };
		struct needles *n;
		size_t from = 0;

		for (size_t v = 0; v < VALUES; v++) {
			draw(value[v], 8 + drawn(16));
			values[v] = value[v];
		}
		draw(text, TEXT);
		n = needles_of(VALUES, values);
		for (size_t at = 0; at < TEXT; at++) {
			size_t want = longest_value(text, at, value);

			if (!want)
				continue;
			assert_true(needles_find(n, span_of(text), from, &m));
			assert_int_equal(m.at, at);
			assert_int_equal(m.length, want);
			from = at + 1;
		}
		assert_false(needles_find(n, span_of(text), from, &m));
		assert_int_equal(needles_cut(n, span_of(text), 0), first_cut(text, value));
		needles_free(n);
	}
}

static int
all_memory_is_freed(void **state)
{
	(void)state;
	assert_int_equal(mem_live(), 0);
	return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, all_memory_is_freed)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_form_is_found),
		TEST(values_below_eight_bytes_are_refused),
		TEST(a_value_of_several_keys_is_reported_for_each),
		TEST(a_long_value_is_found_by_each_of_its_pieces),
		TEST(it_finds_what_a_search_of_every_place_finds),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
