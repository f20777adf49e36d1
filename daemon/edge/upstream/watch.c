/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/watch.h"

#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "edge/upstream/list_url.h"
#include "edge/upstream/token_file.h"

#define MAX_URL        2048
#define WAIT_S         60  /* what a server may hold a call */
#define PAUSE_MS       20  /* after a change, before the call is held again */
#define BURST_PAUSE_MS 250 /* the same when the last change was less than QUICK_MS ago */
#define QUICK_MS       1000
#define NO_WAITING_MS  600000 /* until a server that can not wait is asked again */

struct watch {
	struct loop *loop;
	struct sync_source source;
	void (*changed)(void *env);
	void *env;
	struct event *timer;
	struct fetch *fetch;
	char *url; /* NULL: resting */
	char *tag; /* what the held call waits for a change of; NULL: to be learnt */
	int64_t asked_ms;
	int64_t resting_until_ms;
};

static void
forget_tag(struct watch *w)
{
	mem_free(w->tag);
	w->tag = NULL;
}

static void
rest(struct watch *w, int64_t ms)
{
	upstream_cancel(w->fetch);
	w->fetch = NULL;
	(void)event_del(w->timer);
	forget_tag(w);
	mem_free(w->url);
	w->url = NULL;
	w->resting_until_ms = clock_boot_ms() + ms;
}

static void
hold_in(struct watch *w, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (event_add(w->timer, &tv) < 0)
		rest(w, 0); /* the next good sync begins anew */
}

static int64_t
refresh_ms(const struct watch *w)
{
	int64_t ms = w->source.config->manager.refresh_ms;

	return rnd_between(ms * 8 / 10, ms * 12 / 10);
}

/* The longest wait worth asking for: half of ttl at most, so that an answer is never late. */
static int64_t
wait_s(const struct watch *w)
{
	int64_t s = w->source.config->freshness.windows.ttl_ms / 2000;

	return s < 1 ? 1 : s < WAIT_S ? s : WAIT_S;
}

static void
take_tag(struct watch *w, const char *tag)
{
	forget_tag(w);
	w->tag = tag ? mem_strdup(tag) : NULL;
}

/* A burst of changes is few syncs. */
static int64_t
pause_ms(const struct watch *w)
{
	return clock_boot_ms() - w->asked_ms < QUICK_MS ? BURST_PAUSE_MS : PAUSE_MS;
}

/* Something is new, or seen for the first time: what is served may be older than the tag. */
static void
on_new_tag(struct watch *w, const struct fetch_result *f)
{
	bool may_wait = !w->tag || f->held;

	take_tag(w, f->etag);
	w->changed(w->env);
	if (w->tag && may_wait)
		hold_in(w, pause_ms(w));
	else
		rest(w, NO_WAITING_MS);
}

static void
on_unchanged(struct watch *w, bool held)
{
	int64_t took_ms = clock_boot_ms() - w->asked_ms;

	if (!held) {
		log_info(
		    "the manager does not wait for changes: it is polled", LOG_STR("url", w->url));
		rest(w, NO_WAITING_MS);
	} else {
		/* One that says it waited and did not would have us in a loop. */
		hold_in(w, took_ms >= wait_s(w) * 500 ? 0 : refresh_ms(w));
	}
}

/*
 * A refusal of a call that was held is looked into at once, by a sync. A connection that broke is not: a
 * manager that restarts has many of them, and is not to be stormed. One that does not even answer the
 * first call, though it just answered a sync, does not know such lists.
 */
static void
on_failure(struct watch *w, const struct fetch_result *f)
{
	bool was_held = w->tag != NULL;

	rest(w, was_held ? refresh_ms(w) : NO_WAITING_MS);
	if (f->end == FETCH_ANSWERED && was_held)
		w->changed(w->env);
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct watch *w = env;

	w->fetch = NULL;
	if (f->end == FETCH_ANSWERED && f->status == 200) {
		on_new_tag(w, f);
	} else if (f->end == FETCH_ANSWERED && f->status == 304) {
		on_unchanged(w, f->held);
	} else {
		on_failure(w, f);
	}
}

static void
hold(struct watch *w)
{
	struct buf token = BUF_INIT(LIMIT_TOKEN), url = BUF_INIT(MAX_URL);
	struct list_query list = { .base = w->url };
	struct fetch_request q = {
		.if_none_match = w->tag,
		.wait_s = w->tag ? wait_s(w) : 0,
		.max_body = LIMIT_PAGE_BYTES,
	};
	char why[FILE_WHY_SIZE];
	int r = credential_read(w->source.token_path, &token, why);

	list_url(&url, w->source.config, &list);
	if (r == 0)
		r = buf_error(&url);
	q.url = buf_str(&url);
	q.token = (struct span){ buf_str(&token), token.len };
	w->asked_ms = clock_boot_ms();
	if (r == 0)
		r = upstream_fetch(w->source.upstream, &q, on_fetched, w, &w->fetch);
	if (r < 0)
		rest(w, refresh_ms(w));
	buf_fini(&token);
	buf_fini(&url);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	hold(arg);
}

int
watch_new(struct watch **out, struct loop *loop, const struct sync_source *source,
    void (*changed)(void *env), void *env)
{
	struct watch *w = mem_zalloc(sizeof *w);

	if (!w)
		return -ENOMEM;
	w->loop = loop;
	w->source = *source;
	w->changed = changed;
	w->env = env;
	w->timer = evtimer_new(loop_base(loop), on_timer, w);
	if (!w->timer) {
		mem_free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void
watch_use(struct watch *w, const struct sync_source *source)
{
	rest(w, 0);
	w->source = *source;
}

void
watch_follow(struct watch *w, const char *url)
{
	if (url && w->url && strcmp(url, w->url) == 0)
		return;
	if (w->url)
		rest(w, 0);
	if (!url || !w->source.config->manager.push || clock_boot_ms() < w->resting_until_ms)
		return;
	w->url = mem_strdup(url);
	if (w->url)
		hold_in(w, 0);
}

struct watch *
watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	rest(w, 0);
	event_free(w->timer);
	mem_free(w);
	return NULL;
}
