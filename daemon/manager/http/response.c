/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: whole, shared by many calls, or in pieces; spoiled on order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/log.h"
#include "base/mem.h"
#include "manager/http/server_internal.h"

#define PIECE_MAX (4 * 1024 * 1024) /* one piece of a stream: a row is at most some 1 MiB */

static bool
is_head(const struct http_conn *c)
{
	return c->parser.request.method == HTTP_HEAD;
}

static void
answer_begin(struct http_conn *c)
{
	if (c->state != CONN_CALL && c->state != CONN_HELD)
		abort();
	c->gone = NULL; /* the holder knows: it answers */
}

/* --- answers that are to go wrong ----------------------------------------------------- */

#define DRIP_BYTES 64 /* in each of these: */
#define DRIP_MS    100

void
http_conn_spoil(struct http_conn *c, enum http_spoil how)
{
	c->spoil = how;
	c->keep_alive = c->keep_alive && how == HTTP_SPOIL_NONE;
}

static void
conn_reset(struct http_conn *c)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(
	    bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	conn_close(c);
}

static void
start_dripping(struct http_conn *c)
{
	struct timeval tick = { .tv_usec = DRIP_MS * 1000 };
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(
	    EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, DRIP_BYTES, DRIP_BYTES, &tick);

	if (cfg)
		(void)bufferevent_set_rate_limit(c->bev, cfg); /* it ends with this connection */
	c->drip = cfg;
}

/* What is sent of a body: part of it, or a copy that is no JSON any more. 0 or -ENOMEM. */
static int
spoil_body(struct http_conn *c, struct span *body, struct buf *copy)
{
	size_t half = body->n / 2;

	if (c->spoil == HTTP_SPOIL_TRUNCATE)
		body->n = half;
	if (c->spoil == HTTP_SPOIL_DRIP)
		start_dripping(c);
	if (c->spoil != HTTP_SPOIL_MALFORMED)
		return 0;
	buf_add(copy, body->p, body->n);
	if (buf_error(copy))
		return buf_error(copy);
	if (body->n > half)
		memset(copy->data + half, '<', body->n - half);
	body->p = copy->data;
	return 0;
}

/* Memory that is out leaves a hole in the output: the client must not take it for an answer. */
static void
answer_end(struct http_conn *c, int status, int r)
{
	log_debug("answered", LOG_STR("request", c->id), LOG_INT("status", status));
	if (r < 0)
		conn_close(c);
	else
		conn_answered(c);
}

/* shared: whose body this is; NULL: the caller's. */
static void
answer_whole(struct http_conn *c, int status, struct http_head *head, struct span body,
    struct http_shared *shared)
{
	struct buf copy = BUF_INIT(PIECE_MAX);
	int r = 0;

	if (c->spoil == HTTP_SPOIL_RESET) {
		conn_reset(c);
		return;
	}
	http_head_end(head, c);
	if (c->spoil != HTTP_SPOIL_NONE) {
		r = spoil_body(c, &body, &copy);
		shared = NULL;
	}
	if (is_head(c))
		body.n = 0;
	if (r >= 0)
		r = http_write_answer(c, head, body, shared);
	buf_fini(&copy);
	answer_end(c, status, r);
}

void
http_respond(struct http_conn *c, int status, const struct http_header *headers,
    const char *content_type, struct span body)
{
	struct http_head head;

	answer_begin(c);
	http_head_begin(&head, status, headers, body.p ? content_type : NULL);
	http_head_length(&head, status, body.n);
	answer_whole(c, status, &head, body, NULL);
}

/* --- answers for many ----------------------------------------------------------------- */

struct http_shared {
	unsigned refs;
	int status;
	struct http_head head; /* as far as it is the same for all */
	struct span body;
};

struct http_shared *
http_shared_new(
    int status, const struct http_header *headers, const char *content_type, struct buf *body)
{
	struct http_shared *s = mem_alloc(sizeof *s);

	if (s) {
		s->refs = 1;
		s->status = status;
		s->body.p = buf_take(body, &s->body.n);
		http_head_begin(&s->head, status, headers, content_type);
		http_head_length(&s->head, status, s->body.n);
	}
	buf_fini(body);
	if (s && !s->body.p) {
		mem_free(s);
		return NULL;
	}
	return s;
}

