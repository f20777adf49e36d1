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
#include "edge/upstream/list_url.h"
#include "edge/upstream/page_builder.h"
#include "edge/upstream/token_file.h"
#include "proto/page.h"

#define N_LISTS         N_KINDS
#define MAX_URL         2048
#define MAX_BEGINNINGS  3               /* of one sync, when the list changes while it is read */
#define PREFER_FIRST_MS (5 * 60 * 1000) /* after leaving the first URL it is tried again */
#define MESSAGE_BYTES   120             /* of what a manager says about its refusal */

/*
 * The hosted API takes 25 calls a second of a token; half of them, so that others may share it, and few
 * enough in a row that no second holds more.
 */
#define CALL_EVERY_MS  84
#define CALLS_IN_A_ROW 12

struct sync {
	struct loop *loop;
	struct sync_source source;
	sync_done *done;
	void *env;
	char *deployment; /* or NULL; no reload changes it, and the worker may be reading it then */

	/* From sync to sync. */
	char *tag[N_LISTS]; /* of the lists that are being served; NULL: none */
	size_t url;         /* the one in use; the tags are of this one */
	int64_t left_first_ms;
	struct alarm *alarm; /* the next call, when there were many */
	int64_t paid_ms;     /* calls are paid for up to this time */

	/* The one under way. */
	bool running;
	struct sync_basis basis; /* with a reference to its generation */
	struct later job;
	int beginnings;
	size_t urls_left;
	bool token_read_again;
	struct buf token;
	struct fetch *fetch;
	struct build build;
	bool same[N_LISTS]; /* answered 304 */
	char *fresh_tag[N_LISTS];
	enum record_kind list;
	int64_t offset, total; /* rows of the list that came, and that there are */
	size_t pages, bytes, objects;
	int64_t asked_ms; /* the first page of the first */
	enum sync_outcome outcome;
	int status;
	int64_t retry_after_ms;
	char reason[REPLICA_REASON_SIZE];
};

static void ask(struct sync *s);

/* --- the end ------------------------------------------------------------------------------- */

static const char *
url_of(const struct sync *s)
{
	return s->source.config->manager.url.item[s->url];
}

static void
drop_tags(char *tag[static N_LISTS])
{
	for (size_t i = 0; i < N_LISTS; i++) {
		mem_free(tag[i]);
		tag[i] = NULL;
	}
}

static void
keep_tags(struct sync *s)
{
	for (size_t i = 0; i < N_LISTS; i++) {
		if (s->same[i])
			continue;
		mem_free(s->tag[i]);
		s->tag[i] = s->fresh_tag[i];
		s->fresh_tag[i] = NULL;
	}
}

/* What a half-read list leaves behind. */
static void
clear_lists(struct sync *s)
{
	const struct config *c = s->source.config;

	build_reset(&s->build, c->memory.lock, c->memory.max_bytes);
	drop_tags(s->fresh_tag);
	memset(s->same, 0, sizeof s->same);
	buf_fini(&s->token);
	s->list = 0;
	s->offset = 0;
	s->pages = s->bytes = s->objects = 0;
}

