/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/http/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "manager/http/server_internal.h"
#include "manager/http/tls.h"

#define INPUT_MAX     (64 * 1024)  /* read ahead of what was understood */
#define OUTPUT_HIGH   (256 * 1024) /* answers that wait for their client; above it nothing is made */
#define TURN_REQUESTS 16           /* pipelined requests of one client before others have a turn */

/* --- the server's list ---------------------------------------------------------------- */

static void
list_remove(struct http_conn *c)
{
	struct http_server *s = c->server;

	*(c->prev ? &c->prev->next : &s->first) = c->next;
	*(c->next ? &c->next->prev : &s->last) = c->prev;
	c->prev = c->next = NULL;
}

static void
list_append(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->prev = s->last;
	c->next = NULL;
	*(s->last ? &s->last->next : &s->first) = c;
	s->last = c;
}

/* --- the end of a connection ---------------------------------------------------------- */

static void
conn_free(struct http_conn *c)
{
	struct http_server *s = c->server;

	http_pump_leave(c);
	list_remove(c);
	s->n_conns--;
	http_parser_fini(&c->parser);
	if (c->deadline)
		event_free(c->deadline);
	if (c->kick)
		event_free(c->kick);
	if (c->closed)
		event_free(c->closed);
	if (c->drip)
		(void)bufferevent_set_rate_limit(c->bev, NULL);
	if (c->bev)
		bufferevent_free(c->bev); /* closes the socket */
	if (c->drip)
		ev_token_bucket_cfg_free(c->drip);
	mem_free(c);
	http_server_check_stopped(s);
}

/* Whoever waits for this call is told; the memory goes when nobody on the stack needs it. */
void
conn_close(struct http_conn *c)
{
	enum conn_state was = c->state;

	if (was == CONN_DEAD)
		return;
	c->state = CONN_DEAD;
	c->depth++;
	if (was == CONN_HELD && c->gone)
		c->gone(c->gone_arg);
	if (was == CONN_STREAM && c->source.done)
		c->source.done(c->source.arg);
	c->depth--;
	if (!c->depth)
		conn_free(c);
}

static void
leave(struct http_conn *c)
{
	c->depth--;
	if (!c->depth && c->state == CONN_DEAD)
		conn_free(c);
}

/*
 * Goes on with c when the loop has looked at all the others: an event made active in a callback would come
 * first, and somebody who has always something to do would keep everybody else waiting.
 */
static void
conn_kick(struct http_conn *c)
{
	static const struct timeval at_once = { 0 };

	(void)event_add(c->kick, &at_once); /* no memory: its deadline ends it */
}

void
conn_become(struct http_conn *c, enum conn_state next)
{
	const struct timeval *deadline = c->server->deadlines[next];

	c->state = next;
	c->since_ms = clock_boot_ms();
	list_remove(c);
	list_append(c);
	if (deadline)
		(void)event_add(c->deadline, deadline); /* no memory: one wait is longer */
	else
		(void)event_del(c->deadline);
}

/* Everything was written: our side is closed, and theirs is awaited for a moment. */
static void
conn_linger(struct http_conn *c)
{
	if (c->tls)
		tls_goodbye(c->bev);
	if (c->eof || shutdown(bufferevent_getfd(c->bev), SHUT_WR) < 0) {
		conn_close(c);
		return;
	}
	conn_become(c, CONN_LINGER);
	(void)bufferevent_enable(c->bev, EV_READ);
	evbuffer_drain(
	    bufferevent_get_input(c->bev), evbuffer_get_length(bufferevent_get_input(c->bev)));
}

