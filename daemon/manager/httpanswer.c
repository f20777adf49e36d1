/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, whole and in pieces, into the output of their connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/http_internal.h"

#define PIECE_MAX (4 * 1024 * 1024) /* one piece of a stream: a row is at most some 1 MiB */

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < N_ELEMENTS(known); i++)
		if (known[i].status == status)
			return known[i].text;
	return "Status";
}

static const char *
date_now(struct http_server *s)
{
	int64_t second = clock_wall_ms() / 1000;
	time_t t = (time_t)second;
	struct tm tm;

	if (second != s->date_second && gmtime_r(&t, &tm)) {
		/* The C locale's names: the programs never call setlocale(). */
		(void)strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		s->date_second = second;
	}
	return s->date;
}

/* A head goes into the output as one piece: many small ones cost more than all that is in them. */
struct head {
	struct evbuffer *out;
	size_t n;
	char text[1024];
};

static void
head_flush(struct head *h)
{
	(void)evbuffer_add(h->out, h->text, h->n); /* end_head() would fail as well */
	h->n = 0;
}

static void
head_add(struct head *h, const char *text)
{
	size_t n = strlen(text);

	if (n > sizeof h->text - h->n)
		head_flush(h);
	if (n > sizeof h->text) {
		(void)evbuffer_add(h->out, text, n);
		return;
	}
	memcpy(h->text + h->n, text, n);
	h->n += n;
}

static void
head_field(struct head *h, const char *name, const char *value)
{
	head_add(h, name);
	head_add(h, ": ");
	head_add(h, value);
	head_add(h, "\r\n");
}

static void
write_head(struct http_call *c, int status, const struct http_header *h, const char *type)
{
	struct head head;
	char number[16];

	head.out = bufferevent_get_output(c->bev);
	head.n = 0;
	(void)snprintf(number, sizeof number, "%d ", status);
	head_add(&head, "HTTP/1.1 ");
	head_add(&head, number);
	head_add(&head, reason_of(status));
	head_add(&head, "\r\n");
	head_field(&head, "Date", date_now(c->server));
	head_field(&head, "X-Request-Id", c->id);
	for (; h && h->name; h++)
		head_field(&head, h->name, h->value);
	if (type)
		head_field(&head, "Content-Type", type);
	if (!c->keep_alive || c->server->stopping)
		head_field(&head, "Connection", "close");
	else if (c->parser.request.http10)
		head_field(&head, "Connection", "keep-alive");
	head_flush(&head);
}

static bool
is_head(const struct http_call *c)
{
	return c->parser.request.method == HTTP_HEAD;
}

static int
end_head(struct http_call *c, int status, size_t body_size)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (status == 204 || status == 304)
		return evbuffer_add(out, "\r\n", 2);
	return evbuffer_add_printf(out, "Content-Length: %zu\r\n\r\n", body_size);
}

static void
answer_begin(struct http_call *c)
{
	if (c->state != CONN_CALL && c->state != CONN_HELD)
		abort();
	c->gone = NULL; /* the holder knows: it answers */
}

/* --- answers that are to go wrong ----------------------------------------------------- */

#define DRIP_BYTES 64 /* in each of these: */
#define DRIP_MS    100

void
http_call_spoil(struct http_call *c, enum http_spoil how)
{
	c->spoil = how;
	c->keep_alive = c->keep_alive && how == HTTP_SPOIL_NONE;
}

static void
conn_reset(struct http_call *c)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(
	    bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	conn_close(c);
}

static void
start_dripping(struct http_call *c)
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
spoil_body(struct http_call *c, struct span *body, struct buf *copy)
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
answer_end(struct http_call *c, int status, int r)
{
	log_debug("answered", LOG_STR("request", c->id), LOG_INT("status", status));
	if (r < 0)
		conn_close(c);
	else
		conn_answered(c);
}

