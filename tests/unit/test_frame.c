/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/frame.h"

#define MAX 8

static void
verdicts_stand_on_both_sides_of_the_cap(void **state)
{
	static const struct {
		const char *data;
		size_t n;
		enum frame_verdict want;
		size_t len, seen;
	} rows[] = {
		{ "", 0, FRAME_MORE, 99, 0 },
		{ "\0", 1, FRAME_READY, 0, 0 },
		{ "a", 1, FRAME_MORE, 99, 1 },
		{ "a\0", 2, FRAME_READY, 1, 0 },
		{ "a\0bc\0", 5, FRAME_READY, 1, 0 },
		{ "12345678", 8, FRAME_MORE, 99, 8 },
		{ "12345678\0", 9, FRAME_READY, 8, 0 },
		{ "123456789", 9, FRAME_TOO_LONG, 99, 9 },
		{ "123456789\0", 10, FRAME_TOO_LONG, 99, 9 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t seen = 0, len = 99;
		char *copy = malloc(rows[i].n ? rows[i].n : 1);

		memcpy(copy, rows[i].data, rows[i].n);
		assert_int_equal(frame_cut(copy, rows[i].n, MAX, &seen, &len), rows[i].want);
		assert_int_equal(len, rows[i].len);
		assert_int_equal(seen, rows[i].seen);
		free(copy);
	}
}

static void
one_byte_at_a_time_is_searched_once(void **state)
{
	static const char data[] = "abcdef";
	size_t seen = 0, len;

	(void)state;
	for (size_t n = 1; n < sizeof data; n++) {
		assert_int_equal(frame_cut(data, n, MAX, &seen, &len), FRAME_MORE);
		assert_int_equal(seen, n);
	}
	assert_int_equal(frame_cut(data, sizeof data, MAX, &seen, &len), FRAME_READY);
	assert_int_equal(len, 6);
	assert_int_equal(seen, 0);

	/* Bytes that *seen covers are not searched again. */
	seen = 2;
	assert_int_equal(frame_cut("a\0b", 3, MAX, &seen, &len), FRAME_MORE);
	assert_int_equal(seen, 3);
	assert_int_equal(frame_cut("a\0b", 3, MAX, &seen, &len), FRAME_MORE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_stand_on_both_sides_of_the_cap),
		cmocka_unit_test(one_byte_at_a_time_is_searched_once),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
