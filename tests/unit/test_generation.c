/* SPDX-License-Identifier: Apache-2.0 */
/* core/generation: building, finding, listing, comparing, held values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "core/generation.h"
#include "tests/unit/check.h"

#define MAX_BYTES (64 << 20)

static void
kinds_are_separate_and_sorted_by_bytes(void **state)
{
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);
	struct generation *g;
	const struct record *r;

	(void)state;
	add(b, KIND_VARIABLE, RECORD_VALUE, "b", "\"2\"");
	add(b, KIND_CONNECTION, RECORD_VALUE, "b", "\"1\"");
	add(b, KIND_CONNECTION, RECORD_INVALID, "a/b", "host");
	add(b, KIND_CONNECTION, RECORD_VALUE, "a", "\"\"");
	add(b, KIND_CONNECTION, RECORD_WITHHELD, "é", "[\"password\"]");
	add(b, KIND_CONNECTION, RECORD_VALUE, "a-b", "\"3\"");
	g = finish(b);

	assert_int_equal(generation_count(g, KIND_CONNECTION), 5);
	assert_int_equal(generation_count(g, KIND_VARIABLE), 1);
	assert_int_equal(generation_count(g, KIND_ENV), 0);
	assert_int_equal(generation_key_bytes(g, KIND_CONNECTION), strlen("a"
									  "a-b"
									  "a/b"
									  "b"
									  "é"));
	assert_int_equal(generation_key_bytes(g, KIND_ENV), 0);
	assert_int_equal(generation_count_state(g, RECORD_VALUE), 4);
	assert_int_equal(generation_count_state(g, RECORD_WITHHELD), 1);
	assert_int_equal(generation_count_state(g, RECORD_INVALID), 1);
	assert_span(generation_at(g, KIND_CONNECTION, 0)->key, "a");
	assert_span(generation_at(g, KIND_CONNECTION, 1)->key, "a-b");
	assert_span(generation_at(g, KIND_CONNECTION, 2)->key, "a/b");
	assert_span(generation_at(g, KIND_CONNECTION, 3)->key, "b");
	assert_span(generation_at(g, KIND_CONNECTION, 4)->key, "é");
	assert_span(generation_at(g, KIND_VARIABLE, 0)->text, "\"2\"");

	r = generation_find(g, KIND_CONNECTION, span_of("b"));
	assert_span(r->text, "\"1\"");
	assert_int_equal(r->state, RECORD_VALUE);
	assert_null(r->held);
	assert_null(generation_find(g, KIND_ENV, span_of("b")));
	assert_null(generation_find(g, KIND_CONNECTION, span_of("B")));
	assert_null(generation_find(g, KIND_CONNECTION, span_of("")));
	generation_unref(g);
}

static void
an_empty_one_is_fine(void **state)
{
	struct generation *g = finish(builder(ARENA_LOCK_PREFER));

	(void)state;
	assert_int_equal(generation_count(g, KIND_CONNECTION), 0);
	assert_null(generation_find(g, KIND_CONNECTION, span_of("x")));
	assert_true(generation_equal(g, g));
	generation_unref(g);
}

static void
what_does_not_belong_is_refused(void **state)
{
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);
	char key[GENERATION_MAX_KEY + 1];

	(void)state;
	memset(key, 'k', sizeof key);
	add(b, KIND_CONNECTION, RECORD_VALUE, "x", "\"\"");
	assert_int_equal(generation_builder_add(
			     b, KIND_CONNECTION, RECORD_INVALID, span_of("x"), span_of("host")),
	    -EEXIST);
	add(b, KIND_VARIABLE, RECORD_VALUE, "x", "\"\"");
	assert_int_equal(generation_builder_add(b, KIND_ENV, RECORD_VALUE,
			     (struct span){ key, GENERATION_MAX_KEY }, span_of("\"\"")),
	    0);
	assert_int_equal(generation_builder_add(b, KIND_ENV, RECORD_VALUE,
			     (struct span){ key, GENERATION_MAX_KEY + 1 }, span_of("\"\"")),
	    -E2BIG);
	generation_builder_free(b);

	assert_int_equal(generation_builder_new(&b, ARENA_LOCK_OFF, 4096), 0);
	assert_int_equal(generation_builder_add(b, KIND_ENV, RECORD_VALUE, span_of("x"),
			     (struct span){ memset((char[4096]){ 0 }, 'v', 4096), 4096 }),
	    -EMSGSIZE);
	generation_builder_free(b);
	assert_null(generation_builder_free(NULL));
	assert_null(generation_unref(NULL));
}

/* 10,000 connections of about 400 bytes: little overhead, and each is found. */
static void
ten_thousand_cost_little_more_than_their_bytes(void **state)
{
	enum { N = 10000, TEXT = 400 };
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);
	struct generation *g;
	char key[32], text[TEXT];
	size_t bytes = 0;

	(void)state;
	memset(text, 't', sizeof text);
	for (unsigned i = 0; i < N; i++) {
		int n = snprintf(key, sizeof key, "conn_%u", i * 7919u % 10007u);

		bytes += (size_t)n + TEXT;
		assert_int_equal(generation_builder_add(b, KIND_CONNECTION, RECORD_VALUE,
				     (struct span){ key, (size_t)n }, (struct span){ text, TEXT }),
		    0);
	}
	g = finish(b);
	assert_in_range(generation_bytes(g), bytes, bytes + bytes / 4);
	for (unsigned i = 0; i < 10007; i++) {
		bool there = false;

		snprintf(key, sizeof key, "conn_%u", i);
		there = generation_find(g, KIND_CONNECTION, span_of(key)) != NULL;
		/* 7919 and 10007 are primes: exactly the last seven products are missing. */
		for (unsigned j = N; j < 10007; j++)
			if (i == j * 7919u % 10007u)
				assert_false(there);
		bytes += there;
	}
	assert_int_equal(generation_count(g, KIND_CONNECTION), N);
	for (size_t i = 1; i < N; i++) {
		const struct record *p = generation_at(g, KIND_CONNECTION, i - 1);
		const struct record *q = generation_at(g, KIND_CONNECTION, i);

		assert_true(
		    memcmp(p->key.p, q->key.p, p->key.n < q->key.n ? p->key.n : q->key.n) <= 0);
	}
	generation_unref(g);
}

