/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on the event loop: sockets, timer, and ends of transfers. */
#include "edge/upstream/fetch_internal.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "base/mem.h"

#define CONNECTIONS 4
/*
 * Of bodies, in one turn of the loop: 8 reads, some 60 us, with TLS twice that. libcurl itself
 * reads a hundred times before it returns.
 */
#define TURN_BYTES ((size_t)128 * 1024)

/* One socket that libcurl watches, including those of its resolver and wake-up. */
struct socket_watch {
	struct event *event;
	struct channel *channel;
	struct chain in_channel;
};

/* --- ends --------------------------------------------------------------------------------- */

/* Ends all transfers: after an error libcurl may never report their ends. */
static void
fail_all(struct channel *c)
{
	while (c->first)
		fetch_end(c->first, CURLE_OUT_OF_MEMORY);
	c->retired = true;
}

/* Ends the finished transfers after a turn of the loop, when no libcurl function is running. */
static void
on_reap(struct later *job)
{
	struct channel *c = CONTAINER_OF(job, struct channel, reap);
	struct upstream *u = c->upstream;
	CURLMsg *message;
	struct fetch *f;
	CURLcode code;
	int left;

	c->reaping = true;
	while (!c->broken && (message = libcurl.multi_info_read(c->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		code = message->data.result; /* fetch_end() frees the message */
		f = NULL;
		(void)libcurl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &f);
		fetch_end(f, code);
	}
	if (c->broken)
		fail_all(c);
	c->reaping = false;
	upstream_tidy(u);
}

static void
mark_broken(struct channel *c)
{
	c->broken = true;
	loop_after_turn(c->upstream->loop, &c->reap);
}

/* --- a share of each turn ----------------------------------------------------------------- */

void
channel_count(struct channel *c, struct fetch *f, size_t n)
{
	c->turn_bytes += n;
	loop_after_turn(c->upstream->loop, &c->turn_ends);
	if (c->turn_bytes >= TURN_BYTES && !f->paused)
		f->paused = libcurl.easy_pause(f->easy, CURLPAUSE_RECV) == CURLE_OK;
}

static void
on_turn_end(struct later *job)
{
	struct channel *c = CONTAINER_OF(job, struct channel, turn_ends);

	c->turn_bytes = 0;
	for (struct fetch *f = c->first; f; f = f->next) {
		if (!f->paused)
			continue;
		f->paused = false;
		/* It reads on in the next turn. A fetch that does not ends by its time-out. */
		(void)libcurl.easy_pause(f->easy, CURLPAUSE_CONT);
	}
}

/* --- libcurl's events --------------------------------------------------------------------- */

/*
 * libcurl starts resolver threads in here, which may run for long. Signals are for the loop's
 * thread, so those threads inherit a mask that blocks all of them.
 */
static void
drive(struct channel *c, curl_socket_t fd, int mask)
{
	sigset_t all, old;
	int running;
	CURLMcode code;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	code = libcurl.multi_socket_action(c->multi, fd, mask, &running);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (code != CURLM_OK) {
		log_warn("libcurl failed: its transfers start over",
		    LOG_STR("reason", libcurl.multi_strerror(code)));
		mark_broken(c);
	}
	loop_after_turn(c->upstream->loop, &c->reap);
}

static void
on_timer(void *arg)
{
	drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct socket_watch *w = arg;
	int mask = 0;

	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	drive(w->channel, fd, mask);
}

/* Sets libcurl's timer. Must not call back from here, because we are inside libcurl. */
static int
on_curl_timer(CURLM *multi, long ms, void *arg)
{
	struct channel *c = arg;

	(void)multi;
	if (ms < 0)
		alarm_set(c->timer, INT64_MAX);
	else
		alarm_after(c->timer, ms);
	return 0;
}

static void
socket_watch_free(struct socket_watch *w)
{
	if (!w)
		return;
	chain_remove(&w->in_channel);
	if (w->event)
		event_free(w->event);
	mem_free(w);
}

static struct socket_watch *
socket_watch_new(struct channel *c, curl_socket_t fd)
{
	struct socket_watch *w = mem_zalloc(sizeof *w);

	if (!w)
		return NULL;
	w->channel = c;
	chain_init(&w->in_channel);
	chain_append(&c->watches, &w->in_channel);
	if (libcurl.multi_assign(c->multi, fd, w) == CURLM_OK)
		return w;
	socket_watch_free(w);
	return NULL;
}

static int
watch_for(struct socket_watch *w, curl_socket_t fd, int what)
{
	short events = EV_PERSIST;

	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (w->event)
		event_free(w->event);
	w->event = event_new(loop_base(w->channel->upstream->loop), fd, events, on_socket_ready, w);
	return w->event && event_add(w->event, NULL) == 0 ? 0 : -1;
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
	struct channel *c = arg;
	struct socket_watch *w = watch;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		socket_watch_free(w);
		(void)libcurl.multi_assign(c->multi, fd, NULL);
		return 0;
	}
	if (!w)
		w = socket_watch_new(c, fd);
	if (w && watch_for(w, fd, what) == 0)
		return 0;
	mark_broken(c);
	return -1;
}

/* --- creation and destruction ------------------------------------------------------------- */

static int
set_up_multi(struct channel *c)
{
	CURLM *m = c->multi = libcurl.multi_init();

	if (!m || libcurl.multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_SOCKETDATA, c) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_TIMERDATA, c) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

int
channel_new(struct channel **out, struct upstream *u)
{
	struct channel *c = mem_zalloc(sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->upstream = u;
	chain_init(&c->watches);
	c->reap.run = on_reap;
	c->turn_ends.run = on_turn_end;
	r = alarm_new(&c->timer, u->loop, on_timer, c);
	if (r == 0 && set_up_multi(c) < 0)
		r = -ENOMEM;
	if (r < 0) {
		channel_free(c);
		return r;
	}
	*out = c;
	return 0;
}

int
channel_add(struct channel *c, struct fetch *f)
{
	if (libcurl.multi_add_handle(c->multi, f->easy) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

struct channel *
channel_free(struct channel *c)
{
	if (!c)
		return NULL;
	loop_forget(c->upstream->loop, &c->reap);
	loop_forget(c->upstream->loop, &c->turn_ends);
	while (c->first)
		fetch_free(c->first);
	/* Before the timer: multi_cleanup() still calls on_curl_socket() and on_curl_timer(). */
	if (c->multi)
		(void)libcurl.multi_cleanup(c->multi);
	/* Out of memory, libcurl forgets sockets without a word. */
	while (!chain_is_empty(&c->watches))
		socket_watch_free(CONTAINER_OF(c->watches.next, struct socket_watch, in_channel));
	alarm_free(c->timer);
	mem_free(c);
	return NULL;
}
