/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/watch.h"

#include <errno.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"

#define N_BUCKETS 256

struct held {
	struct held *prev, *next; /* in its bucket, or among the due */
	struct held **head;       /* of the list it is in */
	struct watch *watch;
	struct request *rq;
	struct list list;
	struct event *timer;
	int64_t until_ms; /* boot time */
	int64_t wait_s;
	bool timed_out;
};

/* What the last one was answered: the next one has often asked for the same, and nothing is written between. */
struct memo {
	struct request *rq; /* NULL: nothing yet */
	struct list list;
	struct http_body *body;
	uint64_t number;
};

struct watch {
	struct api *api;
	struct event *wake;
	struct held *buckets[N_BUCKETS]; /* by what they look at */
	struct held *wide;               /* those that look at more than one thing */
	struct held *due;
	struct memo memo;
	uint8_t key[HASH_SHORT_KEY_SIZE];
	bool stopping;
};

/* --- lists of held calls -------------------------------------------------------------- */

static void
leave(struct held *h)
{
	*(h->prev ? &h->prev->next : h->head) = h->next;
	if (h->next)
		h->next->prev = h->prev;
}

static void
enter(struct held *h, struct held **head)
{
	h->head = head;
	h->prev = NULL;
	h->next = *head;
	if (*head)
		(*head)->prev = h;
	*head = h;
}

static struct held **
bucket_of(struct watch *w, const struct id *id)
{
	return &w->buckets[hash_short(w->key, id->s, ID_LENGTH) % N_BUCKETS];
}

static void
wait_for_change(struct held *h)
{
	const struct store_query *q = &h->list.query;
	bool wide = q->scope == SCOPE_ORGANIZATION || q->whole_workspace;

	enter(h, wide ? &h->watch->wide : bucket_of(h->watch, &q->scope_id));
}

static void
make_due(struct held *h)
{
	struct watch *w = h->watch;

	leave(h);
	enter(h, &w->due);
	event_active(w->wake, 0, 0);
}

static void
held_free(struct held *h)
{
	leave(h);
	if (h->timer)
		event_free(h->timer);
	request_unref(h->rq);
	mem_free(h);
}

/* --- the end of a wait ---------------------------------------------------------------- */

static void
memo_forget(struct memo *m)
{
	if (m->rq)
		request_unref(m->rq);
	m->body = http_body_unref(m->body);
	m->rq = NULL;
}

static void
answer_changed(struct held *h, const struct list *l)
{
	struct memo *m = &h->watch->memo;

	if (!m->rq || !list_equal(&m->list, l)) {
		memo_forget(m);
		m->body = list_render(h->watch->api, l, &m->number);
	}
	if (!m->body) {
		list_answer(h->rq, l, h->wait_s);
		return;
	}
	/* The key of the list is this request's text: it stays with the memo. */
	request_ref(h->rq);
	if (m->rq)
		request_unref(m->rq);
	m->rq = h->rq;
	m->list = *l;
	list_answer_shared(h->rq, l, m->body, m->number, h->wait_s);
}

/*
 * Answers what is due, or lets it wait on when the change was none for it. Everything is asked again: a
 * Deployment may be gone, a right lost. Only what the same token asked in the same turn is known.
 */
static void
finish(struct held *h)
{
	struct request *rq = h->rq;
	const struct memo *m = &h->watch->memo;
	struct list l = { 0 };
	bool over, known;

	if (m->rq && id_equal(&m->rq->who.id, &rq->who.id) && list_equal(&m->list, &h->list)) {
		answer_changed(h, &h->list);
		held_free(h);
		return;
	}
	if (!request_authorise_again(rq) || !list_read(rq, &l)) {
		held_free(h); /* and it was told why */
		return;
	}
	known = list_is_known(rq, &l);
	over = h->timed_out || h->watch->stopping || clock_boot_ms() >= h->until_ms;
	if (known && !over) {
		leave(h);
		wait_for_change(h);
		return;
	}
	if (known)
		list_answer_unchanged(rq, &l, h->wait_s);
	else
		answer_changed(h, &l);
	held_free(h);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	while (w->due)
		finish(w->due);
	memo_forget(&w->memo);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct held *h = arg;
	struct watch *w = h->watch;

	(void)fd;
	(void)what;
	h->timed_out = true;
	finish(h);
	memo_forget(&w->memo);
}

