/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/http/http_internal.h"

#define ACCEPT_PAUSE_MS 100
#define ACCEPT_BATCH    16  /* connections accepted before their requests are read */
#define FD_RESERVE      256 /* the database and its readers, the control socket, other listeners */
#define TURN_MS         3   /* for connections that have more to do, in one turn of the loop */
#define LINGER_MS       1000
#define TRIM_BYTES                                                                                 \
	(4 * 1024 * 1024) /* memory is returned to the system after this much was buffered */

static void *
event_mem_realloc(void *p, size_t n)
{
	return mem_resize(p, n);
}

void
http_global_init(void)
{
	event_set_mem_functions(mem_alloc, event_mem_realloc, mem_free);
	/*
	 * A list's pieces come and go: returned to the kernel at once, as by default, each piece
	 * would be zeroed by it and mapped again. http_server_tidy() returns what stays free.
	 */
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
}

/* --- turns ---------------------------------------------------------------------------- */

/*
 * By a timer of 0 ms: an event that is made active in a callback runs before the sockets are
 * polled.
 */
static void
come_back(struct http_server *s)
{
	static const struct timeval at_once = { 0 };

	if (event_add(s->turn, &at_once) < 0)
		event_active(s->turn, EV_TIMEOUT, 0); /* allocates nothing */
}

void
server_schedule(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (c->ready)
		return;
	c->ready = true;
	c->ready_prev = s->ready_last;
	c->ready_next = NULL;
	*(s->ready_last ? &s->ready_last->ready_next : &s->ready_first) = c;
	s->ready_last = c;
	come_back(s);
}

void
server_unschedule(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (!c->ready)
		return;
	*(c->ready_prev ? &c->ready_prev->ready_next : &s->ready_first) = c->ready_next;
	*(c->ready_next ? &c->ready_next->ready_prev : &s->ready_last) = c->ready_prev;
	c->ready = false;
}

void
server_reap(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->next = s->closed;
	s->closed = c;
	come_back(s);
}

static void
free_closed(struct http_server *s)
{
	struct http_conn *c;

	while ((c = s->closed)) {
		s->closed = c->next;
		conn_free(c);
	}
}

/*
 * Connections take turns: a hundred clients with long lists must not delay one with a short
 * request.
 */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	int64_t began_ms = clock_boot_ms();

	(void)fd;
	(void)what;
	free_closed(s);
	while (s->ready_first && clock_boot_ms() - began_ms < TURN_MS) {
		struct http_conn *c = s->ready_first;

		server_unschedule(c);
		conn_run(c);
	}
	if (s->ready_first || s->closed)
		come_back(s);
}

/* --- start ---------------------------------------------------------------------------- */

static int64_t
or_default(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

static size_t
connection_cap(size_t wanted)
{
	struct rlimit rl;
	size_t cap = wanted ? wanted : LIMIT_HTTP_CONNECTIONS;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return cap;
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl); /* if it fails, the present limit counts */
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur == RLIM_INFINITY)
		return cap;
	if (rl.rlim_cur < 2 * FD_RESERVE)
		return FD_RESERVE;
	return cap < rl.rlim_cur - FD_RESERVE ? cap : (size_t)rl.rlim_cur - FD_RESERVE;
}

static void
set_accepting(struct http_server *s, bool on)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_set_accepting(s->listeners[i], on);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	set_accepting(arg, true);
}

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	log_warn("stopping with requests unfinished", LOG_INT("connections", s->n_conns));
	conns_close_all(s);
}

/*
 * libevent's common time-outs: a queue for each duration, so that renewing a deadline costs O(1).
 */
static void
set_deadlines(struct http_server *s)
{
	const struct http_options *o = &s->options;
	const int64_t ms[CONN_N_STATES] = {
		[CONN_IDLE] = o->idle_ms,
		[CONN_RECEIVING] = o->head_ms,
		[CONN_BODY] = o->body_ms,
		[CONN_STREAMING] = o->stream_ms,
		[CONN_FLUSHING] = o->write_ms,
		[CONN_LINGERING] = LINGER_MS,
	}; /* the deadline of a held request is set by its holder */

	for (size_t i = 0; i < CONN_N_STATES; i++) {
		s->own_deadlines[i].tv_sec = ms[i] / 1000;
		s->own_deadlines[i].tv_usec = ms[i] % 1000 * 1000;
		if (ms[i])
			s->deadlines[i] =
			    event_base_init_common_timeout(s->base, &s->own_deadlines[i]);
		if (ms[i] && !s->deadlines[i])
			s->deadlines[i] =
			    &s->own_deadlines[i]; /* more expensive, with the same effect */
	}
}