size_t
conn_output_length(struct http_conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

/* Writes at once, as far as the socket takes it: a turn of the loop costs more than the call. */
static void
conn_push(struct http_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (!evbuffer_get_length(out))
		return;
	if (!c->tls && c->spoil != HTTP_SPOIL_DRIP) {
		(void)evbuffer_unfreeze(out, 1);
		/* An error comes again by the loop. */
		(void)evbuffer_write(out, bufferevent_getfd(c->bev));
		(void)evbuffer_freeze(out, 1);
	}
	if (evbuffer_get_length(out))
		(void)bufferevent_enable(c->bev, EV_WRITE);
}

void
conn_settle(struct http_conn *c)
{
	conn_push(c);
	if (c->state == CONN_FLUSH && !conn_output_length(c))
		conn_linger(c);
	else if (c->state == CONN_STREAM && conn_output_length(c) <= OUTPUT_LOW)
		http_pump_later(c);
}

/* Most often nobody had stopped it. */
static void
read_again(struct http_conn *c)
{
	if (!(bufferevent_get_enabled(c->bev) & EV_READ))
		(void)bufferevent_enable(c->bev, EV_READ);
}

void
conn_answered(struct http_conn *c)
{
	if (c->keep_alive && !c->server->stopping) {
		http_parser_reset(&c->parser);
		conn_become(c, CONN_IDLE);
	} else {
		conn_become(c, CONN_FLUSH);
	}
	if (c->depth)
		return; /* whoever is on the stack goes on with the input and settles */
	if (!(bufferevent_get_enabled(c->bev) & EV_READ))
		(void)event_del(c->closed); /* it was watched for its end alone */
	if (c->state == CONN_IDLE) {
		read_again(c);
		if (evbuffer_get_length(bufferevent_get_input(c->bev)))
			conn_kick(c);
		else if (c->eof)
			conn_become(c, CONN_FLUSH);
	}
	conn_settle(c);
}

void
http_conn_hold(struct http_conn *c, enum http_hold how, void (*gone)(void *arg), void *arg)
{
	if (c->state != CONN_CALL)
		abort();
	conn_become(c, CONN_HELD);
	c->hold = how;
	c->gone = gone;
	c->gone_arg = arg;
}

void
http_conn_resume(struct http_conn *c)
{
	if (c->state != CONN_HELD)
		abort();
	c->gone = NULL;
	conn_become(c, CONN_CALL);
}

const struct http_request *
http_conn_request(const struct http_conn *c)
{
	return &c->parser.request;
}

const char *
http_conn_request_id(const struct http_conn *c)
{
	return c->id;
}

/* --- requests ------------------------------------------------------------------------- */

static void
call_begin(struct http_conn *c)
{
	uint8_t id[(HTTP_REQUEST_ID_SIZE - 1) / 2];

	c->spoil = HTTP_SPOIL_NONE;
	rnd_bytes(id, sizeof id);
	hex_encode(c->id, id, sizeof id);
	conn_become(c, CONN_CALL);
}

static void
call_refuse(struct http_conn *c, int status, const char *why)
{
	struct http_server *s = c->server;

	call_begin(c);
	c->keep_alive = false;
	s->handler.refuse(s->handler.arg, c, status, why);
}

static void
call_dispatch(struct http_conn *c)
{
	struct http_server *s = c->server;

	call_begin(c);
	c->keep_alive = c->parser.request.keep_alive;
	s->handler.request(s->handler.arg, c);
	if (c->state == CONN_CALL)
		abort(); /* neither answered nor held */
}

static void
conn_parsed(struct http_conn *c, int result)
{
	switch (result) {
	case HTTP_PARSE_MORE:
		if (c->state == CONN_IDLE && !http_parser_idle(&c->parser))
			conn_become(c, CONN_HEAD);
		break;
	case HTTP_PARSE_HEAD:
		conn_become(c, CONN_BODY);
		if (c->parser.request.expect_continue &&
		    !evbuffer_get_length(bufferevent_get_input(c->bev)))
			(void)evbuffer_add_printf(
			    bufferevent_get_output(c->bev), "HTTP/1.1 100 Continue\r\n\r\n");
		break;
	case HTTP_PARSE_DONE:
		call_dispatch(c);
		break;
	case HTTP_PARSE_BAD:
		call_refuse(c, c->parser.status, c->parser.why);
		break;
	default: /* memory is out: nothing can be said */
		conn_close(c);
		break;
	}
}

static bool
reads_requests(const struct http_conn *c)
{
	return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

/* What is needed for the rest of the input to be understood, or the end when there is none. */
static void
conn_read_on(struct http_conn *c)
{
	if (conn_output_length(c) > OUTPUT_HIGH)
		conn_push(c); /* what goes out at once calls nobody back */
	if (conn_output_length(c) > OUTPUT_HIGH)
		(void)bufferevent_disable(c->bev, EV_READ); /* on_written() goes on */
	else if (evbuffer_get_length(bufferevent_get_input(c->bev)))
		conn_kick(c);
	else if (c->eof)
		conn_become(c, CONN_FLUSH);
	else
		read_again(c);
}

/* Understands what has come, answers what is complete; leaves early so that others have a turn. */
static void
conn_run(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n, used;
	int turns = 0, r;

	c->depth++;
	while (reads_requests(c) && (n = evbuffer_get_contiguous_space(in)) > 0) {
		if (conn_output_length(c) > OUTPUT_HIGH)
			conn_push(c);
		if (conn_output_length(c) > OUTPUT_HIGH || turns == TURN_REQUESTS)
			break;
		r = http_parser_feed(
		    &c->parser, (const char *)evbuffer_pullup(in, (ssize_t)n), n, &used);
		(void)evbuffer_drain(in, used);
		conn_parsed(c, r);
		turns += r == HTTP_PARSE_DONE;
	}
	if (reads_requests(c))
		conn_read_on(c);
	if (c->state != CONN_DEAD)
		conn_settle(c);
	leave(c);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (reads_requests(c))
		conn_run(c);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (c->state == CONN_LINGER) {
		(void)evbuffer_drain(in, evbuffer_get_length(in));
	} else if (c->state == CONN_HELD) {
		/* Its next request has to wait; but that it goes must still be seen. */
		(void)bufferevent_disable(bev, EV_READ);
		(void)event_add(c->closed, NULL);
	} else if (reads_requests(c)) {
		conn_run(c);
	}
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;

	if (!conn_output_length(c))
		(void)bufferevent_disable(bev, EV_WRITE); /* conn_push() comes first */
	if (c->state == CONN_STREAM || c->state == CONN_FLUSH)
		conn_settle(c);
	else if (reads_requests(c))
		conn_run(c);
}

/* Of a client that has closed its half: whether it may still be there to read. */
static bool
waits_for_answer(const struct http_conn *c)
{
	return c->state == CONN_FLUSH || (c->state == CONN_HELD && c->hold == HTTP_HOLD_BRIEF);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)))
		return; /* a TLS handshake is done */
	c->eof = true;
	/* A client may close its half and still wait for what it asked. */
	if ((what & BEV_EVENT_EOF) && reads_requests(c))
		conn_run(c);
	else if (!(what & BEV_EVENT_EOF) || !waits_for_answer(c))
		conn_close(c);
}

