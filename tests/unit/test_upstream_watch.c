/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/upstream/watch against a fake manager that responds as the test says: no socket, no loop, a
 * fake clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "edge/upstream/watch.h"
#include "tests/unit/fake_time.h"

#define S INT64_C(1000)
#define M (60 * S)

/* --- the fake edges ----------------------------------------------------------------------- */

struct fetch {
	char *url, *tag;
	int64_t wait_s;
	fetch_done *done;
	void *env;
};
static struct fetch *asked; /* the running request */

int
upstream_fetch(struct upstream *u, const struct fetch_request *q, fetch_done *done, void *env,
    struct fetch **out)
{
	struct fetch *f = calloc(1, sizeof *f);

	(void)u;
	assert_null(asked);
	assert_true(q->discard_body);
	f->url = strdup(q->url);
	f->tag = q->if_none_match ? strdup(q->if_none_match) : NULL;
	f->wait_s = q->wait_s;
	f->done = done;
	f->env = env;
	*out = asked = f;
	return 0;
}

static bool takes_reports;

bool
upstream_takes_reports(const struct upstream *u)
{
	(void)u;
	return takes_reports;
}

static void
fetch_free(struct fetch *f)
{
	free(f->url);
	free(f->tag);
	free(f);
}

void
upstream_cancel(struct fetch *f)
{
	if (!f)
		return;
	assert_ptr_equal(f, asked);
	asked = NULL;
	fetch_free(f);
}

/* --- one world per test ------------------------------------------------------------------- */

struct world {
	struct config config;
	struct watch *watch;
	char token_path[64];
	int n_changed;
};

static void
on_changed(void *env)
{
	((struct world *)env)->n_changed++;
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sync_source source = { .config = &w->config, .token_path = w->token_path };
	int fd;

	now_ms = 1000 * S;
	strcpy(w->token_path, "/tmp/connd-test-XXXXXX");
	fd = mkstemp(w->token_path);
	if (fd < 0 || write(fd, "token", 5) != 5)
		return -1;
	close(fd);
	w->config.manager.organization = (char *)(uintptr_t) "org";
	w->config.manager.workspace = (char *)(uintptr_t) "ws";
	w->config.manager.push = true;
	w->config.manager.refresh_ms = 30 * S;
	w->config.freshness.windows.ttl_ms = 2 * M;
	*state = w;
	return watch_new(&w->watch, NULL, &source, on_changed, w);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	watch_free(w->watch);
	unlink(w->token_path);
	free(w);
	assert_null(asked);
	assert_int_equal(mem_live(), 0);
	return 0;
}

/* Advances the clock. A request due meanwhile is sent, and gets no response. */
static void
pass(int64_t ms)
{
	int64_t end_ms = now_ms + ms;

	if (the_alarm.at_ms <= end_ms) {
		now_ms = the_alarm.at_ms > now_ms ? the_alarm.at_ms : now_ms;
		the_alarm.at_ms = INT64_MAX;
		the_alarm.fn(the_alarm.arg);
	}
	now_ms = end_ms;
}

static void
end(const struct fetch_result *r)
{
	struct fetch *f = asked;

	assert_non_null(f);
	asked = NULL;
	f->done(f->env, r);
	fetch_free(f);
}

static void
answer(int status, const char *tag, bool held)
{
	end(&(struct fetch_result){ .status = status, .etag = tag, .held = held });
}

static void
refuse(int status, int64_t retry_after_ms)
{
	end(&(struct fetch_result){ .status = status, .retry_after_ms = retry_after_ms });
}

static void
cut(void)
{
	end(&(struct fetch_result){ .end = FETCH_UNREACHABLE, .reason = "connection reset" });
}

static void
disconnected(void)
{
	end(&(struct fetch_result){
	    .end = FETCH_UNREACHABLE, .unconnected = true, .reason = "Couldn't connect" });
}

/* A sync has succeeded: the watch gets the URL of the manager. */
static void
follow(struct world *w)
{
	watch_follow(w->watch, "http://m");
	pass(0);
}

/* Checks that a request is held. */
static void
held(struct world *w)
{
	follow(w);
	assert_null(asked->tag);
	assert_int_equal(asked->wait_s, 0);
	answer(200, "\"1\"", false);
	assert_int_equal(w->n_changed, 1);
	w->n_changed = 0;
	pass(300);
	assert_string_equal(asked->tag, "\"1\"");
}

static enum watch_state
state_of(const struct world *w)
{
	struct watch_status st;

	watch_status(w->watch, &st);
	return st.state;
}

/* --- tests -------------------------------------------------------------------------------- */