static void
the_last_reference_ends_it(void **state)
{
	int64_t before = mem_live();
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);
	struct generation *g, *again;

	(void)state;
	add(b, KIND_ENV, RECORD_VALUE, "x", "\"v\"");
	g = finish(b);
	assert_int_equal(generation_live(), 1);
	again = generation_ref(g);
	assert_null(generation_unref(g));
	assert_int_equal(generation_live(), 1);
	assert_span(generation_find(again, KIND_ENV, span_of("x"))->text, "\"v\"");
	generation_unref(again);
	assert_int_equal(generation_live(), 0);
	assert_int_equal(mem_live(), before);
}

struct row {
	enum record_kind kind;
	enum record_state state;
	const char *key, *text;
};

static struct generation *
of_rows(const struct row *rows, size_t n)
{
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);

	for (size_t i = 0; i < n; i++)
		add(b, rows[i].kind, rows[i].state, rows[i].key, rows[i].text);
	return finish(b);
}

static void
equal_means_every_member_but_the_order(void **state)
{
	static const struct row base[] = {
		{ KIND_CONNECTION, RECORD_VALUE, "a", "\"1\"" },
		{ KIND_VARIABLE, RECORD_VALUE, "b", "\"2\"" },
	};
	static const struct {
		struct row rows[2];
		bool want;
	} others[] = {
		{ { { KIND_VARIABLE, RECORD_VALUE, "b", "\"2\"" },
		      { KIND_CONNECTION, RECORD_VALUE, "a", "\"1\"" } },
		    true },
		{ { { KIND_CONNECTION, RECORD_VALUE, "a", "\"1\"" },
		      { KIND_ENV, RECORD_VALUE, "b", "\"2\"" } },
		    false },
		{ { { KIND_CONNECTION, RECORD_VALUE, "a", "\"1\"" },
		      { KIND_VARIABLE, RECORD_VALUE, "c", "\"2\"" } },
		    false },
		{ { { KIND_CONNECTION, RECORD_VALUE, "a", "\"0\"" },
		      { KIND_VARIABLE, RECORD_VALUE, "b", "\"2\"" } },
		    false },
		{ { { KIND_CONNECTION, RECORD_INVALID, "a", "\"1\"" },
		      { KIND_VARIABLE, RECORD_VALUE, "b", "\"2\"" } },
		    false },
	};
	struct generation *g = of_rows(base, 2), *other;
	struct generation_difference d;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(others); i++) {
		other = of_rows(others[i].rows, 2);
		if (generation_equal(g, other) != others[i].want)
			fail_msg("row %zu", i);
		generation_unref(other);
	}
	other = of_rows(base, 1);
	assert_false(generation_equal(g, other));
	generation_compare(g, other, &d);
	assert_false(d.equal);
	assert_int_equal(d.n_dropped[KIND_CONNECTION], 0);
	assert_int_equal(d.n_dropped[KIND_VARIABLE], 1);
	generation_compare(other, g, &d);
	assert_int_equal(d.n_dropped[KIND_VARIABLE], 0);
	generation_unref(other);
	generation_unref(g);
}

