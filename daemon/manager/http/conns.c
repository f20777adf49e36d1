/* SPDX-License-Identifier: Apache-2.0 */
/* All connections: how much they may use, and which gives way when that runs short. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "manager/http/http_internal.h"

#define HELD_PART    8 /* one in so many connections is never held */
#define LOG_EVERY_MS 10000

/* --- the list ------------------------------------------------------------------------- */

static void
list_remove(struct http_conn *c)
{
	struct http_server *s = c->server;

	*(c->prev ? &c->prev->next : &s->first) = c->next;
	*(c->next ? &c->next->prev : &s->last) = c->prev;
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

void
conns_touch(struct http_conn *c)
{
	list_remove(c);
	list_append(c);
}

void
conns_add(struct http_conn *c)
{
	list_append(c);
	c->server->n_conns++;
	share_add(c->share, SHARE_CONNECTIONS, 1);
}

static void
charge(struct http_conn *c, enum share_kind kind, size_t *charged, size_t now)
{
	if (now > *charged)
		share_add(c->share, kind, now - *charged);
	else if (now < *charged)
		share_sub(c->share, kind, *charged - now);
	*charged = now;
}

void
conns_remove(struct http_conn *c)
{
	server_unschedule(c);
	list_remove(c);
	c->server->n_conns--;
	charge(c, SHARE_INPUT, &c->charged_input, 0);
	charge(c, SHARE_OUTPUT, &c->charged_output, 0);
	share_sub(c->share, SHARE_CONNECTIONS, 1);
	c->share = share_unref(c->share);
	c->address = share_unref(c->address);
}

/* --- who a connection is -------------------------------------------------------------- */

/* How much a connection uses of a resource. */
static size_t
has(const struct http_conn *c, enum share_kind kind)
{
	switch (kind) {
	case SHARE_CONNECTIONS:
		return 1;
	case SHARE_HELD:
		return conn_is_held_long(c);
	case SHARE_INPUT:
		return c->charged_input;
	case SHARE_OUTPUT:
		return c->charged_output;
	case SHARE_LISTS: /* counted where they are opened */
	case SHARE_N_KINDS:
		break;
	}
	return 0;
}

struct share *
http_conn_share(const struct http_conn *c)
{
	return c->share;
}

static void
move_to(struct http_conn *c, struct share *to)
{
	size_t input = c->charged_input, output = c->charged_output, held = has(c, SHARE_HELD);

	charge(c, SHARE_INPUT, &c->charged_input, 0);
	charge(c, SHARE_OUTPUT, &c->charged_output, 0);
	share_sub(c->share, SHARE_HELD, held);
	share_sub(c->share, SHARE_CONNECTIONS, 1);
	share_unref(c->share);
	c->share = to;
	share_add(to, SHARE_CONNECTIONS, 1);
	share_add(to, SHARE_HELD, held);
	charge(c, SHARE_INPUT, &c->charged_input, input);
	charge(c, SHARE_OUTPUT, &c->charged_output, output);
}

void
http_conn_identify(struct http_conn *c, enum share_caller what, const char *family)
{
	struct share_key key = { 0 };
	struct share *to;

	memcpy(key.bytes, family, strnlen(family, sizeof key.bytes));
	if (share_is(c->share, what, &key))
		return;
	to = share_of(c->server->shares, what, &key);
	if (to)
		move_to(c, to); /* out of memory: it still counts for its address */
}

void
http_conn_forget(struct http_conn *c)
{
	if (c->share != c->address)
		move_to(c, share_ref(c->address));
}

/* --- room ----------------------------------------------------------------------------- */

/*
 * The rank in which a caller's connections are closed. Those that have shown no token have the same
 * rank: a new one must not go before one that has stopped in the middle of its request.
 */
static size_t
ease(const struct http_conn *c, enum share_kind kind)
{
	if (kind != SHARE_CONNECTIONS)
		return has(c, kind);
	if (c->share == c->address)
		return 0;
	return conn_is_idle(c) ? 2 : c->state == CONN_HELD;
}

static size_t
room_of(const struct http_server *s, enum share_kind kind)
{
	size_t n = s->options.max_connections;

	switch (kind) {
	case SHARE_CONNECTIONS:
		return n;
	case SHARE_HELD:
		return n - n / HELD_PART;
	case SHARE_INPUT:
		return s->options.max_input;
	case SHARE_OUTPUT:
		return s->options.max_output;
	case SHARE_LISTS:
	case SHARE_N_KINDS:
		break;
	}
	return SIZE_MAX;
}

/* A connection of the heaviest caller, by the rank above, then the longest without progress. */
static struct http_conn *
pick(const struct http_server *s, enum share_kind kind)
{
	size_t room = room_of(s, kind), most = 0, easiest = 0;
	struct http_conn *found = NULL;

	for (struct http_conn *c = s->first; c; c = c->next) {
		size_t w = has(c, kind) ? share_weight(c->share, kind, 0, room) : 0;
		size_t e;

		if (!has(c, kind) || (found && w < most) || c->running || c->pins)
			continue;
		e = ease(c, kind);
		if (!found || w > most || e > easiest) {
			found = c;
			most = w;
			easiest = e;
		}
	}
	return found;
}

static void
note_gave_way(struct http_server *s, enum share_kind kind)
{
	static const char *const names[SHARE_N_KINDS] = {
		[SHARE_CONNECTIONS] = "connections",
		[SHARE_HELD] = "held requests",
		[SHARE_INPUT] = "request bytes",
		[SHARE_OUTPUT] = "response bytes",
		[SHARE_LISTS] = "open lists",
	};
	int64_t now = clock_boot_ms();

	s->gave_way[kind]++;
	if (s->gave_way_logged_ms[kind] && now - s->gave_way_logged_ms[kind] < LOG_EVERY_MS)
		return;
	s->gave_way_logged_ms[kind] = now;
	log_warn("no room for more, the heaviest caller gives way", LOG_STR("what", names[kind]),
	    LOG_INT("so_far", s->gave_way[kind]));
}

void
http_conn_note_gave_way(struct http_conn *c, enum share_kind kind)
{
	note_gave_way(c->server, kind);
}

/*
 * A request in progress gets a 503; if a whole connection is needed, it is closed afterwards.
 */
static void
give_way(struct http_conn *c, enum share_kind kind)
{
	bool started = c->state == CONN_HELD || c->state == CONN_BODY ||
		       (c->state == CONN_RECEIVING && !http_parser_idle(&c->parser));

	note_gave_way(c->server, kind);
	if (started && kind != SHARE_OUTPUT) {
		conn_refuse(c, 503, "The manager has no room for this now: see Retry-After");
		if (c->state == CONN_RESPONDED) {
			http_parser_reset(&c->parser);
			conn_charge(c);
		}
		if (kind == SHARE_CONNECTIONS && c->state != CONN_CLOSED && !conn_output_length(c))
			conn_close(c);
		else
			conn_mark(c);
	} else {
		conn_close(c);
	}
}

void
conns_make_room(struct http_server *s)
{
	struct http_conn *c = pick(s, SHARE_CONNECTIONS);

	if (c)
		give_way(c, SHARE_CONNECTIONS);
}

void
conns_keep_room(struct http_server *s, enum share_kind kind)
{
	struct http_conn *c;

	while (shares_used(s->shares, kind) > room_of(s, kind) && (c = pick(s, kind)))
		give_way(c, kind);
}

bool
conns_room_to_hold(struct http_conn *caller)
{
	struct http_server *s = caller->server;
	size_t room = room_of(s, SHARE_HELD);
	struct http_conn *c;

	if (shares_used(s->shares, SHARE_HELD) < room)
		return true;
	c = pick(s, SHARE_HELD);
	if (!c || share_weight(c->share, SHARE_HELD, 0, room) <=
		      share_weight(caller->share, SHARE_HELD, 1, room)) {
		note_gave_way(s, SHARE_HELD);
		return false;
	}
	give_way(c, SHARE_HELD);
	return true;
}

void
conn_charge(struct http_conn *c)
{
	struct http_server *s = c->server;
	size_t out = conn_output_length(c), all;

	if (!out)
		c->shared_queued = 0;
	charge(c, SHARE_INPUT, &c->charged_input, http_parser_bytes(&c->parser));
	charge(c, SHARE_OUTPUT, &c->charged_output,
	    out > c->shared_queued ? out - c->shared_queued : 0);
	all = shares_used(s->shares, SHARE_INPUT) + shares_used(s->shares, SHARE_OUTPUT);
	if (all > s->peak_bytes)
		s->peak_bytes = all;
}

/* --- all of them ---------------------------------------------------------------------- */

void
conns_close_idle(struct http_server *s)
{
	struct http_conn *c, *next;

	for (c = s->first; c; c = next) {
		next = c->next;
		if (conn_is_idle(c))
			conn_close(c);
	}
}

void
conns_close_all(struct http_server *s)
{
	struct http_conn *c, *next;

	for (c = s->first; c; c = next) {
		next = c->next;
		conn_close(c);
	}
}
