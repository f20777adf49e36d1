/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: its states and the transitions between them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/clock.h"
#include "base/mem.h"
#include "manager/http/http_internal.h"
#include "manager/http/tls.h"

#define TURN_REQUESTS 16          /* pipelined requests of one client before others have a turn */
#define DISCARD_MAX   (64 * 1024) /* bytes that a client sends after the last response */

/* --- state ---------------------------------------------------------------------------- */

#define TO(state) (1U << CONN_##state)

/* The transition table: a connection may go from the row's state to the column's. */
static const unsigned may_become[CONN_N_STATES] = {
	[CONN_IDLE] = TO(RECEIVING) | TO(HANDLING) | TO(FLUSHING) | TO(CLOSED),
	[CONN_RECEIVING] = TO(HANDLING) | TO(FLUSHING) | TO(CLOSED),
	[CONN_BODY] = TO(HANDLING) | TO(FLUSHING) | TO(CLOSED),
	[CONN_HANDLING] = TO(BODY) | TO(HELD) | TO(STREAMING) | TO(RESPONDED) | TO(CLOSED),
	[CONN_HELD] = TO(HANDLING) | TO(STREAMING) | TO(RESPONDED) | TO(CLOSED),
	[CONN_STREAMING] = TO(RESPONDED) | TO(CLOSED),
	[CONN_RESPONDED] = TO(IDLE) | TO(FLUSHING) | TO(CLOSED),
	[CONN_FLUSHING] = TO(LINGERING) | TO(CLOSED),
	[CONN_LINGERING] = TO(CLOSED),
	[CONN_CLOSED] = 0,
};

bool
conn_is_held_long(const struct http_conn *c)
{
	return c->state == CONN_HELD && c->held_long;
}

void
conn_become(struct http_conn *c, enum conn_state next)
{
	if (!(may_become[c->state] & 1U << next))
		abort();
	if (conn_is_held_long(c))
		share_sub(c->share, SHARE_HELD, 1);
	c->state = next;
	c->moved = true;
	if (conn_is_held_long(c))
		share_add(c->share, SHARE_HELD, 1);
}

bool
conn_reads_requests(const struct http_conn *c)
{
	return c->state == CONN_IDLE || c->state == CONN_RECEIVING || c->state == CONN_BODY;
}