static struct generation *
withheld_after(const struct generation *from, int64_t confirmed_ms, int64_t oldest_ms)
{
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);

	add(b, KIND_CONNECTION, RECORD_WITHHELD, "a", "[\"password\"]");
	add(b, KIND_CONNECTION, RECORD_VALUE, "b", "\"2\"");
	assert_int_equal(generation_builder_carry(b, from, confirmed_ms, oldest_ms), 0);
	return finish(b);
}

static const struct record *
held_of(const struct generation *g)
{
	const struct record *r = generation_find(g, KIND_CONNECTION, span_of("a"));

	assert_int_equal(r->state, RECORD_WITHHELD);
	assert_span(r->text, "[\"password\"]");
	return r->held;
}

static void
a_withheld_record_keeps_the_value_held_before_with_its_time(void **state)
{
	static const struct row base[] = {
		{ KIND_CONNECTION, RECORD_VALUE, "a", "\"1\"" },
		{ KIND_CONNECTION, RECORD_VALUE, "b", "\"2\"" },
	};
	struct generation *g = of_rows(base, 2), *first, *second, *late, *none;

	(void)state;
	first = withheld_after(g, 500, 500);
	generation_unref(g); /* the old generation is no longer needed */
	assert_span(held_of(first)->text, "\"1\"");
	assert_span(held_of(first)->key, "a");
	assert_int_equal(held_of(first)->state, RECORD_VALUE);
	assert_int_equal(held_of(first)->confirmed_ms, 500);
	assert_int_equal(generation_count_state(first, RECORD_WITHHELD), 1);

	second = withheld_after(first, 900, 500); /* keeps its own time, not 900 */
	assert_int_equal(held_of(second)->confirmed_ms, 500);
	assert_true(generation_equal(first, second));
	late = withheld_after(second, 900, 501);
	assert_null(held_of(late));
	assert_true(generation_equal(second, late)); /* the list is the same */
	none = withheld_after(NULL, 900, 0);
	assert_null(held_of(none));
	generation_unref(first);
	generation_unref(second);
	generation_unref(late);
	generation_unref(none);
}

static void
an_invalid_record_is_no_value_to_carry(void **state)
{
	static const struct row base[] = { { KIND_CONNECTION, RECORD_INVALID, "a", "port" } };
	struct generation *g = of_rows(base, 1), *next = withheld_after(g, 500, 0);

	(void)state;
	assert_null(held_of(next));
	generation_unref(g);
	generation_unref(next);
}

static void
keeping_a_kind_keeps_what_hangs_on_it(void **state)
{
	static const struct row base[] = {
		{ KIND_CONNECTION, RECORD_VALUE, "a", "\"1\"" },
		{ KIND_VARIABLE, RECORD_VALUE, "v", "\"3\"" },
	};
	struct generation *g = of_rows(base, 2), *first = withheld_after(g, 500, 0), *kept;
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);

	(void)state;
	assert_int_equal(generation_builder_keep(b, KIND_CONNECTION, first), 0);
	add(b, KIND_VARIABLE, RECORD_VALUE, "w", "\"4\"");
	assert_int_equal(generation_builder_carry(b, first, 900, 500), 0);
	kept = finish(b);
	generation_unref(first);
	assert_int_equal(held_of(kept)->confirmed_ms, 500);
	assert_span(held_of(kept)->text, "\"1\"");
	assert_null(generation_find(kept, KIND_VARIABLE, span_of("v")));
	assert_span(generation_find(kept, KIND_VARIABLE, span_of("w"))->text, "\"4\"");

	b = builder(ARENA_LOCK_PREFER); /* kept, but too old by now */
	assert_int_equal(generation_builder_keep(b, KIND_CONNECTION, kept), 0);
	assert_int_equal(generation_builder_carry(b, kept, 900, 501), 0);
	first = finish(b);
	assert_null(held_of(first));
	generation_unref(first);
	generation_unref(kept);
	generation_unref(g);
}