static void
on_gone(void *arg)
{
	held_free(arg);
}

/* --- what wakes ----------------------------------------------------------------------- */

static bool
concerns(const struct held *h, const struct store_event *e)
{
	const struct store_query *q = &h->list.query;

	switch (e->kind) {
	case STORE_EVENT_VIEW:
		if (!(q->types & e->types))
			return false;
		return q->scope == SCOPE_ORGANIZATION || id_equal(&q->scope_id, &e->id) ||
		       (q->whole_workspace && id_equal(&q->scope_id, &e->workspace));
	case STORE_EVENT_TOKEN:
		return id_equal(&h->rq->who.id, &e->id);
	case STORE_EVENT_ORGANIZATION:
		return h->list.view.show_secrets && id_equal(&h->rq->organization, &e->id);
	}
	return false;
}

static void
wake_some(struct held *h, const struct store_event *e)
{
	struct held *next;

	for (; h; h = next) {
		next = h->next;
		if (concerns(h, e))
			make_due(h);
	}
}

static void
on_store_event(void *arg, const struct store_event *e)
{
	struct watch *w = arg;

	wake_some(w->wide, e);
	if (e->kind == STORE_EVENT_VIEW)
		wake_some(*bucket_of(w, &e->id), e);
	else
		for (size_t i = 0; i < N_BUCKETS; i++)
			wake_some(w->buckets[i], e);
}

/* --- begin, stop ---------------------------------------------------------------------- */

int
watch_new(struct watch **out, struct api *api)
{
	struct watch *w = mem_zalloc(sizeof *w);
	int r = -ENOMEM;

	if (!w)
		return -ENOMEM;
	w->api = api;
	rnd_bytes(w->key, sizeof w->key);
	w->wake = event_new(api->base, -1, 0, on_wake, w);
	if (w->wake)
		r = store_watch(api->store, on_store_event, w);
	if (r < 0) {
		if (w->wake)
			event_free(w->wake);
		mem_free(w);
		return r;
	}
	*out = w;
	return 0;
}

struct watch *
watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	store_unwatch(w->api->store, w);
	event_free(w->wake);
	mem_free(w);
	return NULL;
}

/* Not beyond the token's own end: its call must not outlive it. */
static int64_t
wait_ms(const struct request *rq, int64_t wait_s)
{
	int64_t ms = wait_s * 1000, left;

	if (!rq->who.expires_ms)
		return ms;
	left = rq->who.expires_ms - clock_wall_ms() + 1;
	return left < ms ? (left > 0 ? left : 1) : ms;
}

int
watch_hold(struct watch *w, struct request *rq, const struct list *l, int64_t wait_s)
{
	struct held *h = mem_zalloc(sizeof *h);
	int64_t ms = wait_ms(rq, wait_s);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (h)
		h->timer = event_new(w->api->base, -1, 0, on_timer, h);
	if (!h || !h->timer || event_add(h->timer, &tv) < 0) {
		if (h && h->timer)
			event_free(h->timer);
		mem_free(h);
		return -ENOMEM;
	}
	h->watch = w;
	h->rq = request_ref(rq);
	h->list = *l;
	h->wait_s = wait_s;
	h->until_ms = clock_boot_ms() + ms;
	wait_for_change(h);
	http_call_hold(rq->call, HTTP_HOLD_LONG, on_gone, h);
	if (w->stopping)
		make_due(h);
	return 0;
}

void
watch_stop(struct watch *w)
{
	w->stopping = true;
	while (w->wide)
		make_due(w->wide);
	for (size_t i = 0; i < N_BUCKETS; i++)
		while (w->buckets[i])
			make_due(w->buckets[i]);
}
