/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/watch.h"

#include <errno.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "manager/api/list_response.h"
#include "manager/api/refusal.h"
#include "manager/fiber/runner.h"

#define N_BUCKETS 256
#define TURN_MS   10 /* time for responses in one turn of the loop: usually enough for all */

struct held;

struct held_list {
	struct held *first, *last; /* the longest waiting first */
};

struct held {
	struct held *prev, *next;
	struct held_list *in;
	struct watch *watch;
	struct request *rq;
	struct list list;
	struct store_version version; /* the version that the client has */
	bool looking;                 /* its view is being read; it stays in its list */
	/* it is due again: something changed while its view was read */
	bool missed;
	bool unrecorded; /* it got the shared response; its read is not recorded yet */
	struct list_wait wait;
	struct event *timer;
	int64_t until_ms; /* boot time */
	bool timed_out;
};

/* The last list that was rendered: the next request is often for the same one. */
struct memo {
	struct request *rq; /* NULL: nothing yet */
	struct list list;   /* the list; its key points into the request */
	struct store_version version;
	struct http_shared *response; /* good as long as the view has this version */
	bool rendered;                /* or rendering was tried: some lists cannot be shared */
	bool current;                 /* the version was read in this turn, and nothing changed */
};

struct watch {
	struct api *api;
	struct event *wake;
	struct held_list buckets[N_BUCKETS]; /* hashed by the place they watch */
	struct held_list wide;               /* requests that watch more than one place */
	struct held_list due;
	struct held_list looking; /* the one that finish() is about */
	struct held_list done;    /* freed when the turn is over */
	struct memo memo;
	uint8_t key[HASH_SHORT_KEY_SIZE];
	uint64_t changes; /* the number of store events so far */
	bool running;     /* a turn runs; it may wait for the store */
	bool stopping;
};

/* --- lists of held requests ----------------------------------------------------------- */

static void
leave(struct held *h)
{
	*(h->prev ? &h->prev->next : &h->in->first) = h->next;
	*(h->next ? &h->next->prev : &h->in->last) = h->prev;
}

static void
enter(struct held *h, struct held_list *in)
{
	h->in = in;
	h->prev = in->last;
	h->next = NULL;
	*(in->last ? &in->last->next : &in->first) = h;
	in->last = h;
}

static struct held_list *
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

	if (h->looking) {
		h->missed = true;
		return;
	}
	if (!w->due.first)
		event_active(w->wake, 0, 0);
	leave(h);
	enter(h, &w->due);
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
	http_shared_unref(m->response);
	*m = (struct memo){ 0 };
}

/*
 * Checks that the token may still read the list. An earlier result is valid as long as the store's
 * rights are unchanged; otherwise everything is checked again, since a Deployment may be gone or a
 * right lost. False: the request has its response, with the reason.
 */
static bool
authorise(struct held *h)
{
	int64_t expires_ms = h->rq->who.expires_ms;
	struct list l = { 0 };

	if (h->rq->rights == store_rights(h->watch->api->store) &&
	    (!expires_ms || clock_wall_ms() < expires_ms))
		return true;
	if (!request_authorise_again(h->rq) || !list_read(h->rq, &l))
		return false;
	h->list = l;
	return true;
}

/*
 * Makes the memo that of this list; nothing is written within a turn. False: the request has its
 * response.
 */
static bool
look(struct held *h)
{
	struct watch *w = h->watch;
	struct memo *m = &w->memo;
	bool same = m->rq && list_equal(&m->list, &h->list);
	uint64_t changes = w->changes;
	struct store_version version;
	int r;

	if (same && m->current)
		return true;
	r = store_view_version(h->watch->api->store, &h->list.query, &version);
	if (r < 0) {
		respond_internal_error(h->rq->conn, r);
		return false;
	}
	if (!same || !store_version_equal(&m->version, &version)) {
		memo_forget(m);
		m->rq = request_ref(h->rq);
		m->list = h->list;
		m->version = version;
	}
	m->current = w->changes == changes;
	return true;
}

/*
 * True if rights were lost while the response was made: then the request is checked again, and the
 * response is not sent.
 */
static bool
is_overtaken(struct held *h)
{
	if (h->rq->rights == store_rights(h->watch->api->store))
		return false;
	h->missed = true;
	return true;
}

/* False: the request must be checked again. */
static bool
respond_changed(struct held *h)
{
	struct memo *m = &h->watch->memo;

	if (!m->rendered)
		m->response = list_render(h->watch->api, &m->list, &m->version);
	m->rendered = true;
	if (is_overtaken(h))
		return false;
	if (!m->response) {
		list_respond(h->rq, &h->list, &h->wait);
		return true;
	}
	h->version = m->version;
	h->unrecorded = true;
	list_respond_shared(h->rq, m->response, &h->wait);
	return true;
}

/* Responds (true), or finds that the request goes on waiting, because its view has not changed. */
static bool
look_and_respond(struct held *h)
{
	struct watch *w = h->watch;

	if (!authorise(h) || !look(h))
		return true;
	if (is_overtaken(h))
		return false;
	if (!store_version_equal(&w->memo.version, &h->version))
		return respond_changed(h);
	if (!h->timed_out && !w->stopping && clock_boot_ms() < h->until_ms)
		return false;
	list_respond_unchanged(h->rq, &h->list, &h->wait);
	return true;
}

/*
 * This may wait for the store; meanwhile the request stays in its list, so that events find it, and
 * its connection stays open.
 */