/* Some of k0..k39, in order or not; every other set of them. */
static struct generation *
some(unsigned which, bool in_order)
{
	struct generation_builder *b = builder(ARENA_LOCK_PREFER);
	char key[16];

	for (unsigned i = 0; i < 40; i++) {
		unsigned n = in_order ? i : i * 7 % 40;

		if ((which >> n % 16 ^ which >> n % 5) & 1)
			continue;
		snprintf(key, sizeof key, "k%02u", n);
		add(b, n % 2 ? KIND_CONNECTION : KIND_VARIABLE, RECORD_VALUE, key, "\"\"");
	}
	return finish(b);
}

static void
order_of_arrival_does_not_matter_and_drops_are_counted(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 200; a++) {
		struct generation *old = some(a, true), *same = some(a, false);
		struct generation *new = some(a * 31 + 7, a % 2);
		struct generation_difference d;
		size_t dropped = 0;

		assert_true(generation_equal(old, same));
		for (size_t i = 0; i < generation_count(old, KIND_CONNECTION); i++) {
			struct span key = generation_at(old, KIND_CONNECTION, i)->key;

			assert_ptr_equal(generation_find(old, KIND_CONNECTION, key),
			    generation_at(old, KIND_CONNECTION, i));
			assert_ptr_equal(generation_find(same, KIND_CONNECTION, key),
			    generation_at(same, KIND_CONNECTION, i));
			dropped += !generation_find(new, KIND_CONNECTION, key);
		}
		generation_compare(old, new, &d);
		assert_int_equal(d.n_dropped[KIND_CONNECTION], dropped);
		generation_compare(old, same, &d);
		assert_true(d.equal);
		assert_int_equal(d.n_dropped[KIND_CONNECTION], 0);
		generation_unref(old);
		generation_unref(same);
		generation_unref(new);
	}
}

/* Enough records to make both tables grow; every allocation fails once. */
static int
build_with_little_memory(const struct generation *from)
{
	struct generation_builder *b;
	struct generation *g;
	char key[16];
	int r = generation_builder_new(&b, ARENA_LOCK_OFF, MAX_BYTES);

	for (int i = 0; i < 100 && r == 0; i++) {
		snprintf(key, sizeof key, "k%d", i);
		r = generation_builder_add(
		    b, KIND_CONNECTION, RECORD_WITHHELD, span_of(key), span_of("[\"password\"]"));
		if (r < 0)
			generation_builder_free(b);
	}
	if (r < 0)
		return r;
	r = generation_builder_carry(b, from, 1, 0);
	if (r < 0) {
		generation_builder_free(b);
		return r;
	}
	r = generation_builder_finish(b, &g);
	if (r == 0)
		generation_unref(g);
	return r;
}

static void
memory_may_end_anywhere(void **state)
{
	static const struct row base[] = { { KIND_CONNECTION, RECORD_VALUE, "k7", "\"1\"" } };
	struct generation *from = of_rows(base, 1);
	int64_t before = mem_live();
	int n = 0, r;

	(void)state;
	do {
		mem_fail_after(n++);
		r = build_with_little_memory(from);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(mem_live(), before);
	} while (r < 0);
	assert_true(n > 6);
	generation_unref(from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_separate_and_sorted_by_bytes),
		cmocka_unit_test(an_empty_one_is_fine),
		cmocka_unit_test(what_does_not_belong_is_refused),
		cmocka_unit_test(ten_thousand_cost_little_more_than_their_bytes),
		cmocka_unit_test(the_last_reference_ends_it),
		cmocka_unit_test(equal_means_every_member_but_the_order),
		cmocka_unit_test(a_withheld_record_keeps_the_value_held_before_with_its_time),
		cmocka_unit_test(an_invalid_record_is_no_value_to_carry),
		cmocka_unit_test(keeping_a_kind_keeps_what_hangs_on_it),
		cmocka_unit_test(order_of_arrival_does_not_matter_and_drops_are_counted),
		cmocka_unit_test(memory_may_end_anywhere),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
