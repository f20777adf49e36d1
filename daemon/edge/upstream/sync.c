/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/sync.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "edge/upstream/call_budget.h"
#include "edge/upstream/list_url.h"
#include "edge/upstream/page_builder.h"
#include "edge/upstream/paging.h"
#include "edge/upstream/refusal.h"
#include "edge/upstream/token.h"
#include "edge/upstream/token_file.h"
#include "proto/page.h"

#define N_LISTS         N_KINDS
#define MAX_URL         2048
#define MAX_BEGINNINGS  3               /* how often one sync starts over when a list changes */
#define PREFER_FIRST_MS (5 * 60 * 1000) /* when to try the first URL again after leaving it */
#define URL_SHOWN       80              /* bytes of the URL in a reason */

struct sync {
	struct loop *loop;
	struct sync_source source;
	sync_done *done;
	void *env;
	char *deployment; /* or NULL; a copy, because the worker reads it during a reload */

	/* Kept from sync to sync. */
	struct paging list[N_LISTS]; /* their ETags belong to the URL in use */
	size_t url;                  /* index of the URL in use */
	int64_t left_first_ms;
	struct call_budget budget;
	struct alarm *alarm; /* delays the next request when there were many */
	struct token_life token_life;

	/* The running sync. */
	bool running;
	struct sync_basis basis; /* holds a reference to its generation */
	struct later job;
	int beginnings;
	size_t urls_left;
	bool token_read_again;
	char request_id[REPLICA_REQUEST_ID_SIZE]; /* of all its requests */
	struct token token;
	struct fetch *fetch;
	struct build build;
	bool same[N_LISTS]; /* the response was 304 */
	enum record_kind kind;
	size_t bytes, objects;
	int64_t asked_ms; /* when the first page of the first list was requested */
	enum sync_outcome outcome;
	int64_t retry_after_ms;
	char reason[REPLICA_REASON_SIZE];
};

static void ask(struct sync *s);

/* --- the end ------------------------------------------------------------------------------ */

static const char *
url_of(const struct sync *s)
{
	return s->source.config->manager.url.item[s->url];
}

static void
forget_tags(struct sync *s)
{
	for (size_t i = 0; i < N_LISTS; i++)
		paging_forget_tag(&s->list[i]);
}

static void
keep_tags(struct sync *s)
{
	for (size_t i = 0; i < N_LISTS; i++)
		if (!s->same[i])
			paging_keep_tag(&s->list[i]);
}

/* Drops everything read so far. */
static void
clear_lists(struct sync *s)
{
	const struct config *c = s->source.config;

	build_reset(&s->build, c->memory.lock, c->memory.max_bytes);
	memset(s->same, 0, sizeof s->same);
	token_free(&s->token);
	s->kind = 0;
	s->bytes = s->objects = 0;
}

static void
on_finished(struct later *job)
{
	struct sync *s = CONTAINER_OF(job, struct sync, job);
	struct sync_result result = {
		.outcome = s->outcome,
		.asked_ms = s->asked_ms,
		.retry_after_ms = s->retry_after_ms,
		.reason = s->reason,
		.request_id = s->request_id,
	};
	struct generation *current = s->basis.current, *made = NULL;

	if (s->outcome == SYNC_OK) {
		result.list = s->build.result.list;
		s->build.result.list.generation = NULL;
		made = generation_ref(result.list.generation);
	}
	s->basis.current = NULL;
	s->running = false;
	if (s->done(s->env, &result))
		keep_tags(s);
	clear_lists(s);
	/* One of the two is now served; the other may have lost its last user. */
	build_dispose(&s->build, current, made);
}

/* Ends the sync after this turn of the loop, because the caller may be in sync_start(). */
static void PRINTF(3, 4) finish(struct sync *s, enum sync_outcome outcome, const char *fmt, ...)
{
	char what[sizeof s->reason - URL_SHOWN - 4];
	va_list ap;

	s->outcome = outcome;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	(void)snprintf(s->reason, sizeof s->reason, "%.*s: %s", URL_SHOWN, url_of(s), what);
	loop_after_turn(s->loop, &s->job);
}

