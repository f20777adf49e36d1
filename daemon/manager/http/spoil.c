/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection: damages the bytes of a response before response_send() sees them.
 */
#include <string.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "manager/http/http_internal.h"

#define BODY_MAX   (16 * 1024 * 1024)
#define DRIP_BYTES 64 /* in each of these: */
#define DRIP_MS    100

static void
send_nothing(struct http_conn *c, struct whole *w)
{
	static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)w;
	(void)setsockopt(
	    bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	conn_close(c);
}

static void
send_half(struct http_conn *c, struct whole *w)
{
	w->body.n /= 2;
	w->shared = NULL;
	response_send(c, w);
}

static void
send_malformed(struct http_conn *c, struct whole *w)
{
	struct buf copy = BUF_INIT(BODY_MAX);

	buf_add(&copy, w->body.p, w->body.n);
	if (!buf_error(&copy) && copy.len)
		memset(copy.data + copy.len / 2, '<', copy.len - copy.len / 2);
	w->body = span_of_buf(&copy);
	w->shared = NULL;
	if (buf_error(&copy))
		response_end(c, w->status, buf_error(&copy));
	else
		response_send(c, w);
	buf_fini(&copy);
}

/* Ends with the connection. */
static void
start_dripping(struct http_conn *c)
{
	struct timeval tick = { .tv_usec = DRIP_MS * 1000 };

	c->drip = ev_token_bucket_cfg_new(
	    EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, DRIP_BYTES, DRIP_BYTES, &tick);
	if (c->drip && bufferevent_set_rate_limit(c->bev, c->drip) == 0)
		c->direct = false;
}

void
http_conn_spoil(struct http_conn *c, enum http_spoil how)
{
	static response_sender *const senders[] = {
		[HTTP_SPOIL_NONE] = response_send,
		[HTTP_SPOIL_RESET] = send_nothing,
		[HTTP_SPOIL_TRUNCATE] = send_half,
		[HTTP_SPOIL_MALFORMED] = send_malformed,
		[HTTP_SPOIL_DRIP] = response_send,
	};

	c->send = senders[how];
	if (how != HTTP_SPOIL_NONE)
		c->keep_alive = false;
	if (how == HTTP_SPOIL_DRIP && !c->drip)
		start_dripping(c);
}
