/* SPDX-License-Identifier: Apache-2.0 */
/* edge/upstream/sync against a fake manager that responds as the test says: no socket, no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "edge/upstream/sync.h"
#include "tests/unit/fake_time.h"

#define START_MS 2000 /* between syncs, so that the requests of a short one need not wait */

/* Advances the clock. True if the alarm went off. */
static bool
rang_by(int64_t ms)
{
	bool rings = the_alarm.at_ms <= ms;

	now_ms = rings && the_alarm.at_ms > now_ms ? the_alarm.at_ms : ms;
	if (!rings)
		return false;
	the_alarm.at_ms = INT64_MAX;
	the_alarm.fn(the_alarm.arg);
	return true;
}

/* --- the fake edges ------------------------------------------------------------------- */

struct fetch {
	char *url, *if_none_match, *token, *socket_path;
	char request_id[REPLICA_REQUEST_ID_SIZE];
	fetch_done *done;
	void *env;
};

static struct fetch *asked; /* the running request */
static struct later *put_off;
static int n_asked;
static struct work *working; /* queued for the worker, not run yet */

int
upstream_fetch(struct upstream *u, const struct fetch_request *q, fetch_done *done, void *env,
    struct fetch **out)
{
	struct fetch *f = calloc(1, sizeof *f);

	(void)u;
	assert_null(asked);
	f->url = strdup(q->url);
	f->if_none_match = q->if_none_match ? strdup(q->if_none_match) : NULL;
	f->token = strndup(q->token.p, q->token.n);
	f->socket_path = q->socket_path ? strdup(q->socket_path) : NULL;
	assert_non_null(q->request_id);
	assert_int_equal(strlen(q->request_id), REPLICA_REQUEST_ID_SIZE - 1);
	strcpy(f->request_id, q->request_id);
	f->done = done;
	f->env = env;
	*out = asked = f;
	n_asked++;
	return 0;
}

