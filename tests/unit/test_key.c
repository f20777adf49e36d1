/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/key, core/kind, core/team: which texts are keys, what is shown of others, and which team
 * they belong to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/attr.h"
#include "base/key.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/kind.h"
#include "core/team.h"
#include "tests/unit/check.h"

#define URI "postgres://u:s3cret@h/db"

static void
each_kind_has_its_set_of_characters(void **state)
{
	static const struct {
		const char *key;
		bool conn, variable, env;
	} rows[] = {
		{ "", false, false, false },
		{ "warehouse", true, true, true },
		{ "_x9", true, true, true },
		{ "9x", true, true, false },
		{ "a-b.c:d/e\\f#g!(h)", true, true, false },
		{ "a b", false, true, false },
		{ "a@b", false, true, false },
		{ "a\tb", false, false, false },
		{ "a\"b", false, true, false },
		{ "\xc3\xa4", false, true, false },
		{ URI, false, false, false },
		{ "http://host", false, false, false },
		{ "{\"conn_type\": \"http\"}", false, false, false },
		{ " \n[1]", false, false, false },
		{ "a{b}", false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct span key = span_of(rows[i].key);

		if (kind_may_have_key(KIND_CONNECTION, key) != rows[i].conn ||
		    kind_may_have_key(KIND_VARIABLE, key) != rows[i].variable ||
		    kind_may_have_key(KIND_ENV, key) != rows[i].env)
			fail_msg("row %zu", i);
	}
	assert_false(kind_may_have_key(KIND_VARIABLE, (struct span){ 0 }));
}

static void
a_name_has_at_most_250_characters(void **state)
{
	char text[2 * LIMIT_KEY + 2];

	(void)state;
	memset(text, 'a', sizeof text);
	assert_true(key_is_conn_id((struct span){ text, LIMIT_KEY }));
	assert_false(key_is_conn_id((struct span){ text, LIMIT_KEY + 1 }));
	for (size_t i = 0; i < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	assert_true(key_is_variable_name((struct span){ text, 2 * LIMIT_KEY }));
	assert_false(key_is_variable_name((struct span){ text, 2 * LIMIT_KEY + 2 }));
}

static void
of_other_text_only_its_form_is_shown(void **state)
{
	static const struct {
		const char *key, *want;
	} rows[] = {
		{ URI, "postgres://..." },
		{ "google-cloud+x.y://a", "google-cloud+x.y://..." },
		{ "s3cr3t p@ss://x", "..." },
		{ "://x", "://..." },
		{ "{\"password\": \"x\"}", "{..." },
		{ "  [\"x\"]", "[..." },
		{ "s3cr3t p@ss", "..." },
		{ "", "..." },
		{ "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz://x", "..." },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct buf b = BUF_INIT(256);

		key_shorten(&b, span_of(rows[i].key));
		assert_string_equal(buf_str(&b), rows[i].want);
		buf_fini(&b);
	}
	assert_int_equal(mem_live(), 0);
}

static void
a_text_that_two_teams_spell_belongs_to_none(void **state)
{
	static const struct {
		const char *team, *key, *want; /* NULL: absent */
	} rows[] = {
		{ "red", "x", "red___x" },
		{ "red", "_x", NULL },    /* also red_ and x */
		{ "red_", "x", NULL },    /* also red and _x */
		{ "red", "a___b", NULL }, /* also red___a and b */
		{ "red___a", "b", NULL },
		{ "red__", "x", NULL },
		{ "a_b", "c_d", "a_b___c_d" },
		{ "_", "x", "____x" }, /* "" is not a team */
		{ "x", "_", "x____" }, /* "" is not a key */
		{ "red", "", "red___" },
		{ NULL, "x", NULL },
		{ "", "x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char room[GENERATION_MAX_KEY];
		struct span own = team_key(span_of(rows[i].team), span_of(rows[i].key), room);

		if (rows[i].want ? !span_is(own, rows[i].want) : own.p != NULL)
			fail_msg("row %zu", i);
	}
}

static void
a_teams_key_is_as_long_as_a_key_may_be_and_no_longer(void **state)
{
	char text[GENERATION_MAX_KEY], room[GENERATION_MAX_KEY];
	struct span team = SPAN_LITERAL("red"), own;

	(void)state;
	memset(text, 'a', sizeof text);
	own = team_key(team, (struct span){ text, GENERATION_MAX_KEY - 6 }, room);
	assert_int_equal(own.n, GENERATION_MAX_KEY);
	own = team_key(team, (struct span){ text, GENERATION_MAX_KEY - 5 }, room);
	assert_null(own.p);
}

/* Tries every split of a text. */
static size_t
n_splits(const char *text, size_t n)
{
	size_t splits = 0;

	for (size_t i = 1; i + 3 < n; i++)
		splits += memcmp(text + i, "___", 3) == 0;
	return splits;
}

static void
ambiguity_is_what_trying_every_split_finds(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 1u << 14; bits++) {
		char text[14];

		for (size_t i = 0; i < sizeof text; i++)
			text[i] = bits & 1u << i ? '_' : 'a';
		for (size_t n = 0; n <= sizeof text; n++)
			if (team_is_ambiguous((struct span){ text, n }) != (n_splits(text, n) > 1))
				fail_msg("%.*s", (int)n, text);
	}
}

static void
kinds_have_prefixes(void **state)
{
	enum record_kind kind = KIND_CONNECTION;

	(void)state;
	assert_string_equal(kind_split("env:A", &kind), "A");
	assert_int_equal(kind, KIND_ENV);
	assert_string_equal(kind_split("var:", &kind), "");
	assert_int_equal(kind, KIND_VARIABLE);
	assert_null(kind_split("con:a", &kind));
	assert_string_equal(kind_prefix(KIND_CONNECTION), "conn:");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_set_of_characters),
		cmocka_unit_test(a_name_has_at_most_250_characters),
		cmocka_unit_test(of_other_text_only_its_form_is_shown),
		cmocka_unit_test(a_text_that_two_teams_spell_belongs_to_none),
		cmocka_unit_test(a_teams_key_is_as_long_as_a_key_may_be_and_no_longer),
		cmocka_unit_test(ambiguity_is_what_trying_every_split_finds),
		cmocka_unit_test(kinds_have_prefixes),
	};

	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
