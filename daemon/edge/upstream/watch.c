/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/watch.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "edge/upstream/list_url.h"
#include "edge/upstream/token.h"

#define MAX_URL        2048
#define WAIT_S         60  /* the longest that a server may hold a request */
#define PAUSE_MS       20  /* after a change, before the next request is held */
#define BURST_PAUSE_MS 250 /* the same when the last change was less than QUICK_MS ago */
#define QUICK_MS       1000
#define POLLING_MS     600000 /* until a server that does not wait is asked again */
#define SHORTER_MS     600000 /* how long a shorter wait is asked for after a cut */
#define WORTH_IT_S     2      /* a held request that lives less is no gain over polling */

struct watch {
	struct sync_source source;
	void (*changed)(void *env);
	void *env;
	struct alarm *alarm; /* the next request */
	struct fetch *fetch;
	char *url; /* NULL: resting */
	char *tag; /* what the held request waits for a change of; NULL: not known yet */
	int64_t asked_ms;
	int64_t resting_until_ms;

	enum watch_state state;
	int64_t longest_s; /* a cut taught that no longer wait gets through; 0: no limit is known */
	int64_t longest_until_ms; /* then a full wait is tried again */
	int64_t cut_after_ms;
};

/* --- state -------------------------------------------------------------------------------- */

/* The longest wait worth asking for: half of ttl at most, so that a response is never late. */
static int64_t
wait_s(const struct watch *w)
{
	int64_t s = w->source.config->freshness.windows.ttl_ms / 2000;

	if (s > WAIT_S)
		s = WAIT_S;
	if (w->longest_s && clock_boot_ms() < w->longest_until_ms && s > w->longest_s)
		s = w->longest_s;
	return s < 1 ? 1 : s;
}

static int64_t
refresh_ms(const struct watch *w)
{
	int64_t ms = w->source.config->manager.refresh_ms;

	return rnd_between(ms * 8 / 10, ms * 12 / 10);
}

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
	alarm_set(w->alarm, INT64_MAX);
	forget_tag(w);
	mem_free(w->url);
	w->url = NULL;
	w->resting_until_ms = clock_boot_ms() + ms;
}

static void
hold_in(struct watch *w, int64_t ms)
{
	alarm_set(w->alarm, clock_boot_ms() + ms);
}

/* One line when it begins, not for each request. */
static void
poll_for_now(struct watch *w)
{
	if (w->state != WATCH_POLLING)
		log_info(
		    "the manager does not wait for changes: it is polled", LOG_STR("url", w->url));
	w->state = WATCH_POLLING;
	rest(w, POLLING_MS);
}

/* --- responses ---------------------------------------------------------------------------- */

/* A burst of changes makes few syncs. */
static int64_t
pause_ms(const struct watch *w)
{
	return clock_boot_ms() - w->asked_ms < QUICK_MS ? BURST_PAUSE_MS : PAUSE_MS;
}

/* The server held a request and answered it. */
static void
note_held(struct watch *w)
{
	if (w->state == WATCH_CUT && clock_boot_ms() < w->longest_until_ms)
		return; /* with a shorter wait */
	w->state = WATCH_HOLDING;
	w->longest_s = 0;
}

/* Something is new, or seen for the first time: what is served may be older than the tag. */
static void
on_new_tag(struct watch *w, const struct fetch_result *f)
{
	bool may_wait = !w->tag || f->held;

	if (f->held)
		note_held(w);
	forget_tag(w);
	w->tag = f->etag ? mem_strdup(f->etag) : NULL;
	w->changed(w->env);
	if (w->tag && may_wait)
		hold_in(w, pause_ms(w));
	else
		poll_for_now(w);
}

static void
on_unchanged(struct watch *w, bool held)
{
	int64_t took_ms = clock_boot_ms() - w->asked_ms;

	if (!held) {
		poll_for_now(w);
		return;
	}
	note_held(w);
	/* A server that says it waited and did not must not have us in a loop. */
	hold_in(w, took_ms >= wait_s(w) * 500 ? 0 : refresh_ms(w));
}

/*
 * The token or the organization is refused: a sync finds out at once. Anything else is a failure.
 * /
 */
static bool
is_refusal(const struct fetch_result *f)
{
	return f->end == FETCH_ANSWERED && f->status >= 400 && f->status < 500 &&
	       f->status != 408 && f->status != 425 && f->status != 429;
}

