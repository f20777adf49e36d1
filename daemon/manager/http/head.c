/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a response as text; writing head and body to the client. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/clock.h"
#include "base/mem.h"
#include "manager/http/http_internal.h"

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
		{ 302, "Found" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
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
		/* Names are those of the C locale, because the programs never call setlocale(). */
		(void)strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		s->date_second = second;
	}
	return s->date;
}

/* --- the text ------------------------------------------------------------------------- */

/* If the text does not fit, n is above the size, and nothing is sent. */
static void
add(struct http_head *h, const char *text, size_t n)
{
	if (h->n <= sizeof h->text && n <= sizeof h->text - h->n)
		memcpy(h->text + h->n, text, n);
	h->n += n;
}

static void
add_number(struct http_head *h, size_t number)
{
	char digits[24];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	add(h, digits + at, sizeof digits - at);
}

void
http_head_field(struct http_head *h, const char *name, const char *value)
{
	add(h, name, strlen(name));
	add(h, ": ", 2);
	add(h, value, strlen(value));
	add(h, "\r\n", 2);
}

void
http_head_begin(
    struct http_head *h, int status, const struct http_header *headers, const char *content_type)
{
	h->n = 0;
	add(h, "HTTP/1.1 ", 9);
	add_number(h, (size_t)status);
	add(h, " ", 1);
	add(h, reason_of(status), strlen(reason_of(status)));
	add(h, "\r\n", 2);
	for (; headers && headers->name; headers++)
		http_head_field(h, headers->name, headers->value);
	if (content_type)
		http_head_field(h, "Content-Type", content_type);
}

void
http_head_length(struct http_head *h, int status, size_t n)
{
	if (status == 204 || status == 304)
		return;
	add(h, "Content-Length: ", 16);
	add_number(h, n);
	add(h, "\r\n", 2);
}

void
http_head_end(struct http_head *h, struct http_conn *c)
{
	http_head_field(h, "Date", date_now(c->server));
	http_head_field(h, "X-Request-Id", c->id);
	if (c->field_name)
		http_head_field(h, c->field_name, c->field_value);
	if (!c->keep_alive || c->server->stopping)
		http_head_field(h, "Connection", "close");
	else if (c->parser.request.http10)
		http_head_field(h, "Connection", "keep-alive");
	add(h, "\r\n", 2);
}

void
http_head_copy(struct http_head *h, const struct http_head *from)
{
	h->n = 0;
	add(h, from->text, from->n);
}

int
http_head_append(const struct http_head *h, struct evbuffer *out)
{
	if (h->n > sizeof h->text)
		return -ENOBUFS;
	return evbuffer_add(out, h->text, h->n) < 0 ? -ENOMEM : 0;
}

/* --- on its way ----------------------------------------------------------------------- */

/*
 * The bytes that the socket takes at once, if no other response is queued. An error counts as 0:
 * the loop reports it again.
 */
static size_t
write_now(struct http_conn *c, struct span head, struct span body)
{
	struct iovec parts[2] = { { (char *)head.p, head.n }, { (char *)body.p, body.n } };
	ssize_t n;

	if (!c->direct || conn_output_length(c) ||
	    evbuffer_get_length(bufferevent_get_input(c->bev)))
		return 0;
	n = body.n ? writev(bufferevent_getfd(c->bev), parts, 2)
		   : send(bufferevent_getfd(c->bev), head.p, head.n, MSG_NOSIGNAL);
	return n > 0 ? (size_t)n : 0;
}

static void
skip(struct span *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

static int
write_body(struct http_conn *c, struct span body, struct http_shared *shared)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (!body.n)
		return 0;
	if (!shared)
		return evbuffer_add(out, body.p, body.n) < 0 ? -ENOMEM : 0;
	c->shared_queued += body.n;
	return http_shared_append(shared, out, body);
}

int
http_head_write(struct http_conn *c, const struct whole *w)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct http_head h;
	struct span head, body = w->body;
	size_t sent;
	int r = 0;

	http_head_copy(&h, w->head);
	http_head_end(&h, c);
	if (h.n > sizeof h.text)
		return -ENOBUFS;
	/* One piece is cheaper than two: a small body is copied behind its head. */
	if (body.n && body.n <= sizeof h.text - h.n) {
		add(&h, body.p, body.n);
		body.n = 0;
	}
	head = (struct span){ h.text, h.n };
	sent = write_now(c, head, body);
	if (sent < head.n) {
		skip(&head, sent);
		if (evbuffer_add(out, head.p, head.n) < 0)
			r = -ENOMEM;
	} else if (body.n) {
		skip(&body, sent - head.n);
	}
	/* Wipes the head, which is on the stack: it may contain a cookie or the body. */
	mem_wipe(h.text, h.n);
	return r < 0 ? r : write_body(c, body, w->shared);
}
