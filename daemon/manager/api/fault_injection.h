/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection (--fault): faults that a client must survive, from a real manager. Reads the
 * options, draws the faults of each request, and applies them before the handlers run, which do not
 * know of them.
 *
 * ROUTE:KIND[=VALUE][@PROBABILITY], such as list:delay=2s, *:503@0.1, list:429=5, get:reset@0.5
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
	INJECT_SPOIL,    /* spoil: how the response's bytes are damaged */
	INJECT_WITHHOLD, /* requested secrets are missing, though setFields names them */
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

/* The faults that were drawn for a request: at most one of each kind. */
struct injected {
	int64_t delay_ms;
	int status; /* 0: none */
	int64_t retry_after;
	enum http_spoil spoil;
	bool withhold;
};
/*
 * Draws the faults of a request. draw(arg) returns a random number below a million, once for each
 * fault that fits. route may be NULL.
 */
void injection_draw(const struct injection *all, size_t n, const char *route,
    uint32_t (*draw)(void *arg), void *arg, struct injected *out);

struct request;
/*
 * Draws the request's faults and applies them; calls serve(rq) if the request is still to be
 * served.
 */
void inject(struct request *rq, void (*serve)(struct request *rq));
