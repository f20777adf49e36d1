/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client connection, as the handlers of its requests see it.
 *
 * A connection's requests are handled one at a time, in order; while one is handled nothing more is
 * read from its client. Each ends exactly once: a handler responds, or the client goes. A handler
 * responds before it returns, or it holds the request and responds later. A response only marks the
 * connection; what follows happens behind the handler's return, so a connection is good until its
 * handler returns.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/http/parse.h"
#include "manager/http/share.h"

struct http_conn;

#define HTTP_REQUEST_ID_SIZE 33

/* Of a refused request only what was read. Lives until there is a response or the client goes. */
const struct http_request *http_conn_request(const struct http_conn *conn);
/* Random; also sent as X-Request-Id. */
const char *http_conn_request_id(const struct http_conn *conn);

/* --- who it is ------------------------------------------------------------------------ */

/* A good token was shown: what the connection uses counts as this family's from now on. */
void http_conn_identify(struct http_conn *conn, enum share_caller what, const char *family);
/* The token shown is not good: the connection counts as its address's again. */
void http_conn_forget(struct http_conn *conn);
/* Borrowed; of the connection's caller. */
struct share *http_conn_share(const struct http_conn *conn);

/*
 * Counts and logs (once in a while) that a caller gave way in what the server does not count
 * itself.
 */
void http_conn_note_gave_way(struct http_conn *conn, enum share_kind kind);

/* What a handler notes of a request for the log and the counters; empty when the request begins. */
struct http_label {
	unsigned route;
	char who[32];
};
struct http_label *http_conn_label(struct http_conn *conn);

/* --- responses ------------------------------------------------------------------------ */

struct http_header {
	const char *name; /* NULL ends a list */
	const char *value;
};

/*
 * The whole response. headers may be NULL; content_type NULL and an absent body: none is sent.
 * Copies all. For HEAD the body is only counted.
 */
void http_respond(struct http_conn *conn, int status, const struct http_header *headers,
    const char *content_type, struct span body);

/* One response for many requests: made and kept once, however many clients are slow to take it. */
struct http_shared;
/*
 * Takes what is in body, copies the rest. NULL: out of memory, or body had failed; it is empty
 * then, too.
 */
MUST_CHECK struct http_shared *http_shared_new(
    int status, const struct http_header *headers, const char *content_type, struct buf *body);
struct http_shared *http_shared_unref(struct http_shared *s); /* NULL is fine; returns NULL */
/* more: headers of this response alone, or NULL. */
void http_respond_shared(
    struct http_conn *conn, struct http_shared *s, const struct http_header *more);

/* A body that is made in pieces, as fast as the client takes them. */
struct http_source {
	/*
	 * Appends some bytes (tens of KiB). 1: more to come; 0: that was all; -errno: the response
	 * is cut off, which the client can tell.
	 */
	int (*more)(void *arg, struct buf *out);
	/* Called exactly once, at the end or when the client has gone. */
	void (*done)(void *arg);
	void *arg;
};
/* Copies headers. A source that ends with its first piece goes out with a Content-Length. */
void http_respond_stream(struct http_conn *conn, int status, const struct http_header *headers,
    const char *content_type, const struct http_source *source);
/*
 * Ends a response that is being made in pieces before its end: the client can tell. done() is
 * called.
 */
void http_conn_cut(struct http_conn *conn);

/* --- later ---------------------------------------------------------------------------- */

/*
 * There will be a response later. gone() is called at once when the client goes first, or when its
 * request gives way to others' (then the server responds); never after a response. Only before the
 * handler returns.
 *
 * The first is for a moment: a client that closes its half may still read the response. The second
 * is for a long time: one that closes its half has gone. -EBUSY: there is no room for it, and no
 * caller has more than this one.
 */
void http_conn_hold(struct http_conn *conn, void (*gone)(void *arg), void *arg);
MUST_CHECK int http_conn_hold_long(struct http_conn *conn, void (*gone)(void *arg), void *arg);
/* Zeroes a field of a request that is held and does not need it again; name is in lower case. */
void http_conn_wipe_field(struct http_conn *conn, const char *name);
/* A held request is to be served now: it is as a handler got it. */
void http_conn_resume(struct http_conn *conn);

/*
 * The next response, a whole one, is kept back: the request is held (briefly) from then on, until
 * one of the two below. gone() as above.
 */
void http_conn_withhold(struct http_conn *conn, void (*gone)(void *arg), void *arg);
/* Whether a response is kept back. */
bool http_conn_is_withheld(const struct http_conn *conn);
void http_conn_release(struct http_conn *conn); /* it is sent */
void http_conn_discard(struct http_conn *conn); /* it is forgotten: respond again */

/* --- fault injection ------------------------------------------------------------------ */

/* What becomes of the bytes of this request's response, and then of its connection. */
enum http_spoil {
	HTTP_SPOIL_NONE,
	HTTP_SPOIL_RESET,     /* none are sent: the connection is reset */
	HTTP_SPOIL_TRUNCATE,  /* half of the body, then the end */
	HTTP_SPOIL_MALFORMED, /* all of it, the second half something else */
	HTTP_SPOIL_DRIP,      /* a few bytes at a time */
};
void http_conn_spoil(struct http_conn *conn, enum http_spoil how);
