/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on order (--fault): what a client must survive, rehearsed against a real manager. Reads the orders,
 * draws which of them strike, and stands before the handlers and responses, which know of none.
 *
 *	ROUTE:KIND[=VALUE][@PROBABILITY]      list:delay=2s   *:503@0.1   list:429=5   get:reset@0.5
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "manager/http/server.h"

enum rehearsal_kind {
	REHEARSE_DELAY,    /* value: ms before the call is served */
	REHEARSE_STATUS,   /* value: 429, 500 or 503; after: Retry-After of a 429, in seconds */
	REHEARSE_SPOIL,    /* spoil: what becomes of the answer's bytes */
	REHEARSE_WITHHOLD, /* secrets that were asked for are named in setFields and not there */
};

#define REHEARSAL_ROUTE_SIZE 16

struct rehearsal {
	char route[REHEARSAL_ROUTE_SIZE]; /* "list", "create", ...; "*": every one */
	enum rehearsal_kind kind;
	enum http_spoil spoil;
	int64_t value, after;
	uint32_t per_million;
};

#define REHEARSAL_WHY_SIZE 256
/* 0; -EINVAL with a sentence. */
MUST_CHECK int rehearsal_read(
    const char *text, struct rehearsal *out, char why[static REHEARSAL_WHY_SIZE]);

/* What strikes one call: everything that is drawn, the first of a kind. */
struct rehearsed {
	int64_t delay_ms;
	int status; /* 0: none */
	int64_t retry_after;
	enum http_spoil spoil;
	bool withhold;
};
/* draw(arg) gives a number below a million for each order that fits. route may be NULL. */
void rehearsal_draw(const struct rehearsal *all, size_t n, const char *route,
    uint32_t (*draw)(void *arg), void *arg, struct rehearsed *out);

struct request;
/*
 * Lets what is drawn of the api's orders strike the request; serve(rq) follows when it is to be
 * served.
 */
void rehearse(struct request *rq, void (*serve)(struct request *rq));
