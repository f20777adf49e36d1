/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/replica: what the scenarios in tests/sim do not cover: callbacks that call the replica,
 * counts, memory.
 */
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
#include "core/replica.h"
#include "tests/unit/check.h"

#define NOW 5000

struct world {
	int n_syncs, n_published, n_notes;
	char last_note[64];
};

static void
on_start_sync(void *env)
{
	((struct world *)env)->n_syncs++;
}

static void
on_published(void *env)
{
	((struct world *)env)->n_published++;
}

static void
on_note(void *env, const char *event, const char *detail)
{
	struct world *w = env;

	(void)detail;
	w->n_notes++;
	snprintf(w->last_note, sizeof w->last_note, "%s", event);
}

static int64_t
on_jitter(void *env, int64_t low, int64_t high)
{
	(void)env;
	return low + (high - low) / 2;
}

static const struct replica_ops ops = {
	.start_sync = on_start_sync,
	.published = on_published,
	.note = on_note,
	.jitter = on_jitter,
};
static const struct replica_config config = {
	.windows = { .ttl_ms = 60000,
	    .stale_ms = 120000,
	    .max_stale_ms = 600000,
	    .max_stale_unauthorized_ms = 300000 },
	.refresh_ms = 30000,
	.cold_wait_ms = 2000,
	.deletion_guard_percent = 50,
	.lock = ARENA_LOCK_OFF,
	.max_bytes = 1 << 20,
};

static struct replica *
started(struct world *w)
{
	struct replica *r;

	memset(w, 0, sizeof *w);
	assert_int_equal(replica_new(&r, &config, &ops, w, 77), 0);
	(void)replica_turn(r, NOW);
	assert_int_equal(w->n_syncs, 1);
	return r;
}

/* Ends the sync with the records in b. */
static bool
done_with(struct replica *r, int64_t now_ms, struct generation_builder *b)
{
	struct sync_result result = { 0 };
	struct sync_basis basis;

	replica_basis(r, now_ms, &basis);
	sync_list_finish(&result, b, &basis);
	return replica_sync_done(r, now_ms, &result);
}

/* Ends the sync with a small list. */
static bool
listed(struct replica *r, int64_t now_ms)
{
	struct generation_builder *b;

	assert_int_equal(generation_builder_new(&b, ARENA_LOCK_OFF, config.max_bytes), 0);
	add(b, KIND_CONNECTION, RECORD_VALUE, "db", "\"1\"");
	add(b, KIND_CONNECTION, RECORD_WITHHELD, "hidden", "[\"password\"]");
	add(b, KIND_VARIABLE, RECORD_INVALID, "odd", "value");
	return done_with(r, now_ms, b);
}

static bool
has(struct replica *r, int64_t now_ms, enum record_kind kind, const char *key, int64_t max_age_ms)
{
	return replica_has(r, now_ms, kind, span_of(key), max_age_ms);
}

static void
what_is_required_must_have_a_value_that_is_young_enough(void **state)
{
	struct world w;
	struct replica *r = started(&w);

	(void)state;
	assert_false(has(r, NOW, KIND_CONNECTION, "db", -1));
	assert_true(listed(r, NOW));
	assert_true(has(r, NOW, KIND_CONNECTION, "db", -1));
	assert_false(has(r, NOW, KIND_VARIABLE, "db", -1));
	assert_false(has(r, NOW, KIND_CONNECTION, "hidden", -1));
	assert_false(has(r, NOW, KIND_VARIABLE, "odd", -1));
	assert_true(has(r, NOW + 999, KIND_CONNECTION, "db", 1000));
	assert_false(has(r, NOW + 1000, KIND_CONNECTION, "db", 1000));
	assert_true(has(r, NOW + 599999, KIND_CONNECTION, "db", -1));
	assert_false(has(r, NOW + 600000, KIND_CONNECTION, "db", -1));
	replica_free(r);
}

