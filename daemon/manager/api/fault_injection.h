/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection (--fault): what a client must survive, tried against a real manager. Reads the
 * options, draws which faults a request gets, and runs before the handlers, which know of none.
 *
 *	ROUTE:KIND[=VALUE][@PROBABILITY]      list:delay=2s   *:503@0.1   list:429=5   get:reset@0.5
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/why.h"
#include "manager/http/server.h"

enum injection_kind {
	INJECT_DELAY,    /* value: ms before the request is served */
	INJECT_STATUS,   /* value: 429, 500 or 503; after: Retry-After of a 429, in seconds */
	INJECT_SPOIL,    /* spoil: what becomes of the response's bytes */
	INJECT_WITHHOLD, /* secrets that were requested are named in setFields and missing */
};

#define INJECTION_ROUTE_SIZE 16

struct injection {
	char route[INJECTION_ROUTE_SIZE]; /* "list", "create", ...; "*": every one */
	enum injection_kind kind;
	enum http_spoil spoil;
	int64_t value, after;
	uint32_t per_million;
};

/* 0; -EINVAL with a sentence. */
MUST_CHECK int injection_read(const char *text, struct injection *out, struct why *why);

/* The faults of one request: all that are drawn, the first of each kind. */
struct injected {
	int64_t delay_ms;
	int status; /* 0: none */
	int64_t retry_after;
	enum http_spoil spoil;
	bool withhold;
};
/* draw(arg) returns a number below a million for each fault that fits. route may be NULL. */
void injection_draw(const struct injection *all, size_t n, const char *route,
    uint32_t (*draw)(void *arg), void *arg, struct injected *out);

struct request;
/* Applies the faults that are drawn to the request; calls serve(rq) if it is still to be served. */
void inject(struct request *rq, void (*serve)(struct request *rq));
