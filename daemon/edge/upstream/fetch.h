/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP GET requests to the manager through libcurl, which must be loaded before the first fetch
 * (libcurl.h).
 *
 * This module does not interpret lists or status codes. It follows no redirects, takes no proxy
 * from the environment and reads no .netrc. Body, header fields and trailers are limited in size as
 * received. Every fetch has a deadline of its own besides libcurl's time-out. A fetch ends exactly
 * once, by calling done(), never within upstream_fetch().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "core/config/config.h"
#include "edge/process/loop.h"
#include "edge/upstream/payload.h"

struct upstream;

/*
 * Copies the TLS file names, proxy and time-outs from config. Does not use libcurl yet. 0 or
 * -ENOMEM.
 */
MUST_CHECK int upstream_new(struct upstream **out, struct loop *loop, const struct config *config);
/* Ends all fetches without calling done(). u may be NULL. Returns NULL. */
struct upstream *upstream_free(struct upstream *u);
/* Frees u after the last of its fetches has ended: another upstream has replaced it. */
void upstream_retire(struct upstream *u);

/* Whether the server that responded last asks for reports. */
bool upstream_takes_reports(const struct upstream *u);

/* X-Connd-Report: how this connd is, for a manager that asks for it. */
struct fetch_report {
	/* Appends one line of at most LIMIT_REPORT bytes. NULL: there is no report. */
	void (*write)(void *env, struct buf *out);
	void *env;
};

struct fetch_request {             /* borrowed for the call */
	const char *url;           /* http: or https: */
	const char *socket_path;   /* the server's Unix socket; NULL: connect to the URL's host */
	struct span token;         /* copied into locked memory, wiped with the fetch */
	const char *if_none_match; /* NULL: none */
	const char *request_id;    /* X-Request-Id, a token; NULL: none */
	int64_t wait_s;            /* Prefer: wait, how long the server may wait; 0: not sent */
	size_t max_body;           /* bytes, before unpacking */
	bool discard_body;         /* count the bytes of the body, but drop them */
	/* Sent to a server whose last response to a request with a report asked for it. */
	const struct fetch_report *report; /* NULL: none */
};

enum fetch_end {
	FETCH_ANSWERED,    /* a response; its body may be cut if the status is not 200 */
	FETCH_UNREACHABLE, /* no response: name, connection, peer, TLS, time-out, closed early */
	FETCH_TOO_BIG,     /* a 200 with more than max_body bytes */
	FETCH_BAD,         /* an invalid response: too many header fields */
	FETCH_FAILED,      /* out of memory */
};

struct fetch_result { /* valid until done() returns */
	enum fetch_end end;
	int status;
	struct payload *body;     /* as sent; done() may move its contents out */
	const char *etag;         /* NULL: none, or longer than LIMIT_ETAG */
	const char *content_type; /* NULL: none */
	int64_t retry_after_ms;   /* 0: none */
	bool held;                /* the server waited (Preference-Applied) */
	const char *reason;       /* a sentence for a person, without a response */
	bool unconnected;         /* FETCH_UNREACHABLE: no connection, so nothing was sent */
};

struct fetch;
typedef void fetch_done(void *env, const struct fetch_result *result);

/*
 * Starts a fetch. 0; or, without a call of done(), -ENOMEM, or -EPERM when the memory for the token
 * must be locked and cannot be.
 */
MUST_CHECK int upstream_fetch(struct upstream *u, const struct fetch_request *request,
    fetch_done *done, void *env, struct fetch **out);
void upstream_cancel(struct fetch *f); /* does not call done(); f may be NULL */