static void
fetch_free(struct fetch *f)
{
	free(f->url);
	free(f->if_none_match);
	free(f->token);
	free(f->socket_path);
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

static void
work(void)
{
	while (working) {
		struct work *w = working;

		working = NULL;
		w->run(w);
		w->queued = false;
		w->done(w);
	}
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

/* --- one world per test ------------------------------------------------------------------ */

static char one[] = "https://one", two[] = "https://two";
static char *urls[] = { one, two };
static char organization[] = "o r/g", deployment[] = "dep", workspace[] = "ws";

struct world {
	struct config config, reloaded;
	struct sync *sync;
	char token_path[64];
	bool take;                  /* the result of replica_sync_done() */
	struct generation *current; /* the served generation */
	int n_done;
	enum sync_outcome outcome;
	int64_t retry_after_ms, asked_ms;
	char reason[REPLICA_REASON_SIZE], request_id[REPLICA_REQUEST_ID_SIZE];
};

static bool
on_done(void *env, const struct sync_result *result)
{
	struct world *w = env;

	w->n_done++;
	w->outcome = result->outcome;
	w->retry_after_ms = result->retry_after_ms;
	w->asked_ms = result->asked_ms;
	snprintf(w->reason, sizeof w->reason, "%s", result->reason);
	snprintf(w->request_id, sizeof w->request_id, "%s", result->request_id);
	if (result->outcome == SYNC_OK && !w->take) {
		generation_unref(result->list.generation);
		return false;
	}
	if (result->outcome == SYNC_OK) {
		generation_unref(w->current);
		w->current = result->list.generation;
	}
	return result->outcome == SYNC_OK || result->outcome == SYNC_NOT_MODIFIED;
}

static void
write_token(const struct world *w, const char *token)
{
	FILE *f = fopen(w->token_path, "w");

	assert_non_null(f);
	fputs(token, f);
	fclose(f);
	assert_int_equal(chmod(w->token_path, 0600), 0);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sync_source source = { .config = &w->config, .token_path = w->token_path };
	int fd;

	strcpy(w->token_path, "/tmp/connd-test-XXXXXX");
	fd = mkstemp(w->token_path);
	if (fd < 0)
		return -1;
	close(fd);
	write_token(w, " token-1\n");
	w->config.manager.url.item = urls;
	w->config.manager.url.n = 1;
	w->config.manager.organization = organization;
	w->config.manager.deployment = deployment;
	w->config.memory.max_bytes = 16 << 20;
	w->take = true;
	n_asked = 0;
	now_ms += 60000;
	*state = w;
	return sync_new(&w->sync, NULL, NULL, &source, on_done, w);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	sync_free(w->sync);
	generation_unref(w->current);
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
	struct sync_basis basis = { .current = w->current };

	now_ms += START_MS;
	sync_start(w->sync, &basis);
}

struct response {
	enum fetch_end end;
	int status;
	const char *text, *etag, *type, *reason;
	int64_t retry_after_ms;
};

/* Passes a response that the worker has not read yet. */
static void
arrive(const struct response *r)
{
	struct payload body;
	struct fetch *f = asked;
	struct fetch_result result = {
		.end = r->end,
		.status = r->status,
		.body = &body,
		.etag = r->etag,
		.content_type = r->type,
		.retry_after_ms = r->retry_after_ms,
		.reason = r->reason,
	};

	assert_non_null(f);
	asked = NULL;
	payload_init(&body, 16 << 20);
	payload_add(&body, r->text ? r->text : "", r->text ? strlen(r->text) : 0);
	f->done(f->env, &result);
	fetch_free(f);
	payload_fini(&body);
}

static void
answer(const struct response *r)
{
	arrive(r);
	work();
}

static void
page_with(const char *text, const char *etag)
{
	answer(&(struct response){
	    .status = 200, .type = "application/json", .text = text, .etag = etag });
}

static void
status(int code, const char *text, int64_t retry_after_ms)
{
	answer(&(struct response){ .status = code,
	    .type = "application/json",
	    .text = text,
	    .retry_after_ms = retry_after_ms });
}

static void
no_answer(void)
{
	answer(&(struct response){ .end = FETCH_UNREACHABLE, .reason = "nobody there" });
}

static void
too_big(void)
{
	answer(&(struct response){ .end = FETCH_TOO_BIG, .status = 200, .reason = "big" });
}

/* Responds with rows [from, to) of a list of `total` variables, or of empty connections. */
static const char *
rows(const char *type, int from, int to, int total)
{
	static char body[64 * 1024];
	int n = sprintf(body,
	    "{\"totalCount\":%d,\"limit\":1000,\"offset\":%d,"
	    "\"environmentObjects\":[",
	    total, from);
	const char *typed = strcmp(type, "CONNECTION") == 0 ? "\"connection\":{\"type\":\"http\"}"
			    : strcmp(type, "AIRFLOW_VARIABLE") == 0
				? "\"airflowVariable\":{\"value\":\"v\",\"isSecret\":false}"
				: "\"environmentVariable\":{\"value\":\"v\",\"isSecret\":false}";

	for (int i = from; i < to; i++)
		n += sprintf(body + n,
		    "%s{\"objectKey\":\"k%d\",\"objectType\":\"%s\",\"scope\":\"DEPLOYMENT\","
		    "\"scopeEntityId\":\"dep\",\"setFields\":[],%s}",
		    i > from ? "," : "", i, type, typed);
	strcpy(body + n, "]}");
	return body;
}

#define ROW(key)                                                                                   \
	"{\"objectKey\":\"" key "\",\"objectType\":\"CONNECTION\",\"scope\":\"DEPLOYMENT\","       \
	"\"scopeEntityId\":\"dep\",\"connection\":{\"type\":\"http\"}}"

static void
finish(struct world *w, enum sync_outcome outcome)
{
	struct later *job = put_off;

	assert_non_null(job);
	assert_int_equal(w->n_done, 0);
	put_off = NULL;
	job->run(job);
	work(); /* wipes the old generations */
	assert_int_equal(w->n_done, 1);
	if (w->outcome != outcome)
		fail_msg("outcome %d: %s", (int)w->outcome, w->reason);
	assert_null(asked);
	w->n_done = 0;
}

static void
answer_rest(void)
{
	page_with(rows("AIRFLOW_VARIABLE", 0, 1, 1), "\"v1\"");
	page_with(rows("ENVIRONMENT_VARIABLE", 0, 0, 0), "\"e1\"");
}

static void
sync_once(struct world *w, const char *tag)
{
	start(w);
	page_with(rows("CONNECTION", 0, 2, 2), tag);
	answer_rest();
	finish(w, SYNC_OK);
}

/* --- a good list ----------------------------------------------------------------------------- */

static void
three_lists_become_one_generation(void **state)
{
	struct world *w = *state;

	start(w);
	assert_string_equal(asked->url,
	    "https://one/v1/organizations/o%20r%2Fg/environment-objects?objectType=CONNECTION"
	    "&deploymentId=dep&resolveLinked=true&showSecrets=true&limit=1000&offset=0"
	    "&sorts=objectKey:asc");
	assert_string_equal(asked->token, "token-1");
	assert_null(asked->if_none_match);
	page_with(rows("CONNECTION", 0, 2, 2), NULL);
	assert_non_null(strstr(asked->url, "objectType=AIRFLOW_VARIABLE"));
	page_with(rows("AIRFLOW_VARIABLE", 0, 1, 1), NULL);
	assert_non_null(strstr(asked->url, "objectType=ENVIRONMENT_VARIABLE"));
	page_with(rows("ENVIRONMENT_VARIABLE", 0, 0, 0), NULL);
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 2);
	assert_int_equal(generation_count(w->current, KIND_VARIABLE), 1);
	assert_int_equal(generation_count(w->current, KIND_ENV), 0);
}

/* Also across a list that starts over, and by another manager. */
static void
all_requests_of_a_sync_have_one_id_and_the_next_sync_another(void **state)
{
	struct world *w = *state;
	char first[REPLICA_REQUEST_ID_SIZE];

	start(w);
	strcpy(first, asked->request_id);
	assert_int_equal(strspn(first, "0123456789abcdef"), REPLICA_REQUEST_ID_SIZE - 1);
	page_with(rows("CONNECTION", 0, 3, 5), "\"t\"");
	assert_string_equal(asked->request_id, first);
	page_with(rows("CONNECTION", 0, 2, 2), "\"u\""); /* it changed: from the start */
	assert_string_equal(asked->request_id, first);
	page_with(rows("CONNECTION", 0, 2, 2), "\"u\"");
	assert_string_equal(asked->request_id, first);
	answer_rest();
	finish(w, SYNC_OK);
	assert_string_equal(w->request_id, first);
	start(w);
	assert_string_not_equal(asked->request_id, first);
}

static void
a_workspace_is_asked_for_as_one(void **state)
{
	struct world *w = *state;

	w->config.manager.deployment = NULL;
	w->config.manager.workspace = workspace;
	start(w);
	assert_non_null(strstr(asked->url, "&workspaceId=ws&"));
	assert_null(strstr(asked->url, "deploymentId"));
}

static void
a_short_page_is_not_the_last(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 3, 5), "\"t\"");
	assert_non_null(strstr(asked->url, "&offset=2&"));
	page_with(rows("CONNECTION", 2, 4, 5), "\"t\"");
	assert_non_null(strstr(asked->url, "&offset=3&"));
	page_with(rows("CONNECTION", 3, 5, 5), "\"t\"");
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 5);
}