static void
status_and_records_say_what_is_there(void **state)
{
	struct replica_status s;
	struct world w;
	struct replica *r = started(&w);

	(void)state;
	replica_status(r, NOW, &s);
	assert_int_equal(s.state, NOT_READY);
	assert_int_equal(s.generation, 0);
	assert_int_equal(s.age_ms, -1);
	assert_true(s.syncing);
	assert_null(replica_record(r, KIND_CONNECTION, 0));
	assert_null(replica_current(r));

	assert_true(listed(r, NOW));
	replica_status(r, NOW + 10, &s);
	assert_int_equal(s.state, FRESH);
	assert_int_equal(s.generation, 77);
	assert_int_equal(s.age_ms, 10);
	assert_int_equal(s.n[KIND_CONNECTION], 2);
	assert_int_equal(s.n[KIND_VARIABLE], 1);
	assert_int_equal(s.withheld, 1);
	assert_int_equal(s.invalid, 1);
	assert_int_equal(s.next_sync_ms, 29990);
	assert_true(s.bytes > 0);
	assert_int_equal(s.locked_bytes, 0);
	assert_int_equal(s.syncs_ok, 1);
	assert_string_equal(s.last_error, "");
	assert_true(span_is(replica_record(r, KIND_CONNECTION, 0)->key, "db"));
	assert_true(span_is(replica_record(r, KIND_CONNECTION, 1)->key, "hidden"));
	assert_null(replica_record(r, KIND_CONNECTION, 2));
	assert_non_null(replica_current(r));
	assert_int_equal(w.n_published, 1);
	replica_free(r);
}

struct client {
	struct waiter waiter; /* first */
	struct replica *replica;
	struct client *other; /* forgotten from within ready() */
	bool ask_again;
	int n_answers;
	enum verdict verdict;
};

static void
on_answer(struct waiter *waiter)
{
	struct client *a = (struct client *)waiter;
	struct replica_result answer;

	a->n_answers++;
	replica_lookup_now(
	    a->replica, NOW, KIND_CONNECTION, (struct span){ 0 }, span_of("db"), false, &answer);
	a->verdict = answer.verdict;
	if (a->other)
		replica_forget(&a->other->waiter);
	if (a->ask_again) {
		a->ask_again = false;
		replica_wait(a->replica, NOW, &a->waiter);
	}
}

static void
wait_for(struct replica *r, struct client *a)
{
	struct replica_result answer;

	a->replica = r;
	a->waiter.ready = on_answer;
	assert_false(replica_lookup(
	    r, NOW, KIND_CONNECTION, (struct span){ 0 }, span_of("db"), false, &answer));
	replica_wait(r, NOW, &a->waiter);
}

static void
an_answer_may_forget_others_and_wait_again(void **state)
{
	struct sync_result failed = { .outcome = SYNC_UNREACHABLE, .reason = "gone" };
	struct client first = { 0 }, second = { 0 }, third = { 0 };
	struct world w;
	struct replica *r = started(&w);

	(void)state;
	wait_for(r, &first);
	wait_for(r, &second);
	wait_for(r, &third);
	first.other = &third;
	second.ask_again = true;
	assert_false(replica_sync_done(r, NOW, &failed));
	assert_int_equal(first.n_answers, 1);
	assert_int_equal(first.verdict, VERDICT_NOT_READY);
	assert_int_equal(second.n_answers, 1);
	assert_int_equal(third.n_answers, 0); /* its client left in time */
	assert_null(third.waiter.at);
	(void)replica_turn(r, NOW); /* the lookup that waits again starts a sync */
	assert_int_equal(w.n_syncs, 2);
	assert_true(listed(r, NOW));
	assert_int_equal(second.n_answers, 2);
	assert_int_equal(second.verdict, VERDICT_VALUE);
	replica_forget(&second.waiter); /* not waiting: fine */
	replica_free(r);
}

static void
whoever_waits_at_the_end_is_told(void **state)
{
	struct client first = { 0 }, second = { 0 };
	struct world w;
	struct replica *r = started(&w);

	(void)state;
	wait_for(r, &first);
	wait_for(r, &second);
	assert_null(replica_free(r));
	assert_int_equal(first.n_answers, 1);
	assert_int_equal(first.verdict, VERDICT_NOT_READY);
	assert_int_equal(second.n_answers, 1);
	assert_null(replica_free(NULL));
}