static void
a_change_is_reported_and_the_next_request_held(void **state)
{
	struct world *w = *state;

	held(w);
	assert_int_equal(asked->wait_s, 60);
	pass(20 * S);
	answer(200, "\"2\"", true);
	assert_int_equal(w->n_changed, 1);
	assert_int_equal(state_of(w), WATCH_HOLDING);
	pass(50);
	assert_string_equal(asked->tag, "\"2\"");
	/* Nothing has changed: the next request is held at once. */
	pass(60 * S);
	answer(304, NULL, true);
	assert_int_equal(w->n_changed, 1);
	pass(0);
	assert_string_equal(asked->tag, "\"2\"");
}

static void
a_burst_of_changes_makes_few_requests(void **state)
{
	struct world *w = *state;

	held(w);
	for (int i = 0; i < 5; i++) {
		answer(200, i % 2 ? "\"a\"" : "\"b\"", true);
		pass(200);
		assert_null(asked);
		pass(100);
		assert_non_null(asked);
	}
}

/* So that the held request carries a report from after the change. */
static void
with_reports_the_next_request_waits_for_the_sync(void **state)
{
	struct world *w = *state;

	held(w);
	takes_reports = true;
	pass(20 * S);
	answer(200, "\"2\"", true);
	pass(1 * S);
	assert_null(asked);
	follow(w);
	assert_string_equal(asked->tag, "\"2\"");
	/* After a quick change no sooner than without reports; */
	answer(200, "\"3\"", true);
	follow(w);
	pass(200);
	assert_null(asked);
	pass(50);
	assert_string_equal(asked->tag, "\"3\"");
	/* and a sync that does not end is not waited for. */
	pass(20 * S);
	answer(200, "\"4\"", true);
	pass(1999);
	assert_null(asked);
	pass(1);
	assert_string_equal(asked->tag, "\"4\"");
	/* A sync beside a held request changes nothing. */
	follow(w);
	assert_string_equal(asked->tag, "\"4\"");
	takes_reports = false;
}

static void
the_wait_is_half_of_ttl_at_most(void **state)
{
	struct world *w = *state;

	w->config.freshness.windows.ttl_ms = 30 * S;
	held(w);
	assert_int_equal(asked->wait_s, 15);
}

static void
a_server_that_does_not_wait_is_polled_for_ten_minutes(void **state)
{
	struct world *w = *state;

	held(w);
	answer(304, NULL, false);
	assert_int_equal(state_of(w), WATCH_POLLING);
	pass(9 * M);
	follow(w);
	assert_null(asked);
	pass(1 * M);
	follow(w);
	assert_non_null(asked);
}

/* A server with a new ETag in each response, at once, like a proxy that rewrites ETags. */
static void
a_server_whose_tags_never_match_is_polled(void **state)
{
	struct world *w = *state;

	held(w);
	answer(200, "\"2\"", false);
	assert_int_equal(state_of(w), WATCH_POLLING);
	pass(1 * M);
	assert_null(asked);
}

static void
a_server_that_lies_about_waiting_does_not_make_a_loop(void **state)
{
	struct world *w = *state;

	held(w);
	pass(10);
	answer(304, NULL, true);
	pass(20 * S);
	assert_null(asked);
	pass(20 * S);
	assert_non_null(asked);
}

static void
a_request_cut_on_its_way_is_tried_again_with_a_shorter_wait(void **state)
{
	struct watch_status st;
	struct world *w = *state;

	held(w);
	pass(4 * S);
	refuse(504, 0);
	assert_int_equal(w->n_changed, 0);
	watch_status(w->watch, &st);
	assert_int_equal(st.state, WATCH_CUT);
	assert_in_range(st.cut_after_ms, 4 * S, 5 * S);
	assert_int_equal(st.wait_s, 3);
	/* A refresh later, so that a restarting manager is not flooded. */
	follow(w);
	assert_null(asked);
	pass(40 * S);
	held(w);
	assert_int_equal(asked->wait_s, 3);
	pass(3 * S);
	answer(304, NULL, true);
	pass(0);
	assert_int_equal(asked->wait_s, 3);
	assert_int_equal(state_of(w), WATCH_CUT);
	/* Later a full wait is tried again. */
	pass(10 * M);
	answer(304, NULL, true);
	pass(0);
	assert_int_equal(asked->wait_s, 60);
	pass(60 * S);
	answer(304, NULL, true);
	assert_int_equal(state_of(w), WATCH_HOLDING);
}

