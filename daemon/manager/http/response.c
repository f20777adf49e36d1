/* SPDX-License-Identifier: Apache-2.0 */
/* Whole responses: for one request, or shared by many. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/http/http_internal.h"

void
response_begin(struct http_conn *c)
{
	if (c->state != CONN_HANDLING && c->state != CONN_HELD)
		abort();
	c->gone = NULL; /* the code that held the request responds now */
}

/* Out of memory leaves the output incomplete: the client must not take it for a response. */
void
response_end(struct http_conn *c, int status, int r)
{
	const struct http_handler *h = &c->server->handler;

	if (r < 0) {
		log_warn("response not sent", LOG_STR("request", c->id), LOG_INT("status", status),
		    LOG_STR("reason", strerror(-r)));
		conn_close(c);
		return;
	}
	conn_become(c, CONN_RESPONDED);
	if (h->responded)
		h->responded(h->arg, c, status, clock_boot_ms() - c->begun_ms);
	conn_mark(c);
}

void
response_send(struct http_conn *c, struct whole *w)
{
	if (c->head_only)
		w->body.n = 0;
	response_end(c, w->status, http_head_write(c, w));
}

int
http_conn_add_field(struct http_conn *c, const char *name, const char *value)
{
	char *copy = mem_strdup(value);

	if (!copy)
		return -ENOMEM;
	response_forget_field(c);
	c->field_name = name;
	c->field_value = copy;
	return 0;
}

void
response_forget_field(struct http_conn *c)
{
	mem_free(c->field_value);
	c->field_value = NULL;
	c->field_name = NULL;
}

/* --- of one request ------------------------------------------------------------------- */

static void
respond(struct http_conn *c, struct whole *w)
{
	if (c->withhold) {
		kept_take(c, w);
		return;
	}
	response_begin(c);
	c->send(c, w);
}

void
http_respond(struct http_conn *c, int status, const struct http_header *headers,
    const char *content_type, struct span body)
{
	struct http_head head;
	struct whole w = { status, &head, body, NULL };

	http_head_begin(&head, status, headers, body.p ? content_type : NULL);
	http_head_length(&head, status, body.n);
	respond(c, &w);
}

/* --- shared by many ------------------------------------------------------------------- */

struct http_shared {
	unsigned refs;
	int status;
	struct http_head head; /* the part that all responses share */
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
	struct whole w = { s->status, &head, s->body, s };

	http_head_copy(&head, &s->head);
	for (; more && more->name; more++)
		http_head_field(&head, more->name, more->value);
	respond(c, &w);
}