/* A proxy or a load balancer gave up on the held request, or the manager restarted. */
static void
on_cut(struct watch *w, const struct fetch_result *f)
{
	int64_t took_ms = clock_boot_ms() - w->asked_ms, s = took_ms * 3 / 4 / 1000;
	bool known = w->state == WATCH_CUT;

	w->state = WATCH_CUT;
	w->cut_after_ms = took_ms;
	w->longest_s = s < 1 ? 1 : s;
	w->longest_until_ms = clock_boot_ms() + SHORTER_MS;
	if (!known)
		log_warn("held request cut on its way: polling, then a shorter wait is tried",
		    LOG_STR("url", w->url), LOG_INT("after_ms", took_ms),
		    LOG_INT("status", f->status),
		    LOG_STR("reason", f->end == FETCH_ANSWERED ? "" : f->reason));
	rest(w, s < WORTH_IT_S ? POLLING_MS : refresh_ms(w));
}

/*
 * A connection that broke is not looked into by a sync at once: a manager that restarts has many of
 * them, and must not be stormed. A server that just answered a sync but not the first request here
 * does not know such lists.
 */
static void
on_failure(struct watch *w, const struct fetch_result *f)
{
	bool was_held = w->tag != NULL;

	if (!was_held) {
		poll_for_now(w);
	} else if (is_refusal(f)) {
		rest(w, refresh_ms(w));
		w->changed(w->env);
	} else if (f->end == FETCH_ANSWERED && f->retry_after_ms > 0) {
		/* Only held requests are unwelcome: this holds for no other request. */
		rest(w, f->retry_after_ms > POLLING_MS ? POLLING_MS
						       : f->retry_after_ms + refresh_ms(w));
	} else {
		on_cut(w, f);
	}
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct watch *w = env;

	w->fetch = NULL;
	if (f->end == FETCH_ANSWERED && f->status == 200)
		on_new_tag(w, f);
	else if (f->end == FETCH_ANSWERED && f->status == 304)
		on_unchanged(w, f->held);
	else
		on_failure(w, f);
}

/* --- requests ----------------------------------------------------------------------------- */

static int
send_request(struct watch *w, const struct token *token)
{
	struct buf url = BUF_INIT(MAX_URL);
	struct list_query list = { .base = w->url };
	struct fetch_request q = {
		.socket_path = list_socket(w->url),
		.token = token->text,
		.if_none_match = w->tag,
		.wait_s = w->tag ? wait_s(w) : 0,
		.max_body = LIMIT_PAGE_BYTES,
		.discard_body = true,
	};
	int r;

	list_url(&url, w->source.config, &list);
	q.url = buf_str(&url);
	r = buf_error(&url);
	if (r == 0)
		r = upstream_fetch(w->source.upstream, &q, on_fetched, w, &w->fetch);
	buf_fini(&url);
	return r;
}

static void
on_alarm(void *arg)
{
	struct watch *w = arg;
	struct token token = { 0 };
	char why[FILE_WHY_SIZE];
	int r = token_load(&token, w->source.token_path, w->source.config->memory.lock, why);

	w->asked_ms = clock_boot_ms();
	if (r == 0)
		r = send_request(w, &token);
	if (r < 0)
		rest(w, refresh_ms(w));
	else if (w->tag && w->state == WATCH_OFF)
		w->state = WATCH_HOLDING;
	token_free(&token);
}

/* --- beginning and end -------------------------------------------------------------------- */

int
watch_new(struct watch **out, struct loop *loop, const struct sync_source *source,
    void (*changed)(void *env), void *env)
{
	struct watch *w = mem_zalloc(sizeof *w);

	if (!w)
		return -ENOMEM;
	w->source = *source;
	w->changed = changed;
	w->env = env;
	if (alarm_new(&w->alarm, loop, on_alarm, w) < 0) {
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
	w->state = WATCH_OFF;
	w->longest_s = 0;
}

void
watch_follow(struct watch *w, const char *url)
{
	if (url && w->url && strcmp(url, w->url) == 0)
		return;
	if (w->url)
		rest(w, 0);
	if (!url || !w->source.config->manager.push) {
		w->state = WATCH_OFF;
		return;
	}
	if (clock_boot_ms() < w->resting_until_ms)
		return;
	w->url = mem_strdup(url);
	if (w->url)
		hold_in(w, 0);
}

void
watch_status(const struct watch *w, struct watch_status *out)
{
	if (!w) {
		*out = (struct watch_status){ 0 };
		return;
	}
	*out = (struct watch_status){
		.state = w->state,
		.holds = w->fetch && w->tag,
		.wait_s = wait_s(w),
		.cut_after_ms = w->state == WATCH_CUT ? w->cut_after_ms : 0,
	};
}

struct watch *
watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	rest(w, 0);
	w->alarm = alarm_free(w->alarm);
	mem_free(w);
	return NULL;
}