void
http_call_answer(struct http_call *c, int status, const struct http_header *headers,
    const char *content_type, struct span body)
{
	struct buf copy = BUF_INIT(PIECE_MAX);
	int r;

	answer_begin(c);
	if (c->spoil == HTTP_SPOIL_RESET) {
		conn_reset(c);
		return;
	}
	write_head(c, status, headers, body.p ? content_type : NULL);
	r = end_head(c, status, body.n);
	if (r >= 0 && c->spoil != HTTP_SPOIL_NONE)
		r = spoil_body(c, &body, &copy);
	if (r >= 0 && body.n && !is_head(c))
		r = evbuffer_add(bufferevent_get_output(c->bev), body.p, body.n);
	buf_fini(&copy);
	answer_end(c, status, r);
}

/* --- bodies for many ------------------------------------------------------------------ */

struct http_body {
	unsigned refs;
	size_t n;
	char *data;
};

struct http_body *
http_body_new(struct buf *b)
{
	struct http_body *body = mem_zalloc(sizeof *body);

	if (body) {
		body->refs = 1;
		body->data = buf_take(b, &body->n);
	}
	buf_fini(b);
	if (body && !body->data) {
		mem_free(body);
		return NULL;
	}
	return body;
}

struct http_body *
http_body_unref(struct http_body *body)
{
	if (body && --body->refs == 0) {
		mem_free(body->data);
		mem_free(body);
	}
	return NULL;
}

static void
on_body_sent(const void *data, size_t n, void *arg)
{
	(void)data;
	(void)n;
	http_body_unref(arg);
}

void
http_call_answer_shared(struct http_call *c, int status, const struct http_header *headers,
    const char *content_type, struct http_body *body)
{
	int r;

	if (c->spoil != HTTP_SPOIL_NONE) {
		http_call_answer(
		    c, status, headers, content_type, (struct span){ body->data, body->n });
		return;
	}
	answer_begin(c);
	write_head(c, status, headers, content_type);
	r = end_head(c, status, body->n);
	if (r >= 0 && body->n && !is_head(c)) {
		body->refs++;
		r = evbuffer_add_reference(
		    bufferevent_get_output(c->bev), body->data, body->n, on_body_sent, body);
		if (r < 0)
			http_body_unref(body);
	}
	answer_end(c, status, r);
}

/* --- bodies in pieces ----------------------------------------------------------------- */

static int
stream_piece(struct http_call *c, struct buf *piece)
{
	int r = c->source.more(c->source.arg, piece);

	return r < 0 ? r : buf_error(piece) ? buf_error(piece) : r;
}

static void
stream_end(struct http_call *c)
{
	struct http_source src = c->source;

	c->source = (struct http_source){ 0 };
	src.done(src.arg);
}

static int
stream_write(struct http_call *c, const struct buf *piece, bool last)
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
http_call_stream(struct http_call *c, int status, const struct http_header *headers,
    const char *content_type, const struct http_source *source)
{
	struct buf piece = BUF_INIT(PIECE_MAX);
	int r;

	answer_begin(c);
	c->source = *source;
	r = stream_piece(c, &piece);
	if (r >= 0 && c->spoil != HTTP_SPOIL_NONE && c->spoil != HTTP_SPOIL_DRIP) {
		/* A piece is as good as the whole to go wrong with. */
		stream_end(c);
		http_call_answer(
		    c, status, headers, content_type, (struct span){ buf_str(&piece), piece.len });
	} else if (r < 0) {
		stream_end(c);
		c->server->handler.refuse(
		    c->server->handler.arg, c, 500, "The answer could not be made");
	} else if (r == 0) {
		stream_end(c);
		http_call_answer(
		    c, status, headers, content_type, (struct span){ buf_str(&piece), piece.len });
	} else {
		c->chunked = !c->parser.request.http10;
		c->keep_alive = c->keep_alive && c->chunked;
		write_head(c, status, headers, content_type);
		(void)evbuffer_add_printf(bufferevent_get_output(c->bev), "%s",
		    c->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
		conn_become(c, CONN_STREAM);
		(void)bufferevent_disable(c->bev, EV_READ);
		bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
		if (c->spoil == HTTP_SPOIL_DRIP)
			start_dripping(c);
		if (stream_write(c, &piece, false) < 0)
			conn_close(c);
		else if (!c->depth)
			conn_settle(c);
	}
	buf_fini(&piece);
}

/* One piece a turn: the loop comes back when the client has taken most of it. */
void
http_stream_pump(struct http_call *c)
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