static void
finish_with_error(struct sync *s, int error)
{
	switch (error) {
	case -ENOMEM:
		finish(s, SYNC_FAILED, "out of memory");
		return;
	case -EPERM:
		finish(s, SYNC_FAILED,
		    "memory cannot be locked: raise RLIMIT_MEMLOCK, or set [memory] lock = prefer");
		return;
	case -EMSGSIZE:
		finish(s, SYNC_FAILED, "the objects need more than [memory] max_bytes");
		return;
	case -ENAMETOOLONG:
		finish(s, SYNC_FAILED, "the list's URL is too long");
		return;
	default:
		finish(s, SYNC_FAILED, "%s", strerror(-error));
		return;
	}
}

/* --- the start ---------------------------------------------------------------------------- */

static int
read_token(struct sync *s)
{
	struct why why = { "" };

	if (token_load(&s->token, s->source.token_path, s->source.config->memory.lock, &why) < 0) {
		finish(s, SYNC_FAILED, "%s", why.text);
		return -1;
	}
	token_read_life(&s->token_life, s->token.text);
	return 0;
}

static void
begin(struct sync *s)
{
	clear_lists(s);
	s->retry_after_ms = 0;
	paging_begin(&s->list[0]);
	if (read_token(s) == 0)
		ask(s);
}

/* Starts over: the list changed while it was read, so its pages do not fit together. */
static void
begin_again(struct sync *s, const char *why)
{
	if (++s->beginnings < MAX_BEGINNINGS)
		begin(s);
	else
		finish(s, SYNC_BAD, "%s", why);
}

static void
turn_to_url(struct sync *s, size_t url)
{
	if (url == s->url)
		return;
	forget_tags(s);
	s->url = url;
	s->left_first_ms = clock_boot_ms();
}

/* Starts over with the next URL. False if all have been tried. */
static bool
next_url(struct sync *s, const char *why)
{
	size_t n = s->source.config->manager.url.n;

	if (s->urls_left == 0)
		return false;
	s->urls_left--;
	log_warn("manager did not respond: trying the next URL", LOG_STR("url", url_of(s)),
	    LOG_STR("reason", why));
	turn_to_url(s, (s->url + 1) % n);
	begin(s);
	return true;
}

static void
draw_request_id(struct sync *s)
{
	uint8_t id[(REPLICA_REQUEST_ID_SIZE - 1) / 2];

	rnd_bytes(id, sizeof id);
	hex_encode(s->request_id, id, sizeof id);
}

void
sync_start(struct sync *s, const struct sync_basis *basis)
{
	s->running = true;
	draw_request_id(s);
	s->basis = *basis;
	if (basis->current)
		(void)generation_ref(basis->current);
	s->beginnings = 0;
	s->token_read_again = false;
	s->urls_left = s->source.config->manager.url.n - 1;
	if (s->url != 0 && clock_boot_ms() - s->left_first_ms >= PREFER_FIRST_MS)
		turn_to_url(s, 0);
	begin(s);
}

/* --- lists -------------------------------------------------------------------------------- */

static void
on_lists_built(void *env)
{
	struct sync *s = env;
	const struct build *b = &s->build;

	if (b->error < 0)
		finish_with_error(s, b->error);
	else
		finish(s, b->result.outcome, "%s", b->result.reason ? b->result.reason : "");
}

static void
finish_good(struct sync *s)
{
	bool all_same = true;

	for (size_t i = 0; i < N_LISTS; i++)
		all_same = all_same && s->same[i];
	if (all_same)
		finish(s, SYNC_NOT_MODIFIED, "%s", "");
	else
		build_finish(&s->build, s->same, &s->basis, on_lists_built);
}

static void
next_list(struct sync *s)
{
	if (++s->kind == N_LISTS) {
		finish_good(s);
		return;
	}
	paging_begin(&s->list[s->kind]);
	ask(s);
}

static void
ask_for_fewer_rows(struct sync *s)
{
	struct paging *p = &s->list[s->kind];

	if (paging_ask_for_fewer(p))
		ask(s);
	else
		finish(s, SYNC_BAD, "a page of %d rows is larger than %d MiB", paging_rows(p),
		    LIMIT_PAGE_BYTES / (1024 * 1024));
}