struct http_shared *
http_shared_unref(struct http_shared *s)
{
	if (s && --s->refs == 0) {
		mem_free((char *)s->body.p);
		mem_free(s);
	}
	return NULL;
}

static void
on_shared_sent(const void *data, size_t n, void *arg)
{
	(void)data;
	(void)n;
	http_shared_unref(arg);
}

int
http_shared_append(struct http_shared *s, struct evbuffer *out, struct span part)
{
	if (evbuffer_add_reference(out, part.p, part.n, on_shared_sent, s) < 0)
		return -ENOMEM;
	s->refs++;
	return 0;
}

void
http_respond_shared(struct http_conn *c, struct http_shared *s, const struct http_header *more)
{
	struct http_head head;

	answer_begin(c);
	http_head_copy(&head, &s->head);
	for (; more && more->name; more++)
		http_head_field(&head, more->name, more->value);
	answer_whole(c, s->status, &head, s->body, s);
}

/* --- bodies in pieces ----------------------------------------------------------------- */

static int
stream_piece(struct http_conn *c, struct buf *piece)
{
	int r = c->source.more(c->source.arg, piece);

	return r < 0 ? r : buf_error(piece) ? buf_error(piece) : r;
}

static void
stream_end(struct http_conn *c)
{
	struct http_source src = c->source;

	c->source = (struct http_source){ 0 };
	src.done(src.arg);
}

static int
stream_write(struct http_conn *c, const struct buf *piece, bool last)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	int r = 0;

	if (is_head(c))
		return 0;
	if (piece->len && c->chunked)
		r = evbuffer_add_printf(out, "%zx\r\n", piece->len);
	if (r >= 0 && piece->len)
		r = evbuffer_add(out, piece->data, piece->len);
	if (r >= 0 && piece->len && c->chunked)
		r = evbuffer_add(out, "\r\n", 2);
	if (r >= 0 && last && c->chunked)
		r = evbuffer_add(out, "0\r\n\r\n", 5);
	return r < 0 ? -ENOMEM : 0;
}

void
http_respond_stream(struct http_conn *c, int status, const struct http_header *headers,
    const char *content_type, const struct http_source *source)
{
	struct buf piece = BUF_INIT(PIECE_MAX);
	struct http_head head;
	int r;

	answer_begin(c);
	c->source = *source;
	r = stream_piece(c, &piece);
	if (r >= 0 && c->spoil != HTTP_SPOIL_NONE && c->spoil != HTTP_SPOIL_DRIP) {
		/* A piece is as good as the whole to go wrong with. */
		stream_end(c);
		http_respond(
		    c, status, headers, content_type, (struct span){ buf_str(&piece), piece.len });
	} else if (r < 0) {
		stream_end(c);
		c->server->handler.refuse(
		    c->server->handler.arg, c, 500, "The answer could not be made");
	} else if (r == 0) {
		stream_end(c);
		http_respond(
		    c, status, headers, content_type, (struct span){ buf_str(&piece), piece.len });
	} else {
		c->chunked = !c->parser.request.http10;
		c->keep_alive = c->keep_alive && c->chunked;
		http_head_begin(&head, status, headers, content_type);
		if (c->chunked)
			http_head_field(&head, "Transfer-Encoding", "chunked");
		http_head_end(&head, c);
		conn_become(c, CONN_STREAM);
		(void)bufferevent_disable(c->bev, EV_READ);
		bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
		if (c->spoil == HTTP_SPOIL_DRIP)
			start_dripping(c);
		r = http_head_append(&head, bufferevent_get_output(c->bev));
		if (r < 0 || stream_write(c, &piece, false) < 0)
			conn_close(c);
		else if (!c->depth)
			conn_settle(c);
	}
	buf_fini(&piece);
}

/* One piece a turn: the loop comes back when the client has taken most of it. */
void
http_stream_pump(struct http_conn *c)
{
	struct buf piece = BUF_INIT(PIECE_MAX);
	int r = is_head(c) ? 0 : stream_piece(c, &piece);

	if (r >= 0 && stream_write(c, &piece, r == 0) < 0)
		r = -ENOMEM;
	buf_fini(&piece);
	if (r > 0) {
		conn_settle(c);
		return;
	}
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	stream_end(c);
	if (r < 0) {
		log_warn(
		    "answer cut off", LOG_STR("request", c->id), LOG_STR("reason", strerror(-r)));
		conn_close(c);
	} else {
		conn_answered(c);
	}
}