static void
a_row_too_large_to_serve_is_refused_alone(void **state)
{
	struct world *w = *state;
	size_t n = 3 * 1024 * 1024;
	char *body = malloc(n + 1024);
	const struct record *r;
	int at = sprintf(body,
	    "{\"totalCount\":1,\"limit\":1000,\"offset\":0,\"environmentObjects\":[{\"objectKey\":"
	    "\"big\",\"objectType\":\"CONNECTION\",\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":"
	    "\"dep\",\"setFields\":[],\"connection\":{\"type\":\"http\",\"extra\":{\"a\":\"");

	/* Each quote takes two bytes here, and four in a record. */
	for (size_t k = 0; k < n; k += 2)
		memcpy(body + at + k, "\\\"", 2);
	strcpy(body + at + n, "\"}}}]}");
	start(w);
	page_with(body, NULL);
	answer_rest();
	finish(w, SYNC_OK);
	r = generation_find(w->current, KIND_CONNECTION, span_of("big"));
	assert_non_null(r);
	assert_int_equal(r->state, RECORD_INVALID);
	assert_true(span_is(r->text, "extra"));
	free(body);
}

/* --- tags ------------------------------------------------------------------------------------- */

static void
tags_of_a_taken_list_save_the_next(void **state)
{
	struct world *w = *state;

	sync_once(w, "\"c1\"");
	start(w);
	assert_string_equal(asked->if_none_match, "\"c1\"");
	status(304, "", 0);
	assert_string_equal(asked->if_none_match, "\"v1\"");
	status(304, "", 0);
	assert_string_equal(asked->if_none_match, "\"e1\"");
	status(304, "", 0);
	finish(w, SYNC_NOT_MODIFIED);
}