/* Continues after the rows of a page have been added to the builder. */
static void
page_read(struct sync *s, const struct page_facts *f)
{
	const char *why = "";

	s->bytes += f->bytes;
	s->objects += f->n_rows;
	if (s->bytes > LIMIT_SYNC_BYTES) {
		finish(s, SYNC_BAD, "the lists are larger than %d MiB",
		    LIMIT_SYNC_BYTES / (1024 * 1024));
		return;
	}
	switch (paging_note_page(&s->list[s->kind], f, &why)) {
	case PAGING_MORE:
		ask(s);
		return;
	case PAGING_DONE:
		next_list(s);
		return;
	case PAGING_CHANGED:
		begin_again(s, why);
		return;
	case PAGING_BAD:
		finish(s, SYNC_BAD, "%s", why);
		return;
	}
}

static void
on_page_built(void *env)
{
	struct sync *s = env;
	const struct build *b = &s->build;

	switch (b->error) {
	case 0:
		page_read(s, &b->facts);
		return;
	case -EEXIST:
		begin_again(s, "the list has two objects with the same key");
		return;
	case -E2BIG:
		ask_for_fewer_rows(s);
		return;
	case -EBADMSG:
		finish(s, SYNC_BAD, "%s", b->why.text);
		return;
	default:
		finish_with_error(s, b->error);
		return;
	}
}

static enum build_page_use
use_of(const struct paging *p)
{
	if (p->step == PAGE_CHECK)
		return BUILD_COMPARE;
	return p->step == PAGE_NEXT && p->overlaps ? BUILD_SKIP_FIRST : BUILD_ALL;
}

static void
on_list_page(struct sync *s, const struct fetch_result *f)
{
	struct paging *p = &s->list[s->kind];

	if (!f->content_type || !strcasestr(f->content_type, "json")) {
		finish(s, SYNC_BAD, "the response is not JSON: its Content-Type is %.80s",
		    f->content_type ? f->content_type : "missing");
		return;
	}
	paging_note_tag(p, f->etag);
	build_page(&s->build, s->kind, span_of(s->deployment), f->body, use_of(p), on_page_built);
}

/* --- responses ---------------------------------------------------------------------------- */

static const char *
tag_to_send(const struct sync *s)
{
	return paging_tag_to_send(&s->list[s->kind], s->basis.current != NULL);
}

/* 304 to the first request: the list has not changed. To the check of page one: it is complete. */
static void
on_not_modified(struct sync *s)
{
	s->same[s->kind] = s->list[s->kind].step == PAGE_FIRST;
	next_list(s);
}

/* Starts over with the token file's new contents, if they have changed. False if they have not. */
static bool
try_new_token(struct sync *s)
{
	struct token token = { 0 };
	struct why why;
	bool renewed = false;

	if (s->token_read_again)
		return false;
	s->token_read_again = true;
	if (token_load(&token, s->source.token_path, s->source.config->memory.lock, &why) == 0)
		renewed = token.text.n != s->token.text.n ||
			  !hash_equal(token.text.p, s->token.text.p, token.text.n);
	token_free(&token);
	if (renewed)
		begin(s);
	return renewed;
}

static void
on_refusal(struct sync *s, const struct fetch_result *f)
{
	struct refusal refusal;

	refusal_read(&refusal, f, s->source.token_path);
	if (f->status == 401 && try_new_token(s))
		return;
	if (f->status >= 500 && refusal.outcome == SYNC_UNREACHABLE && next_url(s, refusal.text))
		return;
	s->retry_after_ms = f->retry_after_ms;
	finish(s, refusal.outcome, "%s", refusal.text);
}

static void
on_no_response(struct sync *s, const struct fetch_result *f)
{
	struct refusal refusal;

	refusal_of_failure(&refusal, f);
	if (f->end == FETCH_TOO_BIG)
		ask_for_fewer_rows(s);
	else if (f->end != FETCH_UNREACHABLE || !next_url(s, refusal.text))
		finish(s, refusal.outcome, "%s", refusal.text);
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct sync *s = env;

	s->fetch = NULL;
	if (f->end != FETCH_ANSWERED)
		on_no_response(s, f);
	else if (f->status == 200)
		on_list_page(s, f);
	else if (f->status == 304 && tag_to_send(s))
		on_not_modified(s);
	else
		on_refusal(s, f);
}