/* The client of a held call has gone: nobody is there to answer. */
static void
on_closed(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (!waits_for_answer(c))
		conn_close(c);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	/* A long answer to a slow client: that it stands still is seen elsewhere. */
	if ((c->state == CONN_IDLE || c->state == CONN_FLUSH) && conn_output_length(c) &&
	    clock_boot_ms() - c->since_ms < c->server->options.stream_ms) {
		(void)event_add(c->deadline, c->server->deadlines[CONN_FLUSH]);
		return;
	}
	if ((c->state == CONN_HEAD && !http_parser_idle(&c->parser)) || c->state == CONN_BODY)
		call_refuse(c, 408, "The request took too long to arrive");
	else
		conn_close(c);
}

/* --- connections ---------------------------------------------------------------------- */

static int
conn_new(struct http_server *s, int fd)
{
	struct timeval write_tv = { .tv_sec = s->options.write_ms / 1000,
		.tv_usec = s->options.write_ms % 1000 * 1000 };
	struct http_conn *c = mem_zalloc(sizeof *c);
	int one = 1;

	if (!c) {
		(void)close(fd);
		return -ENOMEM;
	}
	c->server = s;
	http_parser_init(&c->parser);
	list_append(c);
	s->n_conns++;
	c->tls = s->tls != NULL;
	c->bev = c->tls ? tls_accept(s->tls, s->base, fd)
			: bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->deadline = event_new(s->base, -1, 0, on_deadline, c);
	c->kick = event_new(s->base, -1, 0, on_kick, c);
	c->closed = event_new(s->base, fd, EV_CLOSED, on_closed, c);
	if (!c->bev)
		(void)close(fd);
	if (!c->bev || !c->deadline || !c->kick || !c->closed) {
		conn_free(c);
		return -ENOMEM;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* no TCP: no matter */
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_MAX);
	(void)bufferevent_set_timeouts(c->bev, NULL, &write_tv);
	conn_become(c, CONN_HEAD);
	(void)bufferevent_disable(c->bev, EV_WRITE);
	(void)bufferevent_enable(c->bev, EV_READ);
	return 0;
}

/* Makes room by closing the one that waits longest between two requests or for its first. */
static bool
close_idlest(struct http_server *s)
{
	for (struct http_conn *c = s->first; c; c = c->next) {
		if (!reads_requests(c) || conn_output_length(c))
			continue;
		log_debug("connection closed to make room");
		conn_close(c);
		return true;
	}
	return false;
}

void
http_server_accepted(struct http_server *s, int fd)
{
	if (s->n_conns >= s->options.max_connections && !close_idlest(s)) {
		(void)close(fd);
		return;
	}
	if (conn_new(s, fd) < 0)
		log_warn("connection refused", LOG_STR("reason", "out of memory"));
}

void
http_server_make_room(struct http_server *s)
{
	(void)close_idlest(s);
}

void
http_server_close_idle(struct http_server *s)
{
	struct http_conn *c, *next;

	for (c = s->first; c; c = next) {
		next = c->next;
		if ((c->state == CONN_IDLE || http_parser_idle(&c->parser)) && reads_requests(c) &&
		    !conn_output_length(c))
			conn_close(c);
	}
}

void
http_server_close_all(struct http_server *s)
{
	while (s->first)
		conn_close(s->first);
}
