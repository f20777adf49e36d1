/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/upstream/probe against a fake manager that responds as the test says, and a fake worker that
 * runs on request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/mem.h"
#include "edge/upstream/probe.h"

/* --- the fake edges ----------------------------------------------------------------------- */

struct fetch {
	char *url;
	fetch_done *done;
	void *env;
};
static struct fetch *asked; /* the running request */
static int fetch_error;
static struct later *put_off;
static struct work *working; /* queued for the worker, not run yet */

int
upstream_fetch(struct upstream *u, const struct fetch_request *q, fetch_done *done, void *env,
    struct fetch **out)
{
	struct fetch *f;

	(void)u;
	if (fetch_error)
		return fetch_error;
	assert_null(asked);
	assert_int_equal(q->token.n, 5);
	f = calloc(1, sizeof *f);
	f->url = strdup(q->url);
	f->done = done;
	f->env = env;
	*out = asked = f;
	return 0;
}

static void
fetch_free(struct fetch *f)
{
	free(f->url);
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

void
loop_after_turn(struct loop *l, struct later *job)
{
	(void)l;
	assert_null(put_off);
	put_off = job;
}

void
loop_forget(struct loop *l, struct later *job)
{
	(void)l;
	if (put_off == job)
		put_off = NULL;
}

void
worker_do(struct worker *t, struct work *w)
{
	(void)t;
	assert_null(working);
	w->queued = true;
	working = w;
}

void
worker_forget(struct worker *t, struct work *w)
{
	(void)t;
	if (!w->queued)
		return;
	assert_ptr_equal(working, w);
	working = NULL;
	w->run(w);
	w->queued = false;
}

/* --- one world per test ------------------------------------------------------------------- */

struct world {
	struct config config;
	struct probing *probing;
	char token_path[64];
	int n_done;
	bool found;
	int64_t retry_after_ms;
};

static void
on_done(void *env, bool found, int64_t retry_after_ms)
{
	struct world *w = env;

	w->n_done++;
	w->found = found;
	w->retry_after_ms = retry_after_ms;
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sync_source source = { .config = &w->config, .token_path = w->token_path };
	int fd;

	fetch_error = 0;
	strcpy(w->token_path, "/tmp/connd-test-XXXXXX");
	fd = mkstemp(w->token_path);
	if (fd < 0 || write(fd, "token", 5) != 5)
		return -1;
	close(fd);
	w->config.manager.organization = (char *)(uintptr_t) "org";
	w->config.manager.deployment = (char *)(uintptr_t) "dep";
	*state = w;
	return probing_new(&w->probing, NULL, NULL, &source, on_done, w);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	probing_free(w->probing);
	unlink(w->token_path);
	free(w);
	assert_null(asked);
	assert_null(put_off);
	assert_null(working);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
start(struct world *w)
{
	w->n_done = 0;
	probing_start(w->probing, "https://m", KIND_CONNECTION, span_of("new one"));
}

static void
arrive(enum fetch_end end, int status, const char *text, int64_t retry_after_ms)
{
	struct fetch *f = asked;
	struct payload body;
	struct fetch_result r = {
		.end = end, .status = status, .body = &body, .retry_after_ms = retry_after_ms
	};

	assert_non_null(f);
	asked = NULL;
	payload_init(&body, 1 << 20);
	payload_add(&body, text, strlen(text));
	f->done(f->env, &r);
	fetch_free(f);
	payload_fini(&body);
}

/* Runs the work queued for the worker, or the job queued in the loop. */
static void
go_on(void)
{
	struct work *w = working;
	struct later *job = put_off;

	working = NULL;
	put_off = NULL;
	if (w) {
		w->run(w);
		w->queued = false;
		w->done(w);
	} else {
		assert_non_null(job);
		job->run(job);
	}
}

#define ROW(key)                                                                                   \
	"{\"objectKey\":\"" key "\",\"objectType\":\"CONNECTION\",\"scope\":\"DEPLOYMENT\","       \
	"\"scopeEntityId\":\"dep\",\"connection\":{\"type\":\"http\"}}"
#define LIST(rows) "{\"totalCount\":9,\"environmentObjects\":[" rows "]}"

static void
ends(struct world *w, bool found)
{
	assert_int_equal(w->n_done, 0);
	go_on();
	assert_int_equal(w->n_done, 1);
	assert_int_equal(w->found, found);
}

/* --- tests -------------------------------------------------------------------------------- */

static void
a_key_that_is_there_is_found(void **state)
{
	struct world *w = *state;

	start(w);
	assert_string_equal(asked->url,
	    "https://m/v1/organizations/org/environment-objects?objectType=CONNECTION&"
	    "objectKey=new%20one&deploymentId=dep&resolveLinked=true&showSecrets=false&limit=1&"
	    "offset=0&sorts=objectKey:asc");
	arrive(FETCH_ANSWERED, 200, LIST(ROW("new one")), 0);
	assert_non_null(working); /* not in the loop */
	ends(w, true);
}

static void
only_the_very_key_counts(void **state)
{
	struct world *w = *state;

	start(w);
	arrive(FETCH_ANSWERED, 200, LIST(""), 0);
	ends(w, false);
	/* A server that ignores the filter. */
	start(w);
	arrive(FETCH_ANSWERED, 200, LIST(ROW("new") "," ROW("new one too")), 0);
	ends(w, false);
	start(w);
	arrive(FETCH_ANSWERED, 200, LIST(ROW("a") "," ROW("new one") "," ROW("z")), 0);
	ends(w, true);
}

/* A response that is invalid as a list is invalid for a probe, too. */
static void
a_bad_list_has_found_nothing(void **state)
{
	struct world *w = *state;

	start(w);
	arrive(FETCH_ANSWERED, 200, LIST(ROW("new one") ",7"), 0);
	ends(w, false);
	start(w);
	arrive(FETCH_ANSWERED, 200, "<html>", 0);
	ends(w, false);
}

static void
a_failure_has_found_nothing_and_brings_its_retry_after(void **state)
{
	struct world *w = *state;

	start(w);
	arrive(FETCH_UNREACHABLE, 0, "", 0);
	ends(w, false);
	start(w);
	arrive(FETCH_TOO_BIG, 200, "", 0);
	ends(w, false);
	start(w);
	arrive(FETCH_ANSWERED, 429, "{}", 7000);
	ends(w, false);
	assert_int_equal(w->retry_after_ms, 7000);
	start(w);
	arrive(FETCH_ANSWERED, 200, LIST(ROW("new one")), 0);
	ends(w, true);
	assert_int_equal(w->retry_after_ms, 0);
}

static void
without_a_token_or_memory_it_ends_all_the_same(void **state)
{
	struct world *w = *state;

	fetch_error = -12;
	start(w);
	ends(w, false);
	fetch_error = 0;
	unlink(w->token_path);
	start(w);
	assert_null(asked);
	ends(w, false);
}

static void
a_reload_ends_it_once(void **state)
{
	struct world *w = *state;
	struct sync_source source = { .config = &w->config, .token_path = w->token_path };

	start(w);
	probing_use(w->probing, &source);
	assert_null(asked);
	ends(w, false);
	/* While the worker reads the response, the probe continues. */
	start(w);
	arrive(FETCH_ANSWERED, 200, LIST(ROW("new one")), 0);
	probing_use(w->probing, &source);
	ends(w, true);
}

static void
the_end_waits_for_the_worker(void **state)
{
	struct world *w = *state;

	start(w);
	arrive(FETCH_ANSWERED, 200, LIST(ROW("new one")), 0);
	w->probing = probing_free(w->probing);
	assert_null(working);
	assert_int_equal(w->n_done, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_that_is_there_is_found),
		TEST(only_the_very_key_counts),
		TEST(a_bad_list_has_found_nothing),
		TEST(a_failure_has_found_nothing_and_brings_its_retry_after),
		TEST(without_a_token_or_memory_it_ends_all_the_same),
		TEST(a_reload_ends_it_once),
		TEST(the_end_waits_for_the_worker),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("upstream_probe", tests, NULL, NULL);
}
