/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose response comes later, and responses that are withheld. */
#include <errno.h>

#include "base/mem.h"
#include "manager/http/http_internal.h"

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

bool
http_conn_request_id_is_clients(const struct http_conn *c)
{
	return c->id_is_clients;
}

bool
http_conn_is_secure(const struct http_conn *c)
{
	return c->tls;
}

struct http_label *
http_conn_label(struct http_conn *c)
{
	return &c->label;
}

/* --- requests ------------------------------------------------------------------------- */

static void
hold(struct http_conn *c, bool is_long, void (*gone)(void *arg), void *arg)
{
	c->held_long = is_long;
	c->gone = gone;
	c->gone_arg = arg;
	conn_become(c, CONN_HELD);
}

void
http_conn_hold(struct http_conn *c, void (*gone)(void *arg), void *arg)
{
	hold(c, false, gone, arg);
}

int
http_conn_hold_long(struct http_conn *c, void (*gone)(void *arg), void *arg)
{
	if (!conns_room_to_hold(c))
		return -EBUSY;
	hold(c, true, gone, arg);
	return 0;
}

void
http_conn_wipe_field(struct http_conn *c, const char *name)
{
	http_parser_wipe_field(&c->parser, name);
}

void
http_conn_resume(struct http_conn *c)
{
	c->gone = NULL;
	conn_become(c, CONN_HANDLING);
}

/* --- responses ------------------------------------------------------------------------ */

struct kept {
	struct whole whole;
	struct http_head head;
	char *body;
};

static struct kept *
kept_free(struct kept *k)
{
	if (k)
		mem_free(k->body);
	mem_free(k);
	return NULL;
}

static struct kept *
kept_new(const struct whole *w)
{
	struct kept *k = mem_alloc(sizeof *k);

	if (!k)
		return NULL;
	k->whole = *w;
	k->head = *w->head;
	k->whole.head = &k->head;
	k->whole.shared = NULL;
	k->body = mem_dup(w->body.p ? w->body.p : "", w->body.n);
	k->whole.body.p = k->body;
	return k->body ? k : kept_free(k);
}

/*
 * Out of memory: closes the connection. The change was made, so any other response would be false.
 */
void
kept_take(struct http_conn *c, const struct whole *w)
{
	c->kept = kept_new(w);
	if (c->kept)
		hold(c, false, c->gone, c->gone_arg);
	else
		conn_close(c);
}

void
kept_forget(struct http_conn *c)
{
	c->kept = kept_free(c->kept);
	c->withhold = false;
}

void
http_conn_withhold(struct http_conn *c, void (*gone)(void *arg), void *arg)
{
	c->withhold = true;
	c->gone = gone;
	c->gone_arg = arg;
}

bool
http_conn_is_withheld(const struct http_conn *c)
{
	return c->kept != NULL;
}

void
http_conn_release(struct http_conn *c)
{
	struct kept *k = c->kept;

	c->withhold = false;
	if (!k)
		return;
	c->gone = NULL;
	c->kept = NULL;
	c->send(c, &k->whole);
	kept_free(k);
}

void
http_conn_discard(struct http_conn *c)
{
	kept_forget(c);
	http_conn_resume(c);
}
