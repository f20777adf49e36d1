/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that wait: their connections stay as they are until they have returned. */
#include <stdlib.h>

#include "manager/http/http_internal.h"

void
http_conn_pin(struct http_conn *c)
{
	c->pins++;
}

void
http_conn_unpin(struct http_conn *c)
{
	if (--c->pins)
		return;
	if (c->close_later)
		conn_close(c);
	else
		conn_mark(c);
}

void
conn_must_have_ended(const struct http_conn *c)
{
	if (c->state == CONN_HANDLING && !c->close_later)
		abort(); /* the handler has neither responded nor held the request */
}

static void
on_run(void *of)
{
	struct http_conn *c = of;

	c->work(c);
	http_conn_unpin(c);
}

void
conn_work(struct http_conn *c, void (*fn)(struct http_conn *c), bool must)
{
	const struct http_handler *h = &c->server->handler;

	if (!h->run) {
		fn(c);
		return;
	}
	c->work = fn;
	http_conn_pin(c);
	if (h->run(h->arg, on_run, c, must) == 0)
		return;
	h->refuse(h->arg, c, 503, "Too many requests wait for the database: see Retry-After");
	http_conn_unpin(c);
}

static void
go_on(struct http_conn *c)
{
	c->go_on(c->go_on_arg);
	conn_must_have_ended(c);
}

void
http_conn_continue(struct http_conn *c, void (*fn)(void *arg), void *arg)
{
	http_conn_resume(c);
	c->go_on = fn;
	c->go_on_arg = arg;
	conn_work(c, go_on, true);
}
