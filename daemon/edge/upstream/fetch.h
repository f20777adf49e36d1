/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP GET from the manager: a fetch in, a status and bytes out. The one user of libcurl, which is
 * loaded (edge/libcurl.h) before the first fetch.
 *
 * Knows nothing of lists or of what a status means. No redirect is followed, no proxy taken from the
 * environment, no .netrc read; every body has a cap that compression can not get round, every fetch a
 * deadline. A fetch ends exactly once, in its done(), never within upstream_fetch().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "edge/process/loop.h"

struct upstream;

struct upstream_options {                                             /* strings are copied */
	const char *ca_file, *client_cert, *client_key, *pin, *proxy; /* NULL: none */
	int64_t timeout_ms;
};

/* 0 or -ENOMEM. Does not need libcurl yet. */
MUST_CHECK int upstream_new(
    struct upstream **out, struct loop *loop, const struct upstream_options *options);
/* Ends every fetch without its done(). NULL is fine; returns NULL. */
struct upstream *upstream_free(struct upstream *u);
/* Another takes its place: it frees itself when the last of its fetches is over. */
void upstream_retire(struct upstream *u);

struct fetch_request { /* borrowed for the call; the token is wiped with the fetch */
	const char *url;
	struct span token;
	const char *if_none_match; /* NULL: none */
	int64_t wait_s; /* ask the server to hold its answer that long (Prefer: wait); 0: no */
	size_t max_body;
};

enum fetch_end {
	FETCH_ANSWERED,    /* there is a status; body may be cut when it is no 200 */
	FETCH_UNREACHABLE, /* no answer: name, connection, TLS, time-out, broken off */
	FETCH_TOO_BIG,     /* a 200 with more bytes than max_body */
	FETCH_FAILED,      /* memory was out here */
};

struct fetch_result { /* valid until done() returns */
	enum fetch_end end;
	int status;
	struct span body;
	struct buf *bytes;        /* the same, to be moved out of when they are wanted for longer */
	const char *etag;         /* NULL: none, or one longer than LIMIT_ETAG */
	const char *content_type; /* NULL: none */
	int64_t retry_after_ms;   /* 0: none */
	bool held;                /* the server says that it did wait (Preference-Applied) */
	const char *reason;       /* for a person, when there is no answer */
};

struct fetch;
typedef void fetch_done(void *env, const struct fetch_result *result);

/* 0, or -ENOMEM: done() will not be called. */
MUST_CHECK int upstream_fetch(struct upstream *u, const struct fetch_request *request,
    fetch_done *done, void *env, struct fetch **out);
void upstream_cancel(struct fetch *f); /* no done(); NULL is fine */