size_t
conn_output_length(const struct http_conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

bool
conn_is_idle(const struct http_conn *c)
{
	return (c->state == CONN_IDLE ||
		   (c->state == CONN_RECEIVING && http_parser_idle(&c->parser))) &&
	       !conn_output_length(c);
}

static size_t
input_length(const struct http_conn *c)
{
	return evbuffer_get_length(bufferevent_get_input(c->bev));
}

/* --- the end -------------------------------------------------------------------------- */

static void
release_io(struct http_conn *c)
{
	(void)event_del(&c->deadline);
	(void)event_del(&c->hangup);
	if (c->drip)
		(void)bufferevent_set_rate_limit(c->bev, NULL);
	bufferevent_free(c->bev); /* closes the socket */
	c->bev = NULL;
	if (c->drip)
		ev_token_bucket_cfg_free(c->drip);
	c->drip = NULL;
}

void
conn_close(struct http_conn *c)
{
	struct http_server *s = c->server;
	enum conn_state was = c->state;

	if (was == CONN_CLOSED)
		return;
	if (c->pins) {
		c->close_later = true;
		(void)bufferevent_disable(c->bev, EV_READ | EV_WRITE); /* sockets can be */
		return;
	}
	conn_become(c, CONN_CLOSED);
	conns_remove(c);
	release_io(c);
	kept_forget(c);
	if (was == CONN_HELD && c->gone)
		c->gone(c->gone_arg);
	if (was == CONN_STREAMING)
		c->source.done(c->source.arg);
	server_reap(c);
	server_check_stopped(s);
}

void
conn_free(struct http_conn *c)
{
	http_parser_fini(&c->parser);
	response_forget_field(c);
	mem_free(c);
}

/* --- requests ------------------------------------------------------------------------- */

static void
request_begin(struct http_conn *c)
{
	conn_become(c, CONN_HANDLING);
	c->head_only = c->parser.request.method == HTTP_HEAD;
	if (c->begun)
		return;
	c->begun = true;
	c->begun_ms = clock_boot_ms();
	c->id_is_clients = request_id_choose(c->id, &c->parser.request);
}

void
conn_refuse(struct http_conn *c, int status, const char *why)
{
	void (*gone)(void *arg) = c->state == CONN_HELD ? c->gone : NULL;

	request_begin(c);
	c->gone = NULL;
	if (gone)
		gone(c->gone_arg);
	kept_forget(c);
	c->keep_alive = false;
	c->server->handler.refuse(c->server->handler.arg, c, status, why);
	conn_must_have_ended(c);
}

static void
admit(struct http_conn *c)
{
	const struct http_handler *h = &c->server->handler;

	if (h->admit && !h->admit(h->arg, c)) {
		conn_must_have_ended(c);
		return;
	}
	conn_become(c, CONN_BODY);
	if (c->parser.request.expect_continue && !input_length(c))
		(void)evbuffer_add_printf(
		    bufferevent_get_output(c->bev), "HTTP/1.1 100 Continue\r\n\r\n");
}

/* The head is complete and a body follows: a refusal is sent before the body is read. */
static void
head_parsed(struct http_conn *c)
{
	request_begin(c);
	c->keep_alive = false; /* for a refusal: the body follows, which is not read */
	conn_work(c, admit, false);
}

static void
handle(struct http_conn *c)
{
	c->server->handler.request(c->server->handler.arg, c);
	conn_must_have_ended(c);
}

static void
request_parsed(struct http_conn *c)
{
	request_begin(c);
	c->keep_alive = c->parser.request.keep_alive;
	conn_work(c, handle, false);
}

static void
parsed(struct http_conn *c, int result)
{
	switch (result) {
	case HTTP_PARSE_MORE:
		if (c->state == CONN_IDLE && !http_parser_idle(&c->parser))
			conn_become(c, CONN_RECEIVING);
		break;
	case HTTP_PARSE_HEAD:
		head_parsed(c);
		break;
	case HTTP_PARSE_DONE:
		request_parsed(c);
		break;
	case HTTP_PARSE_BAD:
		conn_refuse(c, c->parser.status, c->parser.why);
		break;
	default: /* out of memory: no response can be made */
		conn_close(c);
		break;
	}
}

/* --- steps ---------------------------------------------------------------------------- */

/* Writes at once what the socket accepts, since a turn of the loop costs more than the request. */
static void
push(struct http_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (!c->direct || !evbuffer_get_length(out))
		return;
	(void)evbuffer_unfreeze(out, 1);
	(void)evbuffer_write(out, bufferevent_getfd(c->bev)); /* the loop reports an error again */
	(void)evbuffer_freeze(out, 1);
}

static bool
output_is_full(struct http_conn *c)
{
	if (conn_output_length(c) > OUTPUT_HIGH)
		push(c); /* no event follows what is written at once */
	return conn_output_length(c) > OUTPUT_HIGH;
}

static bool
step_input(struct http_conn *c, int *turns)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_contiguous_space(in), used;
	int r;

	if (output_is_full(c))
		return false; /* on_written() goes on */
	if (!n && c->eof)
		conn_become(c, CONN_FLUSHING);
	if (!n)
		return c->eof;
	if (*turns == TURN_REQUESTS) {
		server_schedule(c);
		return false;
	}
	r = http_parser_feed(&c->parser, (const char *)evbuffer_pullup(in, (ssize_t)n), n, &used);
	(void)evbuffer_drain(in, used);
	*turns += r == HTTP_PARSE_DONE;
	parsed(c, r);
	return true;
}