/* --- requests ----------------------------------------------------------------------------- */

static int
send_request(struct sync *s, struct buf *url)
{
	const struct paging *p = &s->list[s->kind];
	struct list_query list = {
		.base = url_of(s),
		.type = manager_type_name(build_type_of(s->kind)),
		.limit = paging_rows(p),
		.offset = paging_offset(p),
	};
	struct fetch_request q = {
		.socket_path = list_socket(list.base),
		.token = s->token.text,
		.if_none_match = tag_to_send(s),
		.request_id = s->request_id,
		.max_body = LIMIT_PAGE_BYTES,
		.report = s->kind == 0 ? &s->source.report : NULL, /* once a sync is enough */
	};

	list_url(url, s->source.config, &list);
	q.url = buf_str(url);
	if (buf_error(url))
		return -ENAMETOOLONG;
	return upstream_fetch(s->source.upstream, &q, on_fetched, s, &s->fetch);
}

static void
fetch_page(void *arg)
{
	struct sync *s = arg;
	struct buf url = BUF_INIT(MAX_URL);
	int r;

	if (s->kind == 0 && s->list[0].step == PAGE_FIRST)
		s->asked_ms = clock_boot_ms();
	r = send_request(s, &url);
	if (r < 0)
		finish_with_error(s, r);
	buf_fini(&url);
}

/* Requests the next page, once the call budget allows it. */
static void
ask(struct sync *s)
{
	int64_t now_ms = clock_boot_ms(), wait_ms = call_budget_take(&s->budget, now_ms);

	if (wait_ms > 0)
		alarm_set(s->alarm, now_ms + wait_ms);
	else
		fetch_page(s);
}

/* --- creation, reload, destruction -------------------------------------------------------- */

int
sync_new(struct sync **out, struct loop *loop, struct worker *worker,
    const struct sync_source *source, sync_done *done, void *env)
{
	const char *deployment = source->config->manager.deployment;
	struct sync *s = mem_zalloc(sizeof *s);

	if (!s)
		return -ENOMEM;
	s->deployment = deployment ? mem_strdup(deployment) : NULL;
	if ((deployment && !s->deployment) || alarm_new(&s->alarm, loop, fetch_page, s) < 0) {
		mem_free(s->deployment);
		mem_free(s);
		return -ENOMEM;
	}
	s->loop = loop;
	s->source = *source;
	s->done = done;
	s->env = env;
	s->job.run = on_finished;
	for (size_t i = 0; i < N_LISTS; i++)
		paging_init(&s->list[i]);
	build_init(&s->build, worker, s);
	*out = s;
	return 0;
}

void
sync_use(struct sync *s, const struct sync_source *source)
{
	bool same = config_same_manager(s->source.config, source->config);

	s->source = *source;
	if (same)
		return;
	/* ETags of the old manager or token must not be sent to the new one. */
	s->url = 0;
	forget_tags(s);
	if (!s->running)
		return;
	upstream_cancel(s->fetch);
	s->fetch = NULL;
	alarm_set(s->alarm, INT64_MAX);
	loop_forget(s->loop, &s->job);
	s->beginnings = 0;
	s->urls_left = source->config->manager.url.n - 1;
	begin(s);
}

const char *
sync_url(const struct sync *s)
{
	return url_of(s);
}

const char *
sync_watchable_url(const struct sync *s)
{
	return s->list[KIND_CONNECTION].tag ? url_of(s) : NULL;
}

struct token_life
sync_token_life(const struct sync *s)
{
	return s->token_life;
}

struct sync *
sync_free(struct sync *s)
{
	if (!s)
		return NULL;
	upstream_cancel(s->fetch);
	s->alarm = alarm_free(s->alarm);
	loop_forget(s->loop, &s->job);
	clear_lists(s);
	build_fini(&s->build);
	for (size_t i = 0; i < N_LISTS; i++)
		paging_fini(&s->list[i]);
	generation_unref(s->basis.current);
	mem_free(s->deployment);
	mem_free(s);
	return NULL;
}
