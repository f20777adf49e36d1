/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP GET from the manager: a request in, a status and bytes out. The one user of libcurl, which
 * is loaded (libcurl.h) before the first fetch.
 *
 * Knows nothing of lists, or of what a status means. No redirect is followed, no proxy taken from
 * the environment, no .netrc read. Body, header fields and trailers have caps that compression
 * cannot get round; every fetch has a deadline of ours beside libcurl's. A fetch ends exactly once,
 * in its done(), never within upstream_fetch().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/span.h"
#include "core/config/config.h"
#include "edge/process/loop.h"
#include "edge/upstream/payload.h"

struct upstream;

/* Trust, addresses and time-outs as configured; all is copied. 0 or -ENOMEM. Does not need libcurl yet. */
MUST_CHECK int upstream_new(struct upstream **out, struct loop *loop, const struct config *config);
/* Ends every fetch without its done(). NULL is fine; returns NULL. */
struct upstream *upstream_free(struct upstream *u);
/* Another takes its place: it frees itself when the last of its fetches is over. */
void upstream_retire(struct upstream *u);

struct fetch_request {             /* borrowed for the call */
	const char *url;           /* http: or https: */
	const char *socket_path;   /* the server's Unix socket; NULL: where the URL says */
	struct span token;         /* copied into locked memory, wiped with the fetch */
	const char *if_none_match; /* NULL: none */
	int64_t wait_s;  /* asks the server to hold its response that long (Prefer: wait); 0: no */
	size_t max_body; /* as it is sent */
	bool discard_body; /* it is counted and dropped */
};

enum fetch_end {
	FETCH_ANSWERED,    /* there is a status; the body may be cut when it is not a 200 */
	FETCH_UNREACHABLE, /* no response: name, connection, peer, TLS, time-out, broken off */
	FETCH_TOO_BIG,     /* a 200 with more bytes than max_body */
	FETCH_BAD,         /* a response that makes no sense: endless header fields */
	FETCH_FAILED,      /* out of memory here */
};

struct fetch_result { /* valid until done() returns */
	enum fetch_end end;
	int status;
	struct payload *body;     /* as it was sent; may be moved out of */
	const char *etag;         /* NULL: none, or one longer than LIMIT_ETAG */
	const char *content_type; /* NULL: none */
	int64_t retry_after_ms;   /* 0: none */
	bool held;                /* the server says that it waited (Preference-Applied) */
	const char *reason;       /* for a person, when there is no response */
};

struct fetch;
typedef void fetch_done(void *env, const struct fetch_result *result);

/* 0; -ENOMEM, or -EPERM when the token's memory must be locked and cannot: done() is not called. */
MUST_CHECK int upstream_fetch(struct upstream *u, const struct fetch_request *request,
    fetch_done *done, void *env, struct fetch **out);
void upstream_cancel(struct fetch *f); /* no done(); NULL is fine */
