/* SPDX-License-Identifier: Apache-2.0 */
/* Responses whose body is made in pieces. */
#include <errno.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/clock.h"
#include "base/log.h"
#include "manager/http/http_internal.h"

/* A smaller piece gets another row. */
#define PIECE_MAX (64 * 1024 + LIMIT_ROW)

static int
next_piece(struct http_conn *c, struct buf *piece)
{
	int r = c->source.more(c->source.arg, piece);

	return r < 0 ? r : buf_error(piece) ? buf_error(piece) : r;
}

static void
source_end(struct http_conn *c)
{
	struct http_source source = c->source;

	c->source = (struct http_source){ 0 };
	source.done(source.arg);
}

static int
write_piece(struct http_conn *c, const struct buf *piece, bool last)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	int r = 0;

	if (c->head_only)
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

/* After the first piece, more will follow. */
static void
begin(struct http_conn *c, int status, const struct http_header *headers, const char *content_type,
    const struct buf *piece)
{
	const struct http_handler *h = &c->server->handler;
	struct http_head head;

	c->chunked = !c->parser.request.http10;
	c->keep_alive = c->keep_alive && c->chunked;
	http_head_begin(&head, status, headers, content_type);
	if (c->chunked)
		http_head_field(&head, "Transfer-Encoding", "chunked");
	http_head_end(&head, c);
	conn_become(c, CONN_STREAMING);
	if (http_head_append(&head, bufferevent_get_output(c->bev)) < 0 ||
	    write_piece(c, piece, false) < 0) {
		conn_close(c);
		return;
	}
	if (h->responded)
		h->responded(h->arg, c, status, clock_boot_ms() - c->begun_ms);
	conn_mark(c);
}

void
http_respond_stream(struct http_conn *c, int status, const struct http_header *headers,
    const char *content_type, const struct http_source *source)
{
	struct buf piece = BUF_INIT(PIECE_MAX);
	int r;

	response_begin(c);
	c->source = *source;
	r = next_piece(c, &piece);
	if (r > 0 && c->send == response_send) {
		begin(c, status, headers, content_type, &piece);
	} else if (r >= 0) { /* the end; or to be spoiled: one piece is enough */
		source_end(c);
		http_respond(c, status, headers, content_type, span_of_buf(&piece));
	} else {
		source_end(c);
		c->server->handler.refuse(
		    c->server->handler.arg, c, 500, "The response could not be made");
	}
	buf_fini(&piece);
}

static void
cut(struct http_conn *c, const char *reason)
{
	log_warn("response cut off", LOG_STR("request", c->id), LOG_STR("reason", reason));
	conn_close(c);
}

/* One piece per turn: the next one is made when the client has read most of this one. */
void
stream_piece(struct http_conn *c)
{
	struct buf piece = BUF_INIT(PIECE_MAX);
	int r = c->head_only ? 0 : next_piece(c, &piece);

	if (r >= 0 && write_piece(c, &piece, r == 0) < 0)
		r = -ENOMEM;
	buf_fini(&piece);
	if (r < 0) {
		cut(c, strerror(-r));
	} else if (r == 0) {
		source_end(c);
		conn_become(c, CONN_RESPONDED);
	}
}

void
http_conn_cut(struct http_conn *c)
{
	conn_close(c);
}