/* One piece in each turn of the loop. */
static bool
step_stream(struct http_conn *c)
{
	if (c->ready || conn_output_length(c) > OUTPUT_LOW)
		return false; /* on_written() goes on */
	conn_work(c, stream_piece, true);
	return c->state != CONN_STREAMING;
}

static void
step_responded(struct http_conn *c)
{
	if (c->keep_alive && !c->server->stopping) {
		http_parser_reset(&c->parser);
		c->begun = false;
		c->label = (struct http_label){ 0 };
		response_forget_field(c);
		conn_become(c, CONN_IDLE);
	} else {
		conn_become(c, CONN_FLUSHING);
	}
}

/* Everything is written: closes our half and waits briefly for the client to close its own. */
static bool
step_flush(struct http_conn *c)
{
	push(c);
	if (conn_output_length(c))
		return false;
	if (!c->direct)
		tls_goodbye(c->bev); /* does nothing without TLS */
	if (c->eof || shutdown(bufferevent_getfd(c->bev), SHUT_WR) < 0) {
		conn_close(c);
		return false;
	}
	http_parser_reset(&c->parser);
	conn_become(c, CONN_LINGERING);
	return true;
}

static void
step_linger(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	c->discarded += evbuffer_get_length(in);
	(void)evbuffer_drain(in, evbuffer_get_length(in));
	if (c->eof)
		conn_close(c);
}

/* True if another step may follow. */
static bool
step(struct http_conn *c, int *turns)
{
	if (c->pins)
		return false; /* http_conn_unpin() goes on */
	switch (c->state) {
	case CONN_IDLE:
	case CONN_RECEIVING:
	case CONN_BODY:
		return step_input(c, turns);
	case CONN_STREAMING:
		return step_stream(c);
	case CONN_RESPONDED:
		step_responded(c);
		return true;
	case CONN_FLUSHING:
		return step_flush(c);
	case CONN_LINGERING:
		step_linger(c);
		return false;
	case CONN_HANDLING:
	case CONN_HELD:
	case CONN_CLOSED:
	case CONN_N_STATES:
		break;
	}
	return false;
}

/* --- what it waits for ---------------------------------------------------------------- */

static bool
want(struct http_conn *c, short what, bool wanted)
{
	bool has = bufferevent_get_enabled(c->bev) & what;

	if (has == wanted)
		return true;
	return (wanted ? bufferevent_enable(c->bev, what) : bufferevent_disable(c->bev, what)) == 0;
}

/* While a request is held, reading goes on until the client sends something: EOF is noticed. */
static bool
wants_input(const struct http_conn *c)
{
	if (c->eof)
		return false;
	if (conn_reads_requests(c))
		return conn_output_length(c) <= OUTPUT_HIGH;
	if (c->state == CONN_LINGERING)
		return c->discarded < DISCARD_MAX;
	return c->state == CONN_HELD && !input_length(c);
}

static bool
want_hangup(struct http_conn *c, bool wanted)
{
	bool has = event_pending(&c->hangup, EV_CLOSED, NULL);

	if (has == wanted)
		return true;
	return (wanted ? event_add(&c->hangup, NULL) : event_del(&c->hangup)) == 0;
}

static bool
restart_deadline(struct http_conn *c)
{
	const struct timeval *deadline = c->server->deadlines[c->state];

	if (!c->moved)
		return true;
	c->moved = false;
	c->since_ms = clock_boot_ms();
	conns_touch(c);
	return (deadline ? event_add(&c->deadline, deadline) : event_del(&c->deadline)) == 0;
}

/* There is no event for what the socket accepted at once. */
static bool
goes_on(const struct http_conn *c)
{
	if (c->pins)
		return false;
	if (c->state == CONN_STREAMING)
		return conn_output_length(c) <= OUTPUT_LOW;
	if (c->state == CONN_FLUSHING)
		return !conn_output_length(c);
	return conn_reads_requests(c) && conn_output_length(c) <= OUTPUT_HIGH && input_length(c);
}