static void
turns_come_when_something_is_due(void **state)
{
	struct sync_result failed = { .outcome = SYNC_BAD };
	struct client first = { 0 };
	struct replica_status s;
	struct world w;
	struct replica *r = started(&w);

	(void)state;
	assert_int_equal(replica_turn(r, NOW), INT64_MAX); /* the sync reports that itself */
	wait_for(r, &first);
	assert_int_equal(replica_turn(r, NOW), NOW + 2000);
	assert_false(replica_sync_done(r, NOW, &failed));
	replica_status(r, NOW, &s);
	assert_string_equal(s.last_error, "no reason was given");
	assert_int_equal(replica_turn(r, NOW), NOW + 2000); /* the back-off */
	(void)replica_turn(r, NOW + 2000);
	assert_int_equal(w.n_syncs, 2);
	assert_true(listed(r, NOW + 2000));
	assert_int_equal(replica_turn(r, NOW + 2000), NOW + 32000); /* the next sync */
	(void)replica_turn(r, NOW + 32000);
	assert_int_equal(replica_turn(r, NOW + 32000), NOW + 62000); /* ttl ends */
	assert_int_equal(replica_turn(r, NOW + 62000), NOW + 122000);
	assert_int_equal(replica_turn(r, NOW + 122000), NOW + 602000);
	assert_string_equal(w.last_note, "data is offline");
	assert_int_equal(replica_turn(r, NOW + 602000), INT64_MAX);
	assert_string_equal(w.last_note, "data has expired");
	replica_free(r);
}

static void
a_team_and_a_key_that_are_too_long_are_not_found(void **state)
{
	char team[GENERATION_MAX_KEY];
	struct replica_result answer;
	struct world w;
	struct replica *r = started(&w);

	(void)state;
	memset(team, 't', sizeof team);
	assert_true(listed(r, NOW));
	replica_lookup_now(r, NOW, KIND_CONNECTION, (struct span){ team, sizeof team },
	    span_of("db"), false, &answer);
	assert_int_equal(answer.verdict, VERDICT_VALUE); /* the plain key */
	replica_lookup_now(r, NOW, KIND_CONNECTION, (struct span){ team, sizeof team },
	    (struct span){ team, sizeof team }, false, &answer);
	assert_int_equal(answer.verdict, VERDICT_NOT_FOUND);
	replica_free(r);
}

static void
no_memory_is_a_failed_sync_and_no_more(void **state)
{
	int64_t before = mem_live();
	struct replica *r = NULL;
	struct world w;
	bool taken = false;
	int n;

	(void)state;
	mem_fail_after(0);
	assert_int_equal(replica_new(&r, &config, &ops, &w, 1), -ENOMEM);
	mem_fail_after(-1);
	assert_int_equal(mem_live(), before);
	for (n = 0; !taken; n++) {
		struct generation_builder *b;

		r = started(&w);
		assert_int_equal(generation_builder_new(&b, ARENA_LOCK_OFF, config.max_bytes), 0);
		add(b, KIND_CONNECTION, RECORD_VALUE, "db", "\"1\"");
		mem_fail_after(n);
		taken = done_with(r, NOW, b);
		mem_fail_after(-1);
		assert_int_equal(replica_current(r) != NULL, taken);
		assert_true(taken || strcmp(w.last_note, "sync failed") == 0);
		replica_free(r);
		assert_int_equal(mem_live(), before);
	}
	assert_true(n > 1);
}

static void
a_list_that_outgrows_the_cap_at_the_end_is_refused(void **state)
{
	struct generation_builder *b;
	struct replica_status s;
	struct world w;
	struct replica *r = started(&w);
	char text[3900];

	(void)state;
	memset(text, 'v', sizeof text);
	assert_int_equal(generation_builder_new(&b, ARENA_LOCK_OFF, 4096), 0);
	assert_int_equal(generation_builder_add(b, KIND_ENV, RECORD_VALUE, span_of("x"),
			     (struct span){ text, sizeof text }),
	    0);
	assert_false(done_with(r, NOW, b)); /* the index has no room */
	replica_status(r, NOW, &s);
	assert_string_equal(s.last_error, "the list does not fit into max_bytes");
	assert_int_equal(s.syncs_failed, 1);
	replica_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_required_must_have_a_value_that_is_young_enough),
		cmocka_unit_test(status_and_records_say_what_is_there),
		cmocka_unit_test(an_answer_may_forget_others_and_wait_again),
		cmocka_unit_test(whoever_waits_at_the_end_is_told),
		cmocka_unit_test(turns_come_when_something_is_due),
		cmocka_unit_test(a_team_and_a_key_that_are_too_long_are_not_found),
		cmocka_unit_test(no_memory_is_a_failed_sync_and_no_more),
		cmocka_unit_test(a_list_that_outgrows_the_cap_at_the_end_is_refused),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
