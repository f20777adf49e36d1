/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client connection, as the handlers of its requests see it.
 *
 * The requests of a connection are handled one at a time, in order; while one is handled, nothing
 * more is read from its client. Each request ends exactly once: with a response, or when the client
 * disconnects. A handler responds before it returns, or it holds the request and responds later. A
 * response only marks the connection; the rest happens after the handler has returned, so a
 * connection stays valid until its handler returns. While a handler waits (http_handler.run), its
 * connection does not close, whatever its client does: the end comes when the handler returns.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/http/parse.h"
#include "manager/http/request_id.h"
#include "manager/http/share.h"

struct http_conn;

/* Of a refused request, only what was read. Lives until the response or until the client goes. */
const struct http_request *http_conn_request(const struct http_conn *conn);
/*
 * The client's X-Request-Id, if it sent one of at most 64 letters, digits and -._:+/= characters;
 * else 32 random hex digits. Also sent as X-Request-Id. Lives until the response.
 */
const char *http_conn_request_id(const struct http_conn *conn);
bool http_conn_request_id_is_clients(const struct http_conn *conn);
/* Whether it speaks TLS. */
bool http_conn_is_secure(const struct http_conn *conn);

/* --- who it is ------------------------------------------------------------------------ */

/* A valid token was shown: from now on the connection's use counts for this token family. */
void http_conn_identify(struct http_conn *conn, enum share_caller what, const char *family);
/* The token is not valid: the connection's use counts for its address again. */
void http_conn_forget(struct http_conn *conn);
/* Borrowed; of the connection's caller. */
struct share *http_conn_share(const struct http_conn *conn);

/*
 * Counts that this caller gave way in a resource that the server does not count itself; logs it
 * once in ten seconds.
 */
void http_conn_note_gave_way(struct http_conn *conn, enum share_kind kind);

/* What a handler records for the log and the counters; empty when the request begins. */
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
 * Sends the whole response; copies everything. headers may be NULL. With content_type NULL and an
 * absent body, neither is sent. For HEAD only the length of the body is sent.
 */
void http_respond(struct http_conn *conn, int status, const struct http_header *headers,
    const char *content_type, struct span body);

/*
 * Adds a header field to the response to this request, whichever it will be; one a request. Borrows
 * name, copies value. 0 or -ENOMEM.
 */
MUST_CHECK int http_conn_add_field(struct http_conn *conn, const char *name, const char *value);

/* One response for many requests: there is one copy, however many slow clients read it. */
struct http_shared;
/*
 * Takes the content of body and copies the rest. NULL: out of memory, or body had failed. body is
 * empty afterwards in every case.
 */
MUST_CHECK struct http_shared *http_shared_new(
    int status, const struct http_header *headers, const char *content_type, struct buf *body);
struct http_shared *http_shared_unref(struct http_shared *s); /* NULL is fine; returns NULL */
/* more: headers of this response alone, or NULL. */
void http_respond_shared(
    struct http_conn *conn, struct http_shared *s, const struct http_header *more);

/* A body that is made in pieces, as fast as the client reads them. */
struct http_source {
	/*
	 * Appends some bytes (tens of KiB). 1: more will follow; 0: the end; -errno: the response
	 * is cut off, which the client notices.
	 */
	int (*more)(void *arg, struct buf *out);
	/* Called exactly once: at the end, or when the client has gone. */
	void (*done)(void *arg);
	void *arg;
};
/* Copies headers. If the first piece is the last, the response has a Content-Length. */
void http_respond_stream(struct http_conn *conn, int status, const struct http_header *headers,
    const char *content_type, const struct http_source *source);
/*
 * Cuts off a response that is being made in pieces, which the client notices. done() is called.
 */
void http_conn_cut(struct http_conn *conn);

/* --- later ---------------------------------------------------------------------------- */

/*
 * The handler will respond later; called before it returns. gone() is called if the client
 * disconnects first, or if the request gives way to others (the server responds then); never after
 * a response.
 *
 * The first is for a moment: a client that closes its sending half can still read the response. The
 * second is for a long time: a client that closes its half has gone. -EBUSY: there is no room, and
 * no other caller uses more of it.
 */
void http_conn_hold(struct http_conn *conn, void (*gone)(void *arg), void *arg);
MUST_CHECK int http_conn_hold_long(struct http_conn *conn, void (*gone)(void *arg), void *arg);
/* Zeroes a header field that a held request does not need again; name is in lower case. */
void http_conn_wipe_field(struct http_conn *conn, const char *name);
/* Ends the hold: the request is as when its handler was called. */
void http_conn_resume(struct http_conn *conn);
/* The same, and fn(arg) is the request's handler now; called through http_handler.run. */
void http_conn_continue(struct http_conn *conn, void (*fn)(void *arg), void *arg);
/*
 * For code that waits outside a handler: until the same number of http_conn_unpin(), the connection
 * does not close, give way or go on to its next request.
 */
void http_conn_pin(struct http_conn *conn);
void http_conn_unpin(struct http_conn *conn);

/*
 * Withholds the next response, a whole one: the request is held (briefly) from then on, until one
 * of the two functions below is called. gone() as above.
 */
void http_conn_withhold(struct http_conn *conn, void (*gone)(void *arg), void *arg);
/* Whether a response is withheld. */
bool http_conn_is_withheld(const struct http_conn *conn);
/* Sends it; without one, the next response is not withheld. */
void http_conn_release(struct http_conn *conn);
void http_conn_discard(struct http_conn *conn); /* drops it: respond again */

/* --- fault injection ------------------------------------------------------------------ */

/* What happens to the bytes of this request's response; then the connection is closed. */
enum http_spoil {
	HTTP_SPOIL_NONE,
	HTTP_SPOIL_RESET,     /* no byte is sent: the connection is reset */
	HTTP_SPOIL_TRUNCATE,  /* half of the body, then the end of the connection */
	HTTP_SPOIL_MALFORMED, /* whole, with garbage in its second half */
	HTTP_SPOIL_DRIP,      /* a few bytes at a time */
};
void http_conn_spoil(struct http_conn *conn, enum http_spoil how);