static void
finish(struct held *h)
{
	struct watch *w = h->watch;
	struct http_conn *conn = h->rq->conn;
	bool responded;

	leave(h);
	enter(h, &w->looking);
	h->looking = true;
	http_conn_pin(conn);
	responded = look_and_respond(h);
	h->looking = false;
	leave(h);
	if (responded) {
		enter(h, &w->done);
	} else {
		wait_for_change(h);
		if (h->missed)
			make_due(h);
	}
	h->missed = false;
	http_conn_unpin(conn); /* this closes it if its client has disconnected meanwhile */
}

/* Ends a turn: the next one may see another version. */
static void
end_turn(struct watch *w)
{
	struct held *h;

	while ((h = w->done.first)) {
		if (h->unrecorded)
			list_note_read(h->rq, &h->list, &h->version);
		held_free(h);
	}
	w->memo.current = false;
	if (!w->due.first)
		memo_forget(&w->memo);
}

static void
turn(void *arg)
{
	static const struct timeval at_once = { 0 };
	struct watch *w = arg;
	int64_t began_ms = clock_boot_ms();

	while (w->due.first && clock_boot_ms() - began_ms < TURN_MS)
		finish(w->due.first);
	end_turn(w);
	w->running = false;
	/* Handles the remaining requests after the loop's other events. */
	if (w->due.first && event_add(w->wake, &at_once) < 0)
		event_active(w->wake, 0, 0);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	if (w->running)
		return; /* the end of the turn handles requests that became due */
	w->running = true;
	runner_must_run(w->api->runner, turn, w);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct held *h = arg;
	struct watch *w = h->watch;
	int64_t left_ms = h->until_ms - clock_boot_ms();
	struct timeval tv = { .tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000 };

	(void)fd;
	(void)what;
	if (h->in == &w->done)
		return; /* it has its response */
	/*
	 * The loop's clock may be some ms early; a token that expires now would then still be good.
	 */
	if (left_ms > 0 && event_add(h->timer, &tv) == 0)
		return;
	h->timed_out = true;
	make_due(h);
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
		return id_equal(&h->rq->who.family, &e->id);
	case STORE_EVENT_ORGANIZATION:
		return h->list.view.show_secrets && id_equal(&h->rq->organization, &e->id);
	case STORE_EVENT_ALL:
		return true;
	}
	return false;
}

static void
wake_some(const struct held_list *l, const struct store_event *e)
{
	struct held *next;

	for (struct held *h = l->first; h; h = next) {
		next = h->next;
		if (concerns(h, e))
			make_due(h);
	}
}

static void
wake_all(const struct held_list *l)
{
	struct held *next;

	for (struct held *h = l->first; h; h = next) {
		next = h->next;
		make_due(h);
	}
}

static void
on_store_event(void *arg, const struct store_event *e)
{
	struct watch *w = arg;

	w->changes++;
	w->memo.current = false;
	wake_some(&w->looking, e);
	wake_some(&w->wide, e);
	if (e->kind == STORE_EVENT_VIEW)
		wake_some(bucket_of(w, &e->id), e);
	else
		for (size_t i = 0; i < N_BUCKETS; i++)
			wake_some(&w->buckets[i], e);
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
	memo_forget(&w->memo); /* time of the turn that left requests over */
	mem_free(w);
	return NULL;
}

/* Ends the wait with the token: a request must not outlive it. */
static int64_t
wait_ms(const struct request *rq, int64_t wait_s)
{
	int64_t ms = wait_s * 1000, left;

	if (!rq->who.expires_ms)
		return ms;
	left = rq->who.expires_ms - clock_wall_ms() + 1;
	return left < ms ? (left > 0 ? left : 1) : ms;
}

/*
 * libevent's common time-outs: requests with the same number of seconds share one queue, which
 * costs O(1).
 */
static int
start_timer(struct held *h, int64_t ms)
{
	struct event_base *base = h->watch->api->base;
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	const struct timeval *common = NULL;

	if (ms % 1000 == 0)
		common = event_base_init_common_timeout(base, &tv);
	h->timer = event_new(base, -1, 0, on_timer, h);
	return h->timer && event_add(h->timer, common ? common : &tv) == 0 ? 0 : -ENOMEM;
}

int
watch_hold(struct watch *w, struct request *rq, const struct list *l, int64_t wait_s)
{
	struct held *h = mem_zalloc(sizeof *h);
	int64_t ms = wait_ms(rq, wait_s);
	int r = -ENOMEM;

	if (!h)
		return -ENOMEM;
	h->watch = w;
	h->rq = request_ref(rq);
	h->list = *l;
	h->wait = list_wait(wait_s);
	h->until_ms = clock_boot_ms() + ms;
	wait_for_change(h); /* set before the view is read, so that no change is missed */
	h->looking = true;
	r = store_view_version(w->api->store, &l->query, &h->version);
	h->looking = false;
	if (r == 0)
		r = start_timer(h, ms);
	if (r == 0)
		r = http_conn_hold_long(rq->conn, on_gone, h);
	if (r < 0) {
		held_free(h);
		return r;
	}
	/* From here on the token is checked by its row, not by its text. */
	http_conn_wipe_field(rq->conn, "authorization");
	if (w->stopping || h->missed)
		make_due(h);
	h->missed = false;
	return 0;
}

void
watch_stop(struct watch *w)
{
	w->stopping = true;
	wake_all(&w->looking);
	wake_all(&w->wide);
	for (size_t i = 0; i < N_BUCKETS; i++)
		wake_all(&w->buckets[i]);
}