static void
on_finished(struct later *job)
{
	struct sync *s = (struct sync *)((char *)job - offsetof(struct sync, job));
	struct sync_result result = {
		.outcome = s->outcome,
		.asked_ms = s->asked_ms,
		.retry_after_ms = s->retry_after_ms,
		.reason = s->reason,
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
	/* Of the two one is served now, and maybe the other is not any more. */
	build_dispose(&s->build, current, made);
}

/* The end, told when the turn is over: the caller may be within sync_start(). */
static void PRINTF(3, 4) finish(struct sync *s, enum sync_outcome outcome, const char *fmt, ...)
{
	char what[sizeof s->reason - 84]; /* less the URL */
	va_list ap;

	s->outcome = outcome;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	(void)snprintf(s->reason, sizeof s->reason, "%.80s: %s", url_of(s), what);
	/* Shown to clients and people: foreign text, so nothing but plain ASCII. */
	for (char *p = s->reason; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	loop_after_turn(s->loop, &s->job);
}

static void
finish_with_error(struct sync *s, int error)
{
	switch (error) {
	case -ENOMEM:
		finish(s, SYNC_FAILED, "memory is out");
		return;
	case -EPERM:
		finish(s, SYNC_FAILED,
		    "memory cannot be locked: raise RLIMIT_MEMLOCK, or set [memory] lock = prefer");
		return;
	case -EMSGSIZE:
		finish(s, SYNC_FAILED, "the objects need more than [memory] max_bytes");
		return;
	default:
		finish(s, SYNC_FAILED, "%s", strerror(-error));
		return;
	}
}

/* --- the beginning --------------------------------------------------------------------------- */

static int
read_token(struct sync *s)
{
	char why[FILE_WHY_SIZE] = "memory is out";

	buf_init(&s->token, LIMIT_TOKEN);
	if (credential_read(s->source.token_path, &s->token, why) < 0) {
		finish(s, SYNC_FAILED, "%s", why);
		return -1;
	}
	return 0;
}

static void
begin(struct sync *s)
{
	clear_lists(s);
	s->status = 0;
	s->retry_after_ms = 0;
	if (read_token(s) == 0)
		ask(s);
}

/* The list changed under our hands: what was read is of no one moment. */
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
	drop_tags(s->tag);
	s->url = url;
	s->left_first_ms = clock_boot_ms();
}

/* Another URL may do better. False: all have been tried. */
static bool
next_url(struct sync *s, const char *why)
{
	size_t n = s->source.config->manager.url.n;

	if (s->urls_left == 0)
		return false;
	s->urls_left--;
	log_warn("manager does not answer: trying the next URL", LOG_STR("url", url_of(s)),
	    LOG_STR("reason", why));
	turn_to_url(s, (s->url + 1) % n);
	begin(s);
	return true;
}

void
sync_start(struct sync *s, const struct sync_basis *basis)
{
	s->running = true;
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

/* --- pages --------------------------------------------------------------------------------------- */

/* A tag says "as it was": of use while what it stands for is still at hand. */
static const char *
tag_to_send(const struct sync *s)
{
	return s->offset == 0 && s->basis.current ? s->tag[s->list] : NULL;
}

static void
on_list_built(void *env)
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
		build_finish(&s->build, s->same, &s->basis, on_list_built);
}

static void
next_list(struct sync *s)
{
	if (++s->list == N_LISTS) {
		finish_good(s);
		return;
	}
	s->offset = 0;
	ask(s);
}

/* All pages of one list carry one tag. False: this one differs from the first. */
static bool
note_tag(struct sync *s, const char *tag)
{
	if (s->offset > 0)
		return (!tag && !s->fresh_tag[s->list]) ||
		       (tag && s->fresh_tag[s->list] && strcmp(tag, s->fresh_tag[s->list]) == 0);
	mem_free(s->fresh_tag[s->list]);
	/* Without memory for it the next sync reads the whole list: no harm. */
	s->fresh_tag[s->list] = tag ? mem_strdup(tag) : NULL;
	return true;
}

/*
 * The rows of one page are in the builder. A short page proves nothing; a list ends at its own count or
 * with an empty page, and must then have brought just as many rows as it said.
 */
static void
page_read(struct sync *s, const struct manager_page *page)
{
	if (s->offset > 0 && page->total != s->total) {
		begin_again(s, "the list changed while it was read (totalCount)");
		return;
	}
	if (page->total > LIMIT_OBJECTS) {
		finish(s, SYNC_BAD, "the list says that it has more objects than any may have");
		return;
	}
	s->total = page->total;
	s->offset += (int64_t)page->n_rows;
	s->objects += page->n_rows;
	s->pages++;
	if (page->n_rows > 0 && s->offset < s->total) {
		if (s->pages >= LIMIT_SYNC_PAGES || s->objects > LIMIT_OBJECTS)
			finish(s, SYNC_BAD, "the list does not end: %zu pages, %zu objects",
			    s->pages, s->objects);
		else
			ask(s);
		return;
	}
	if (s->offset != s->total)
		begin_again(s, "the list is not complete: it brought another number of objects "
			       "than its totalCount");
	else
		next_list(s);
}

static void
on_page_built(void *env)
{
	struct sync *s = env;
	const struct build *b = &s->build;

	switch (b->error) {
	case 0:
		page_read(s, &b->page);
		return;
	case -EEXIST:
		begin_again(s, "the list names a key twice");
		return;
	case -EBADMSG:
		finish(s, SYNC_BAD, "%s", b->why);
		return;
	default:
		finish_with_error(s, b->error);
		return;
	}
}

static void
on_list_page(struct sync *s, const struct fetch_result *f)
{
	if (!f->content_type || !strcasestr(f->content_type, "json")) {
		finish(s, SYNC_BAD, "the answer is no JSON but %.80s",
		    f->content_type ? f->content_type : "of no type");
		return;
	}
	s->bytes += f->body.n;
	if (s->bytes > LIMIT_SYNC_BYTES) {
		finish(s, SYNC_BAD, "the list is larger than any may be");
		return;
	}
	if (!note_tag(s, f->etag)) {
		begin_again(s, "the list changed while it was read (ETag)");
		return;
	}
	build_page(&s->build, s->list, span_of(s->deployment), f->bytes, on_page_built);
}

/* --- what a status means ---------------------------------------------------------------------------- */

/* 401: the token may have been renewed since it was read. True: it was, and is tried. */
static bool
try_new_token(struct sync *s)
{
	uint8_t old[HASH_SIZE], new[HASH_SIZE];
	struct buf token = BUF_INIT(LIMIT_TOKEN);
	char why[FILE_WHY_SIZE];
	bool renewed = false;

	if (s->token_read_again)
		return false;
	s->token_read_again = true;
	if (credential_read(s->source.token_path, &token, why) == 0) {
		hash_long(old, NULL, 0, buf_str(&s->token), s->token.len);
		hash_long(new, NULL, 0, buf_str(&token), token.len);
		renewed = !hash_equal(old, new, sizeof old);
	}
	buf_fini(&token);
	if (renewed)
		begin(s);
	return renewed;
}

static enum sync_outcome
outcome_of(int status, struct span body)
{
	if (status >= 400 && manager_secrets_refused(body))
		return SYNC_REFUSED;
	if (status >= 500)
		return SYNC_UNREACHABLE;
	switch (status) {
	case 401:
	case 403:
		return SYNC_UNAUTHORIZED;
	case 404:
	case 407:
	case 408:
	case 425:
	case 429:
		return SYNC_UNREACHABLE;
	default:
		return SYNC_BAD;
	}
}

/* What a person can do about it. */
static const char *
advice_of(int status)
{
	if (status == 401)
		return "; put a valid token into its file: it is read for every sync";
	return status == 403 ? "; the token needs the right to read these objects and their secrets"
			     : "";
}

static void
on_refusal(struct sync *s, const struct fetch_result *f)
{
	enum sync_outcome outcome = outcome_of(f->status, f->body);
	struct buf message = BUF_INIT(64 * 1024);

	manager_error_message(f->body, &message);
	if (f->status == 401 && try_new_token(s))
		goto out;
	if (f->status >= 500 && outcome == SYNC_UNREACHABLE && next_url(s, "5xx"))
		goto out;
	s->retry_after_ms = f->retry_after_ms;
	if (f->status < 400)
		finish(s, outcome, "status %d: connd follows no redirects and expects a list",
		    f->status);
	else if (outcome == SYNC_REFUSED)
		finish(s, outcome,
		    "status %d: the organization does not allow fetching secrets; an owner of it "
		    "has "
		    "to switch that on",
		    f->status);
	else if (message.len > 0)
		finish(s, outcome, "status %d: %.*s%s", f->status, MESSAGE_BYTES, buf_str(&message),
		    advice_of(f->status));
	else
		finish(s, outcome, "status %d%s", f->status, advice_of(f->status));
out:
	buf_fini(&message);
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct sync *s = env;

	s->fetch = NULL;
	s->status = f->status;
	switch (f->end) {
	case FETCH_ANSWERED:
		break;
	case FETCH_UNREACHABLE:
		if (!next_url(s, f->reason))
			finish(s, SYNC_UNREACHABLE, "%.200s", f->reason);
		return;
	case FETCH_TOO_BIG:
		finish(s, SYNC_BAD, "%.200s", f->reason);
		return;
	case FETCH_FAILED:
		finish(s, SYNC_FAILED, "%.200s", f->reason);
		return;
	}
	if (f->status == 200) {
		on_list_page(s, f);
	} else if (f->status == 304 && tag_to_send(s)) {
		s->same[s->list] = true;
		next_list(s);
	} else {
		on_refusal(s, f);
	}
}

static void
fetch_page(void *arg)
{
	struct sync *s = arg;
	struct buf url = BUF_INIT(MAX_URL);
	struct list_query list = {
		.base = url_of(s),
		.type = manager_type_name(build_type_of(s->list)),
		.limit = LIMIT_PAGE_ROWS,
		.offset = s->offset,
	};
	struct fetch_request q = {
		.token = { buf_str(&s->token), s->token.len },
		.if_none_match = tag_to_send(s),
		.max_body = LIMIT_PAGE_BYTES,
	};
	int r;

	if (s->list == 0 && s->offset == 0)
		s->asked_ms = clock_boot_ms();
	list_url(&url, s->source.config, &list);
	r = buf_error(&url);
	q.url = buf_str(&url);
	if (r == 0)
		r = upstream_fetch(s->source.upstream, &q, on_fetched, s, &s->fetch);
	if (r < 0)
		finish(s, SYNC_FAILED, "%s",
		    r == -ENOMEM ? "memory is out" : "the address of the list is too long");
	buf_fini(&url);
}

/* A page, when the budget of calls allows it. */
static void
ask(struct sync *s)
{
	int64_t now_ms = clock_boot_ms(), early_ms;

	if (s->paid_ms < now_ms)
		s->paid_ms = now_ms;
	early_ms = s->paid_ms - now_ms - (CALLS_IN_A_ROW - 1) * CALL_EVERY_MS;
	s->paid_ms += CALL_EVERY_MS;
	if (early_ms > 0)
		alarm_set(s->alarm, now_ms + early_ms);
	else
		fetch_page(s);
}

/* --- birth, reload, end ------------------------------------------------------------------------------- */

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
	/* Another manager, perhaps, or another view: nothing known of the old ones may be sent there. */
	s->url = 0;
	drop_tags(s->tag);
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
	return s->tag[KIND_CONNECTION] ? url_of(s) : NULL;
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
	drop_tags(s->tag);
	generation_unref(s->basis.current);
	mem_free(s->deployment);
	mem_free(s);
	return NULL;
}
