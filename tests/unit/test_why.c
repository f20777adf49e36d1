/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/why.h"

/* A text of n bytes: n - strlen(tail) letters, then tail. */
static const char *
text_of(size_t n, const char *tail)
{
	static char text[2 * WHY_SIZE];

	memset(text, 'x', n - strlen(tail));
	(void)strcpy(text + n - strlen(tail), tail);
	return text;
}

static void
test_why_set_replaces_the_text(void **state)
{
	struct why why;

	(void)state;
	why_set(&why, "%s: %s", "/etc/connd/key", "permission denied");
	assert_string_equal(why.text, "/etc/connd/key: permission denied");
	why_set(&why, "%d", 7);
	assert_string_equal(why.text, "7");
}

static void
test_why_add_appends(void **state)
{
	struct why why = { "row 3: " };

	(void)state;
	why_add(&why, "%s", "not a number");
	why_add(&why, "; expected %d to %d", 1, 9);
	assert_string_equal(why.text, "row 3: not a number; expected 1 to 9");
}

static void
test_the_longest_text_is_kept_and_a_longer_one_is_cut(void **state)
{
	struct why why;

	(void)state;
	why_set(&why, "%s", text_of(WHY_SIZE - 1, "end"));
	assert_string_equal(why.text, text_of(WHY_SIZE - 1, "end"));
	why_add(&why, "more");
	assert_string_equal(why.text, text_of(WHY_SIZE - 1, "end"));
	why_set(&why, "%s", text_of(WHY_SIZE, "end"));
	assert_string_equal(why.text, text_of(WHY_SIZE - 1, "en"));
}

static void
test_a_cut_does_not_split_a_character(void **state)
{
	struct why why;

	(void)state;
	why_set(&why, "%s", text_of(WHY_SIZE, "\u20ac")); /* three bytes, of which two fit */
	assert_int_equal(strlen(why.text), WHY_SIZE - 3);
	assert_string_equal(why.text, text_of(WHY_SIZE - 3, ""));
	why_set(&why, "%s", text_of(WHY_SIZE - 1, "\u20ac"));
	assert_int_equal(strlen(why.text), WHY_SIZE - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why_set_replaces_the_text),
		cmocka_unit_test(test_why_add_appends),
		cmocka_unit_test(test_the_longest_text_is_kept_and_a_longer_one_is_cut),
		cmocka_unit_test(test_a_cut_does_not_split_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