static void
a_list_that_is_as_it_was_keeps_its_records_beside_a_new_one(void **state)
{
	struct world *w = *state;

	sync_once(w, "\"c1\"");
	start(w);
	status(304, "", 0);
	page_with(rows("AIRFLOW_VARIABLE", 0, 7, 7), "\"v2\"");
	status(304, "", 0);
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 2);
	assert_int_equal(generation_count(w->current, KIND_VARIABLE), 7);
	start(w);
	assert_string_equal(asked->if_none_match, "\"c1\"");
	status(304, "", 0);
	assert_string_equal(asked->if_none_match, "\"v2\"");
}

static void
tags_of_a_list_that_was_not_taken_are_forgotten(void **state)
{
	struct world *w = *state;

	sync_once(w, "\"c1\"");
	w->take = false;
	sync_once(w, "\"c2\"");
	start(w);
	assert_string_equal(asked->if_none_match, "\"c1\"");
}

static void
a_list_without_a_tag_clears_the_old_one(void **state)
{
	struct world *w = *state;

	sync_once(w, "\"c1\"");
	sync_once(w, NULL);
	start(w);
	assert_null(asked->if_none_match);
}

static void
not_modified_is_not_believed_unasked(void **state)
{
	struct world *w = *state;

	start(w);
	status(304, "", 0);
	finish(w, SYNC_BAD);
}

static void
only_the_first_page_is_conditional(void **state)
{
	struct world *w = *state;

	sync_once(w, "\"c1\"");
	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), "\"c2\"");
	assert_null(asked->if_none_match);
	page_with(rows("CONNECTION", 1, 4, 4), "\"c2\"");
	answer_rest();
	finish(w, SYNC_OK);
}

/* --- lists that change while they are read ---------------------------------------------------- */

static void
a_count_that_changes_between_pages_begins_anew(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), NULL);
	page_with(rows("CONNECTION", 1, 4, 5), NULL);
	assert_non_null(strstr(asked->url, "&offset=0&"));
	page_with(rows("CONNECTION", 0, 5, 5), NULL);
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 5);
}

/* A proxy that compresses makes some ETags weak; they still match. */
static void
tags_compare_weakly(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), "W/\"a\"");
	page_with(rows("CONNECTION", 1, 4, 4), "\"a\"");
	assert_non_null(strstr(asked->url, "objectType=AIRFLOW_VARIABLE"));
	answer_rest();
	finish(w, SYNC_OK);
	start(w);
	assert_string_equal(asked->if_none_match, "W/\"a\"");
}

/* Page one is read again at the end. In the next sync its 304 does not cover the other pages. */
static void
pages_with_tags_of_their_own_are_a_list_when_page_one_stays(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), "\"a\"");
	page_with(rows("CONNECTION", 1, 4, 4), "\"b\"");
	assert_non_null(strstr(asked->url, "&offset=0&"));
	assert_string_equal(asked->if_none_match, "\"a\"");
	status(304, "", 0);
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 4);
	start(w);
	assert_null(asked->if_none_match);
	page_with(rows("CONNECTION", 0, 4, 4), "\"a\"");
	status(304, "", 0);
	status(304, "", 0);
	finish(w, SYNC_OK);
}

static void
pages_without_tags_are_a_list_when_page_one_stays(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), NULL);
	page_with(rows("CONNECTION", 1, 4, 4), "\"b\"");
	assert_non_null(strstr(asked->url, "&offset=0&"));
	assert_null(asked->if_none_match);
	page_with(rows("CONNECTION", 0, 2, 4), NULL);
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 4);
}

static void
page_one_that_changed_meanwhile_begins_anew(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), NULL);
	page_with(rows("CONNECTION", 1, 4, 4), NULL);
	page_with(rows("CONNECTION", 1, 3, 4), NULL); /* one row was deleted and another created */
	assert_non_null(strstr(asked->url, "&offset=0&"));
	page_with(rows("CONNECTION", 0, 4, 4), NULL);
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 4);
}

/* A row that moves from page two to page one would be lost. */
static void
pages_that_do_not_overlap_begin_anew(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), NULL);
	page_with(rows("CONNECTION", 2, 5, 4), NULL);
	assert_non_null(strstr(asked->url, "&offset=0&"));
	page_with(rows("CONNECTION", 0, 4, 4), NULL);
	answer_rest();
	finish(w, SYNC_OK);
}

/* --- pages too large --------------------------------------------------------------------- */