int
http_server_new(struct http_server **out, struct event_base *base,
    const struct http_options *options, const struct http_handler *handler)
{
	struct http_server *s = mem_zalloc(sizeof *s);
	struct http_options *o;

	if (!s)
		return -ENOMEM;
	s->base = base;
	s->handler = *handler;
	s->options = *options;
	s->date_second = -1;
	o = &s->options;
	o->max_connections = connection_cap(options->max_connections);
	o->max_input = o->max_input ? o->max_input : LIMIT_HTTP_INPUT;
	o->max_output = o->max_output ? o->max_output : LIMIT_HTTP_OUTPUT;
	o->head_ms = or_default(o->head_ms, 10000);
	o->body_ms = or_default(o->body_ms, 30000);
	o->idle_ms = or_default(o->idle_ms, 120000);
	o->write_ms = or_default(o->write_ms, 30000);
	o->stream_ms = or_default(o->stream_ms, 300000);
	o->grace_ms = or_default(o->grace_ms, 5000);
	set_deadlines(s);
	s->resume = event_new(base, -1, 0, on_resume, s);
	s->grace = event_new(base, -1, 0, on_grace, s);
	s->turn = event_new(base, -1, 0, on_turn, s);
	s->shares = shares_new();
	if (!s->resume || !s->grace || !s->turn || !s->shares) {
		http_server_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

/* --- connections ---------------------------------------------------------------------- */

/*
 * Stops accepting for one turn of the loop after each batch. Otherwise a flood of new connections
 * would close earlier ones whose requests wait unread in the kernel, with their tokens.
 */
static void
pace(struct http_server *s)
{
	static const struct timeval next_turn = { 0 };

	if (++s->accepted < ACCEPT_BATCH && s->accepted < s->options.max_connections)
		return;
	s->accepted = 0;
	if (event_add(s->resume, &next_turn) == 0)
		set_accepting(s, false);
}

void
server_accepted(struct http_server *s, int fd, const struct share_key *address, bool tls)
{
	struct share *from = share_of(s->shares, SHARE_ADDRESS, address);
	int r;

	pace(s);
	if (s->n_conns >= s->options.max_connections)
		conns_make_room(s);
	if (!from)
		(void)close(fd); /* nothing was sent on it */
	r = from ? conn_new(s, fd, from, tls && s->tls) : -ENOMEM;
	if (r < 0)
		log_warn("connection refused", LOG_STR("reason", strerror(-r)));
}

/* Out of descriptors or memory: new clients wait in the kernel's queue for a moment. */
void
server_cannot_accept(struct http_server *s, int error)
{
	struct timeval tv = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	log_warn("cannot accept a connection", LOG_STR("reason", strerror(error)));
	conns_make_room(s);
	set_accepting(s, false);
	(void)event_add(s->resume, &tv);
}

void
http_server_use_tls(struct http_server *s, struct tls *tls)
{
	s->tls = tls;
}

int
http_server_port(const struct http_server *s)
{
	return s->port;
}

bool
http_server_is_exposed(const struct http_server *s)
{
	return s->exposed;
}

size_t
http_server_connections(const struct http_server *s)
{
	return s->n_conns;
}

const char *
http_server_address(const struct http_server *s, size_t i)
{
	return i < s->n_listeners ? listener_address(s->listeners[i]) : NULL;
}

void
http_server_stats(const struct http_server *s, struct http_stats *out)
{
	*out = (struct http_stats){ .connections = s->n_conns,
		.held = shares_used(s->shares, SHARE_HELD),
		.input_bytes = shares_used(s->shares, SHARE_INPUT),
		.output_bytes = shares_used(s->shares, SHARE_OUTPUT) };
	memcpy(out->gave_way, s->gave_way, sizeof out->gave_way);
}

/* Returns freed memory to the system, which the allocator keeps between blocks in use. */
void
http_server_tidy(struct http_server *s)
{
	size_t now = shares_used(s->shares, SHARE_INPUT) + shares_used(s->shares, SHARE_OUTPUT);

	if (s->peak_bytes >= TRIM_BYTES && now < s->peak_bytes / 2) {
		(void)malloc_trim(0); /* nothing to give back is fine */
		s->peak_bytes = now;
	}
}

/* --- stop ----------------------------------------------------------------------------- */

static void
close_listeners(struct http_server *s)
{
	while (s->n_listeners)
		listener_free(s->listeners[--s->n_listeners]);
}

void
server_check_stopped(struct http_server *s)
{
	void (*stopped)(void *) = s->stopped;

	if (!s->stopping || s->n_conns || !stopped)
		return;
	s->stopped = NULL;
	(void)event_del(s->grace);
	stopped(s->stopped_arg);
}

void
http_server_stop(struct http_server *s, void (*stopped)(void *arg), void *arg)
{
	struct timeval tv = { .tv_sec = s->options.grace_ms / 1000,
		.tv_usec = s->options.grace_ms % 1000 * 1000 };

	if (s->stopping)
		return;
	s->stopping = true;
	(void)event_del(s->resume);
	close_listeners(s);
	(void)event_add(s->grace, &tv);
	conns_close_idle(s);
	s->stopped = stopped;
	s->stopped_arg = arg;
	server_check_stopped(s);
}

struct http_server *
http_server_free(struct http_server *s)
{
	if (!s)
		return NULL;
	s->stopped = NULL;
	close_listeners(s);
	conns_close_all(s);
	free_closed(s);
	if (s->resume)
		event_free(s->resume);
	if (s->grace)
		event_free(s->grace);
	if (s->turn)
		event_free(s->turn);
	shares_free(s->shares);
	mem_free(s);
	return NULL;
}
