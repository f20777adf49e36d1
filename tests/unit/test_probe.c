/* SPDX-License-Identifier: Apache-2.0 */
/* core/probe: which of the missing keys is probed, and that many of them cost little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "core/probe.h"

#define NOW 1000

static struct probes probes;

static bool
note(int64_t now_ms, const char *key)
{
	return probes_note(&probes, now_ms, KIND_CONNECTION, span_of(key));
}

/* The next key to probe, or "". */
static const char *
take(int64_t now_ms)
{
	static char text[GENERATION_MAX_KEY + 1];
	enum record_kind kind;
	struct span key;

	if (!probes_take(&probes, now_ms, &kind, &key))
		return "";
	snprintf(text, sizeof text, "%.*s", (int)key.n, key.p);
	return text;
}

static void
the_newest_goes_first_and_once(void **state)
{
	(void)state;
	probes_init(&probes);
	assert_false(probes_wait(&probes));
	assert_string_equal(take(NOW), "");
	assert_true(note(NOW, "a"));
	assert_false(note(NOW, "b"));
	assert_false(note(NOW, "a")); /* again: it is the newest now */
	assert_string_equal(take(NOW), "a");
	assert_string_equal(take(NOW), "b");
	assert_false(probes_wait(&probes));
	assert_false(note(NOW + PROBE_AGAIN_MS - 1, "a"));
	assert_false(probes_wait(&probes));
	assert_true(note(NOW + PROBE_AGAIN_MS, "a"));
	assert_false(note(NOW + PROBE_AGAIN_MS, "c"));
	assert_false(note(NOW + PROBE_AGAIN_MS, "b"));
	assert_string_equal(take(NOW + PROBE_AGAIN_MS), "c"); /* never probed before */
	assert_string_equal(take(NOW + PROBE_AGAIN_MS), "b");
	assert_string_equal(take(NOW + PROBE_AGAIN_MS), "a");
}

static void
kinds_are_separate(void **state)
{
	enum record_kind kind;
	struct span key;

	(void)state;
	probes_init(&probes);
	assert_true(note(NOW, "x"));
	assert_false(probes_note(&probes, NOW, KIND_VARIABLE, span_of("x")));
	assert_true(probes_take(&probes, NOW, &kind, &key));
	assert_int_equal(kind, KIND_VARIABLE);
	assert_true(probes_take(&probes, NOW, &kind, &key));
	assert_int_equal(kind, KIND_CONNECTION);
}

static void
only_keys_that_can_be_are_noted(void **state)
{
	char key[GENERATION_MAX_KEY + 2];

	(void)state;
	probes_init(&probes);
	memset(key, 'k', sizeof key);
	assert_false(probes_note(&probes, NOW, KIND_ENV, (struct span){ "", 0 }));
	assert_false(probes_note(&probes, NOW, KIND_ENV, (struct span){ 0 }));
	assert_false(
	    probes_note(&probes, NOW, KIND_ENV, (struct span){ key, GENERATION_MAX_KEY + 1 }));
	assert_false(probes_wait(&probes));
	assert_true(probes_note(&probes, NOW, KIND_ENV, (struct span){ key, GENERATION_MAX_KEY }));
}

static void
a_list_settles_what_was_missed_before_it(void **state)
{
	uint64_t before;

	(void)state;
	probes_init(&probes);
	(void)note(NOW, "early");
	before = probes.misses;
	(void)note(NOW, "late");
	probes_settle(&probes, before);
	assert_string_equal(take(NOW), "late");
	assert_string_equal(take(NOW), "");
	assert_true(note(NOW, "early")); /* not probed: a list has settled it */
}

/* A million unknown keys and as many probes as allowed: each key at most once. */
static void
a_storm_is_bounded(void **state)
{
	char key[32];
	size_t n = 0;

	(void)state;
	probes_init(&probes);
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(key, sizeof key, "unknown_%u", i);
		(void)note(NOW + i / 1000, key);
		if (i % 10 == 0)
			n += *take(NOW + i / 1000) != '\0';
	}
	assert_int_equal(n, PROBE_REMEMBERED); /* no more can be remembered */
	assert_true(probes_wait(&probes));
	assert_string_equal(take(NOW + PROBE_AGAIN_MS - 1), "");
	assert_string_equal(take(NOW + PROBE_AGAIN_MS), "unknown_99999");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_goes_first_and_once),
		cmocka_unit_test(kinds_are_separate),
		cmocka_unit_test(only_keys_that_can_be_are_noted),
		cmocka_unit_test(a_list_settles_what_was_missed_before_it),
		cmocka_unit_test(a_storm_is_bounded),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