static void
a_page_too_large_is_asked_for_with_fewer_rows(void **state)
{
	struct world *w = *state;

	start(w);
	too_big();
	assert_non_null(strstr(asked->url, "&limit=250&offset=0&"));
	page_with(rows("CONNECTION", 0, 3, 5), NULL);
	assert_non_null(strstr(asked->url, "&limit=250&offset=2&"));
	too_big();
	assert_non_null(strstr(asked->url, "&limit=62&offset=2&"));
	page_with(rows("CONNECTION", 2, 5, 5), NULL);
	/* Page one again, with the same limit. */
	assert_non_null(strstr(asked->url, "&limit=250&offset=0&"));
	page_with(rows("CONNECTION", 0, 3, 5), NULL);
	assert_non_null(strstr(asked->url, "&limit=1000&offset=0&"));
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 5);
	/* The next sync starts with the limit that worked, and raises it while pages are small. */
	start(w);
	assert_non_null(strstr(asked->url, "&limit=124&offset=0&"));
	page_with(rows("CONNECTION", 0, 5, 5), NULL);
	answer_rest();
	finish(w, SYNC_OK);
	start(w);
	assert_non_null(strstr(asked->url, "&limit=248&offset=0&"));
}

static void
two_rows_too_large_are_bad(void **state)
{
	static const int want[] = { 250, 62, 15, 3, 2 };
	struct world *w = *state;
	char limit[32];

	start(w);
	for (size_t i = 0; i < N_ELEMENTS(want); i++) {
		too_big();
		sprintf(limit, "&limit=%d&", want[i]);
		assert_non_null(strstr(asked->url, limit));
	}
	too_big();
	finish(w, SYNC_BAD);
	assert_string_equal(w->reason, "https://one: a page of 2 rows is larger than 32 MiB");
}

/* With one row per page, pages cannot overlap. */
static void
one_row_a_page_is_read_without_overlap(void **state)
{
	struct world *w = *state;

	start(w);
	for (int i = 0; i < 3; i++)
		page_with(rows("CONNECTION", i, i + 1, 3), NULL);
	page_with(rows("CONNECTION", 0, 1, 3), NULL); /* page one again */
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 3);
}

/* The list is as old as the first request of the last attempt. */
static void
a_list_is_of_the_time_it_was_asked_for(void **state)
{
	struct world *w = *state;
	int64_t again_ms;

	start(w);
	now_ms += 1000;
	page_with(rows("CONNECTION", 0, 2, 4), NULL);
	now_ms += 1000;
	again_ms = now_ms;
	page_with(rows("CONNECTION", 1, 3, 3), NULL); /* starts over */
	now_ms += 1000;
	page_with(rows("CONNECTION", 0, 3, 3), NULL);
	now_ms += 1000;
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(w->asked_ms, again_ms);
}

static void
a_list_larger_than_any_is_bad_at_once(void **state)
{
	struct world *w = *state;

	start(w);
	page_with(rows("CONNECTION", 0, 1, 200001), NULL);
	finish(w, SYNC_BAD);
}

static void
a_list_that_never_holds_still_is_bad(void **state)
{
	struct world *w = *state;

	start(w);
	for (int i = 0; i < 3; i++) {
		page_with(rows("CONNECTION", 0, 2, 4), NULL);
		page_with(rows("CONNECTION", 2, 2, 4),
		    NULL); /* an empty page, but two rows are missing */
	}
	finish(w, SYNC_BAD);
	assert_non_null(strstr(w->reason, "not complete"));
}

static void
more_rows_than_counted_are_bad(void **state)
{
	struct world *w = *state;

	start(w);
	for (int i = 0; i < 3; i++)
		page_with(rows("CONNECTION", 0, 3, 2), NULL);
	finish(w, SYNC_BAD);
}

static void
a_key_twice_is_bad(void **state)
{
	struct world *w = *state;

	start(w);
	for (int i = 0; i < 3; i++) {
		page_with(rows("CONNECTION", 0, 2, 4), NULL);
		page_with("{\"totalCount\":4,\"environmentObjects\":[" ROW("k1") "," ROW(
			      "k2") "," ROW("k1") "]}",
		    NULL);
	}
	finish(w, SYNC_BAD);
	assert_non_null(strstr(w->reason, "the same key"));
}

/* --- invalid responses, and status codes ------------------------------------------------------ */

static void
a_page_of_type_html_is_a_bad_response(void **state)
{
	struct world *w = *state;

	start(w);
	answer(&(struct response){
	    .status = 200, .type = "text/html", .text = rows("CONNECTION", 0, 1, 1) });
	finish(w, SYNC_BAD);
}

static void
a_truncated_page_is_bad(void **state)
{
	struct world *w = *state;

	start(w);
	page_with("{\"totalCount\":1,\"environmentObjects\":[{\"obj", NULL);
	finish(w, SYNC_BAD);
}