static void
a_request_cut_at_once_is_not_worth_trying(void **state)
{
	struct world *w = *state;

	held(w);
	pass(1 * S);
	cut();
	assert_int_equal(state_of(w), WATCH_CUT);
	/* It may have been a manager's restart: a refresh later, a full wait is tried once more. */
	follow(w);
	assert_null(asked);
	pass(40 * S);
	held(w);
	assert_int_equal(asked->wait_s, 60);
	pass(1 * S);
	cut();
	pass(9 * M);
	follow(w);
	assert_null(asked);
	pass(1 * M);
	follow(w);
	assert_non_null(asked);
}

static void
a_restarted_manager_is_held_again_after_one_broken_request(void **state)
{
	struct world *w = *state;

	held(w);
	pass(1 * S);
	cut();
	pass(40 * S);
	held(w);
	pass(60 * S);
	answer(304, NULL, true);
	assert_int_equal(state_of(w), WATCH_HOLDING);
	pass(0);
	/* The next restart counts from the beginning. */
	cut();
	pass(40 * S);
	held(w);
}

/* Nobody listens: the next good sync, of this manager or another, starts the watch again. */
static void
a_manager_that_cannot_be_connected_to_is_held_again_after_a_sync(void **state)
{
	struct world *w = *state;

	held(w);
	pass(30 * S);
	disconnected();
	assert_int_equal(w->n_changed, 0);
	assert_int_equal(state_of(w), WATCH_HOLDING);
	pass(10 * M);
	assert_null(asked);
	follow(w);
	pass(0);
	assert_non_null(asked);
	disconnected();
	watch_follow(w->watch, "https://another.example");
	pass(0);
	assert_non_null(strstr(asked->url, "another.example"));
}

static void
a_refused_token_has_a_sync_look_at_once(void **state)
{
	struct world *w = *state;

	held(w);
	pass(10 * S);
	refuse(401, 0);
	assert_int_equal(w->n_changed, 1);
	follow(w);
	assert_null(asked);
}

/*
 * 503 with Retry-After: the manager sheds held requests. Syncs continue, and none is started for
 * it.
 */
static void
a_manager_that_sheds_held_requests_is_left_alone_by_them_only(void **state)
{
	struct world *w = *state;

	held(w);
	refuse(503, 2 * M);
	assert_int_equal(w->n_changed, 0);
	pass(2 * M);
	follow(w);
	assert_null(asked);
	pass(1 * M);
	follow(w);
	assert_non_null(asked);
}

static void
a_first_request_that_fails_means_polling(void **state)
{
	struct world *w = *state;

	follow(w);
	refuse(404, 0);
	assert_int_equal(w->n_changed, 0);
	assert_int_equal(state_of(w), WATCH_POLLING);
	follow(w);
	assert_null(asked);
}

static void
push_off_and_a_manager_without_tags_hold_nothing(void **state)
{
	struct world *w = *state;

	watch_follow(w->watch, NULL);
	pass(10 * M);
	assert_null(asked);
	w->config.manager.push = false;
	follow(w);
	assert_null(asked);
	assert_int_equal(state_of(w), WATCH_OFF);
}

static void
another_url_moves_the_watch_and_a_reload_ends_it(void **state)
{
	struct world *w = *state;
	struct sync_source source = { .config = &w->config, .token_path = w->token_path };

	held(w);
	watch_follow(w->watch, "unix:/run/m.sock");
	assert_null(asked);
	pass(0);
	assert_non_null(strstr(asked->url, "http://localhost/v1/organizations/org/"));
	watch_use(w->watch, &source);
	assert_null(asked);
	pass(10 * M);
	assert_null(asked);
	follow(w);
	assert_non_null(asked);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_reported_and_the_next_request_held),
		TEST(a_burst_of_changes_makes_few_requests),
		TEST(with_reports_the_next_request_waits_for_the_sync),
		TEST(the_wait_is_half_of_ttl_at_most),
		TEST(a_server_that_does_not_wait_is_polled_for_ten_minutes),
		TEST(a_server_whose_tags_never_match_is_polled),
		TEST(a_server_that_lies_about_waiting_does_not_make_a_loop),
		TEST(a_request_cut_on_its_way_is_tried_again_with_a_shorter_wait),
		TEST(a_request_cut_at_once_is_not_worth_trying),
		TEST(a_restarted_manager_is_held_again_after_one_broken_request),
		TEST(a_manager_that_cannot_be_connected_to_is_held_again_after_a_sync),
		TEST(a_refused_token_has_a_sync_look_at_once),
		TEST(a_manager_that_sheds_held_requests_is_left_alone_by_them_only),
		TEST(a_first_request_that_fails_means_polling),
		TEST(push_off_and_a_manager_without_tags_hold_nothing),
		TEST(another_url_moves_the_watch_and_a_reload_ends_it),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("upstream_watch", tests, NULL, NULL);
}