/*
 * Out of memory: closes the connection, which would otherwise stay forever without events.
 */
static void
settle(struct http_conn *c)
{
	bool input, hangup;

	push(c);
	if (goes_on(c))
		server_schedule(c);
	input = wants_input(c);
	hangup = !input && !c->eof && !c->hung_up &&
		 (c->state == CONN_HELD || c->state == CONN_LINGERING);
	conn_charge(c);
	if (!want(c, EV_READ, input) || !want(c, EV_WRITE, conn_output_length(c) > 0) ||
	    !want_hangup(c, hangup) || !restart_deadline(c))
		conn_close(c);
}

void
conn_run(struct http_conn *c)
{
	int turns = 0;

	if (c->state == CONN_CLOSED)
		return;
	c->running = true;
	while (step(c, &turns))
		;
	c->running = false;
	if (c->state == CONN_CLOSED || c->close_later)
		return;
	settle(c);
	conns_keep_room(c->server, SHARE_INPUT);
	conns_keep_room(c->server, SHARE_OUTPUT);
}

void
conn_mark(struct http_conn *c)
{
	if (!c->running && c->state != CONN_CLOSED)
		server_schedule(c);
}

/* --- events --------------------------------------------------------------------------- */

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	conn_run(arg);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	conn_run(arg);
}

/* A client that closes its half may still read a response, but not after a long hold. */
static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)))
		return; /* a TLS handshake is done */
	c->eof = true;
	if (!(what & BEV_EVENT_EOF) || conn_is_held_long(c))
		conn_close(c);
	else
		conn_run(c);
}

static void
on_hangup(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	c->hung_up = true;
	if (conn_is_held_long(c) || c->state == CONN_LINGERING)
		conn_close(c);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	/* A long response to a slow client: the write time-out notices when it stops reading. */
	if ((c->state == CONN_IDLE || c->state == CONN_FLUSHING) && conn_output_length(c) &&
	    clock_boot_ms() - c->since_ms < c->server->options.stream_ms) {
		(void)event_add(&c->deadline, c->server->deadlines[CONN_FLUSHING]);
	} else if ((c->state == CONN_RECEIVING && !http_parser_idle(&c->parser)) ||
		   c->state == CONN_BODY) {
		conn_refuse(c, 408, "The request took too long to arrive");
		conn_run(c);
	} else {
		conn_close(c);
	}
}

/* --- birth ---------------------------------------------------------------------------- */

static struct bufferevent *
new_bufferevent(struct http_server *s, int fd, bool tls)
{
	return tls ? tls_accept(s->tls, s->base, fd)
		   : bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
}

int
conn_new(struct http_server *s, int fd, struct share *address, bool tls)
{
	struct timeval write_tv = { .tv_sec = s->options.write_ms / 1000,
		.tv_usec = s->options.write_ms % 1000 * 1000 };
	struct http_conn *c = mem_zalloc(sizeof *c);
	int one = 1;

	if (c)
		c->bev = new_bufferevent(s, fd, tls);
	if (!c || !c->bev) {
		mem_free(c);
		share_unref(address);
		(void)close(fd); /* nothing was sent on it */
		return -ENOMEM;
	}
	c->server = s;
	c->address = address;
	c->share = share_ref(address);
	c->state = CONN_RECEIVING;
	c->tls = tls;
	c->direct = !tls;
	c->send = response_send;
	http_parser_init(&c->parser);
	(void)evtimer_assign(&c->deadline, s->base, on_deadline, c); /* its arguments are valid */
	(void)event_assign(&c->hangup, s->base, fd, EV_CLOSED, on_hangup, c); /* so are these */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* not TCP: no matter */
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
	(void)bufferevent_set_timeouts(c->bev, NULL, &write_tv); /* a socket has them */
	(void)bufferevent_disable(c->bev, EV_WRITE);
	conns_add(c);
	c->moved = true;
	settle(c);
	return 0;
}