static void
each_status_has_its_outcome(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum sync_outcome outcome;
	} row[] = {
		{ 204, "", SYNC_BAD },
		{ 301, "", SYNC_BAD },
		{ 302, "", SYNC_BAD },
		{ 400, "{}", SYNC_BAD },
		{ 401, "{\"message\":\"no\"}", SYNC_UNAUTHORIZED },
		{ 403, "", SYNC_UNAUTHORIZED },
		{ 404, "", SYNC_UNREACHABLE },
		{ 405, "", SYNC_BAD },
		{ 407, "", SYNC_UNREACHABLE },
		{ 408, "", SYNC_UNREACHABLE },
		{ 425, "", SYNC_UNREACHABLE },
		{ 429, "", SYNC_UNREACHABLE },
		{ 500, "<html>", SYNC_UNREACHABLE },
		{ 503, "", SYNC_UNREACHABLE },
		{ 405, "{\"message\":\"showSecrets on organization with id x is not allowed\"}",
		    SYNC_REFUSED },
		{ 403, "{\"message\":\"showSecrets on organization with id x is not allowed\"}",
		    SYNC_REFUSED },
		{ 500, "{\"message\":\"showSecrets on organization with id x is not allowed\"}",
		    SYNC_REFUSED },
	};
	struct world *w = *state;

	for (size_t i = 0; i < N_ELEMENTS(row); i++) {
		start(w);
		status(row[i].status, row[i].body, 7000);
		finish(w, row[i].outcome);
		assert_int_equal(w->retry_after_ms, 7000);
	}
}

static void
a_fetch_without_an_answer_has_its_outcome(void **state)
{
	struct world *w = *state;

	start(w);
	no_answer();
	finish(w, SYNC_UNREACHABLE);
	assert_string_equal(w->reason, "https://one: nobody there");
	start(w);
	answer(&(struct response){ .end = FETCH_BAD, .status = 200, .reason = "endless" });
	finish(w, SYNC_BAD);
	start(w);
	answer(&(struct response){ .end = FETCH_FAILED, .reason = "memory" });
	finish(w, SYNC_FAILED);
}

static void
foreign_text_reaches_the_reason_as_plain_ascii(void **state)
{
	struct world *w = *state;

	start(w);
	status(403, "{\"message\":\"n\xc3\xb6\\n\"}", 0);
	finish(w, SYNC_UNAUTHORIZED);
	assert_string_equal(w->reason, "https://one: status 403: n???; the token needs the "
				       "right to read these objects and their secrets");
}

/* --- tokens and URLs -------------------------------------------------------------------------- */

/* The same configuration, except one setting that makes it another manager. */
static struct sync_source
other_source(struct world *w)
{
	w->reloaded = w->config;
	w->reloaded.manager.insecure_http = !w->config.manager.insecure_http;
	return (struct sync_source){ .config = &w->reloaded, .token_path = w->token_path };
}

static void
without_a_token_nobody_is_asked(void **state)
{
	struct world *w = *state;

	write_token(w, "two words\n");
	start(w);
	assert_int_equal(n_asked, 0);
	finish(w, SYNC_FAILED);
	write_token(w, "\n");
	start(w);
	finish(w, SYNC_FAILED);
	assert_int_equal(n_asked, 0);
}

static void
a_renewed_token_is_tried_once_after_401(void **state)
{
	struct world *w = *state;

	start(w);
	write_token(w, "token-2");
	status(401, "", 0);
	assert_string_equal(asked->token, "token-2");
	write_token(w, "token-3");
	status(401, "", 0);
	finish(w, SYNC_UNAUTHORIZED);
	start(w);
	assert_string_equal(asked->token, "token-3");
	status(401, "", 0);
	finish(w, SYNC_UNAUTHORIZED);
}

static void
the_next_url_is_tried_when_the_first_fails(void **state)
{
	struct world *w = *state;

	w->config.manager.url.n = 2;
	sync_once(w, "\"c1\"");
	start(w);
	assert_string_equal(asked->if_none_match, "\"c1\"");
	no_answer();
	assert_memory_equal(asked->url, "https://two/", 12);
	assert_null(asked->if_none_match);
	status(500, "", 0);
	finish(w, SYNC_UNREACHABLE);
	assert_string_equal(w->reason, "https://two: status 500");
	sync_once(w, "\"c2\""); /* stays with the second URL */
	start(w);
	assert_memory_equal(asked->url, "https://two/", 12);
	assert_string_equal(asked->if_none_match, "\"c2\"");
}

