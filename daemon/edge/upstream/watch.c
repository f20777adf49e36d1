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
#define WAIT_S         60  /* the longest wait to request */
#define PAUSE_MS       20  /* between a change and the next held request */
#define BURST_PAUSE_MS 250 /* the same, if the last change was less than QUICK_MS ago */
#define QUICK_MS       1000
#define SYNC_MS        2000   /* the longest wait for a sync to end before the next held request */
#define POLLING_MS     600000 /* until a server that does not wait is tried again */
#define SHORTER_MS     600000 /* how long to request a shorter wait after a cut */
#define WORTH_IT_S     2      /* shorter waits are not better than polling */

struct watch {
	struct sync_source source;
	void (*changed)(void *env);
	void *env;
	struct alarm *alarm; /* the next request */
	struct fetch *fetch;
	char *url; /* NULL: resting */
	char *tag; /* the ETag that the held request sends; NULL: not known yet */
	int64_t asked_ms;
	int64_t resting_until_ms;
	bool after_sync;       /* the next held request waits for the sync that it reports of, */
	int64_t not_before_ms; /* and for this time */

	enum watch_state state;
	int64_t longest_s;        /* the longest wait that is not cut; 0: no limit known */
	int64_t longest_until_ms; /* when to try a full wait again */
	int64_t cut_after_ms;
};

/* --- state -------------------------------------------------------------------------------- */

/* Returns the wait to request: at most half of ttl, so that each response comes within ttl. */
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
	w->after_sync = false;
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

/* Polls for a while. Logs only the change of state. */
static void
poll_for_now(struct watch *w)
{
	if (w->state != WATCH_POLLING)
		log_info(
		    "the manager does not wait for changes: polling it", LOG_STR("url", w->url));
	w->state = WATCH_POLLING;
	rest(w, POLLING_MS);
}

/* --- responses ---------------------------------------------------------------------------- */

/* Waits longer after quick changes, so that a burst of them causes few syncs. */
static int64_t
pause_ms(const struct watch *w)
{
	return clock_boot_ms() - w->asked_ms < QUICK_MS ? BURST_PAUSE_MS : PAUSE_MS;
}

/*
 * The next held request after a change. When it carries a report, the sync of that change ends
 * first, so that the manager sees the change arrive.
 */
static void
hold_soon(struct watch *w)
{
	int64_t ms = pause_ms(w);

	w->after_sync = upstream_takes_reports(w->source.upstream);
	w->not_before_ms = clock_boot_ms() + ms;
	hold_in(w, w->after_sync ? SYNC_MS : ms);
}

/* The server has held a request and responded. */
static void
note_held(struct watch *w)
{
	if (w->state == WATCH_CUT && clock_boot_ms() < w->longest_until_ms)
		return; /* only shorter waits work for now */
	w->state = WATCH_HOLDING;
	w->longest_s = 0;
}

/* A change, or the first response: the served list may be older than this ETag. */
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
		hold_soon(w);
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
	/* A server that claims to have waited, but did not, must not cause a busy loop. */
	hold_in(w, took_ms >= wait_s(w) * 500 ? 0 : refresh_ms(w));
}

/* True if the manager refuses the token or the organization: a sync then reports it at once. */
static bool
is_refusal(const struct fetch_result *f)
{
	return f->end == FETCH_ANSWERED && f->status >= 400 && f->status < 500 &&
	       f->status != 408 && f->status != 425 && f->status != 429;
}

/*
 * A proxy or load balancer has cut the held request, or the manager has restarted. A cut at once
 * is a restart unless it comes again: then no wait is short enough.
 */
static void
on_cut(struct watch *w, const struct fetch_result *f)
{
	int64_t took_ms = clock_boot_ms() - w->asked_ms, s = took_ms * 3 / 4 / 1000;
	bool known = w->state == WATCH_CUT, at_once = s < WORTH_IT_S;
	bool again = known && at_once && !w->longest_s;

	w->state = WATCH_CUT;
	w->cut_after_ms = took_ms;
	w->longest_s = at_once ? 0 : s;
	w->longest_until_ms = at_once ? 0 : clock_boot_ms() + SHORTER_MS;
	if (!known)
		log_warn("held request cut: polling, then trying again", LOG_STR("url", w->url),
		    LOG_INT("after_ms", took_ms), LOG_INT("status", f->status),
		    LOG_STR("reason", f->end == FETCH_ANSWERED ? "" : f->reason));
	rest(w, again ? POLLING_MS : refresh_ms(w));
}

/*
 * A broken connection does not cause a sync at once: a manager that restarts breaks many of them
 * and must not be flooded. Without a connection the next good sync, of this manager or another,
 * starts the watch again. A failure of the first request, right after a good sync, means that the
 * server does not support this list.
 */
static void
on_failure(struct watch *w, const struct fetch_result *f)
{
	bool was_held = w->tag != NULL;

	if (f->unconnected) {
		rest(w, 0);
	} else if (!was_held) {
		poll_for_now(w);
	} else if (is_refusal(f)) {
		rest(w, refresh_ms(w));
		w->changed(w->env);
	} else if (f->end == FETCH_ANSWERED && f->retry_after_ms > 0) {
		/* Applies only to held requests, not to syncs. */
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
		.report = &w->source.report,
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
	struct why why;
	int r = token_load(&token, w->source.token_path, w->source.config->memory.lock, &why);

	w->asked_ms = clock_boot_ms();
	if (r == 0)
		r = send_request(w, &token);
	if (r < 0)
		rest(w, refresh_ms(w));
	else if (w->tag && w->state == WATCH_OFF)
		w->state = WATCH_HOLDING;
	token_free(&token);
}

/* --- creation and destruction ------------------------------------------------------------- */

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

/* A sync has ended. */
static void
stop_waiting_for_sync(struct watch *w)
{
	int64_t ms = w->not_before_ms - clock_boot_ms();

	if (w->after_sync && !w->fetch)
		hold_in(w, ms > 0 ? ms : 0);
	w->after_sync = false;
}

void
watch_follow(struct watch *w, const char *url)
{
	if (url && w->url && strcmp(url, w->url) == 0) {
		stop_waiting_for_sync(w);
		return;
	}
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