/* After five minutes; the ETag of the second URL is not sent to the first. */
static void
the_first_url_is_preferred_again_later(void **state)
{
	struct world *w = *state;
	int64_t left_ms;

	w->config.manager.url.n = 2;
	start(w);
	left_ms = now_ms;
	no_answer();
	page_with(rows("CONNECTION", 0, 2, 2), "\"c1\"");
	answer_rest();
	finish(w, SYNC_OK);
	now_ms = left_ms + 299999 - START_MS;
	start(w);
	assert_memory_equal(asked->url, "https://two/", 12);
	status(304, "", 0);
	status(304, "", 0);
	status(304, "", 0);
	finish(w, SYNC_NOT_MODIFIED);
	now_ms = left_ms + 300000 - START_MS;
	start(w);
	assert_memory_equal(asked->url, "https://one/", 12);
	assert_null(asked->if_none_match);
	page_with(rows("CONNECTION", 0, 2, 2), NULL);
	answer_rest();
	finish(w, SYNC_OK);
}

static void
each_refusal_has_its_advice(void **state)
{
	struct world *w = *state;

	start(w);
	status(401, "{\"message\":\"expired\"}", 0);
	finish(w, SYNC_UNAUTHORIZED);
	assert_non_null(strstr(w->reason, "expired; put a valid token into its file"));
	start(w);
	status(403, "", 0);
	finish(w, SYNC_UNAUTHORIZED);
	assert_non_null(strstr(w->reason, "needs the right to read"));
	start(w);
	status(405, "{\"message\":\"showSecrets on organization with id x is not allowed\"}", 0);
	finish(w, SYNC_REFUSED);
	assert_non_null(strstr(w->reason, "\"Environment Secrets Fetching\" is off"));
	start(w);
	status(500, "{\"message\":\"broken\"}", 0);
	finish(w, SYNC_UNREACHABLE);
	assert_string_equal(w->reason, "https://one: status 500: broken");
}

/* The rate of requests is limited, however short and fast the pages are. */
static void
many_pages_do_not_use_up_the_tokens_calls(void **state)
{
	struct world *w = *state;
	int64_t began_ms, at_ms[300];
	int n = 0;

	start(w);
	began_ms = now_ms;
	for (int i = 0; i < 300; i++) {
		while (!asked)
			assert_true(rang_by(now_ms + 1000));
		assert_int_equal(n_asked, i + 1);
		at_ms[n++] = now_ms;
		page_with(rows("CONNECTION", i, i + 1, 400), NULL);
	}
	for (int i = 0; i < n; i++) {
		int in_a_second = 0;

		for (int j = i; j < n && at_ms[j] < at_ms[i] + 1000; j++)
			in_a_second++;
		assert_in_range(in_a_second, 0, 24);
	}
	assert_int_equal(at_ms[11], began_ms); /* a list of usual size is not delayed */
	assert_in_range(now_ms - began_ms, 20000, 26000);
}

static void
a_reload_while_a_page_waits_for_its_turn(void **state)
{
	struct world *w = *state;
	struct sync_source source = other_source(w);

	now_ms += 60000;
	start(w);
	for (int i = 0; asked; i++)
		page_with(rows("CONNECTION", i, i + 1, 400), NULL);
	assert_true(the_alarm.at_ms > now_ms);
	sync_use(w->sync, &source);
	while (!asked)
		assert_true(rang_by(now_ms + 1000));
	assert_int_equal(the_alarm.at_ms, INT64_MAX);
	assert_non_null(strstr(asked->url, "&offset=0&"));
	now_ms += 60000;
	page_with(rows("CONNECTION", 0, 2, 2), NULL);
	answer_rest();
	finish(w, SYNC_OK);
}

static void
a_refusal_does_not_move_to_the_next_url(void **state)
{
	struct world *w = *state;

	w->config.manager.url.n = 2;
	start(w);
	status(403, "", 0);
	finish(w, SYNC_UNAUTHORIZED);
	start(w);
	status(404, "", 0);
	finish(w, SYNC_UNREACHABLE);
}

static void
a_reload_of_another_manager_begins_a_running_sync_anew_and_it_ends_once(void **state)
{
	struct world *w = *state;
	struct sync_source source = other_source(w);

	sync_once(w, "\"c1\"");
	start(w);
	page_with(rows("CONNECTION", 0, 2, 4), "\"c2\"");
	sync_use(w->sync, &source);
	assert_non_null(strstr(asked->url, "&offset=0&"));
	assert_null(asked->if_none_match);
	page_with(rows("CONNECTION", 0, 2, 2), NULL);
	answer_rest();
	finish(w, SYNC_OK);
}

static void
a_reload_of_the_same_manager_lets_a_running_sync_go_on(void **state)
{
	struct world *w = *state;
	struct sync_source source = { .config = &w->reloaded, .token_path = w->token_path };

	w->reloaded = w->config;
	w->reloaded.freshness.windows.ttl_ms++;
	sync_once(w, "\"c1\"");
	start(w);
	assert_string_equal(asked->if_none_match, "\"c1\"");
	sync_use(w->sync, &source);
	memset(&w->config, 0xff, sizeof w->config); /* the old upstream is freed */
	page_with(rows("CONNECTION", 0, 2, 4), "\"c2\"");
	source.config = &w->reloaded;
	sync_use(w->sync, &source);
	assert_non_null(strstr(asked->url, "&offset=1&"));
	arrive(&(struct response){ .status = 200,
	    .type = "application/json",
	    .text = rows("CONNECTION", 1, 4, 4),
	    .etag = "\"c2\"" });
	sync_use(w->sync, &source);
	assert_non_null(working); /* does not wait for the worker either */
	work();
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 4);
	start(w);
	assert_string_equal(asked->if_none_match, "\"c2\"");
}

static void
a_reload_while_the_worker_is_busy_waits_for_it(void **state)
{
	struct world *w = *state;
	struct sync_source source = other_source(w);

	start(w);
	arrive(&(struct response){
	    .status = 200, .type = "application/json", .text = rows("CONNECTION", 0, 2, 4) });
	assert_non_null(working);
	sync_use(w->sync, &source);
	assert_null(working);
	page_with(rows("CONNECTION", 0, 1, 1), NULL);
	answer_rest();
	finish(w, SYNC_OK);
	assert_int_equal(generation_count(w->current, KIND_CONNECTION), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(three_lists_become_one_generation),
		TEST(all_requests_of_a_sync_have_one_id_and_the_next_sync_another),
		TEST(a_workspace_is_asked_for_as_one),
		TEST(a_short_page_is_not_the_last),
		TEST(a_row_too_large_to_serve_is_refused_alone),
		TEST(tags_of_a_taken_list_save_the_next),
		TEST(a_list_that_is_as_it_was_keeps_its_records_beside_a_new_one),
		TEST(tags_of_a_list_that_was_not_taken_are_forgotten),
		TEST(a_list_without_a_tag_clears_the_old_one),
		TEST(not_modified_is_not_believed_unasked),
		TEST(only_the_first_page_is_conditional),
		TEST(a_count_that_changes_between_pages_begins_anew),
		TEST(tags_compare_weakly),
		TEST(pages_with_tags_of_their_own_are_a_list_when_page_one_stays),
		TEST(pages_without_tags_are_a_list_when_page_one_stays),
		TEST(page_one_that_changed_meanwhile_begins_anew),
		TEST(pages_that_do_not_overlap_begin_anew),
		TEST(a_page_too_large_is_asked_for_with_fewer_rows),
		TEST(two_rows_too_large_are_bad),
		TEST(one_row_a_page_is_read_without_overlap),
		TEST(a_list_is_of_the_time_it_was_asked_for),
		TEST(a_list_larger_than_any_is_bad_at_once),
		TEST(a_list_that_never_holds_still_is_bad),
		TEST(more_rows_than_counted_are_bad),
		TEST(a_key_twice_is_bad),
		TEST(a_page_of_type_html_is_a_bad_response),
		TEST(a_truncated_page_is_bad),
		TEST(each_status_has_its_outcome),
		TEST(a_fetch_without_an_answer_has_its_outcome),
		TEST(foreign_text_reaches_the_reason_as_plain_ascii),
		TEST(without_a_token_nobody_is_asked),
		TEST(a_renewed_token_is_tried_once_after_401),
		TEST(the_next_url_is_tried_when_the_first_fails),
		TEST(the_first_url_is_preferred_again_later),
		TEST(each_refusal_has_its_advice),
		TEST(many_pages_do_not_use_up_the_tokens_calls),
		TEST(a_reload_while_a_page_waits_for_its_turn),
		TEST(a_refusal_does_not_move_to_the_next_url),
		TEST(a_reload_of_another_manager_begins_a_running_sync_anew_and_it_ends_once),
		TEST(a_reload_of_the_same_manager_lets_a_running_sync_go_on),
		TEST(a_reload_while_the_worker_is_busy_waits_for_it),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
