/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 server: connections, deadlines and back-pressure on libevent.
 *
 * Owns the listening sockets and every connection. A connection's requests are handled one at a time
 * in their order; while a call is being answered nothing more is read from its client. Knows nothing
 * of paths, JSON or tokens: what a request means, and the body of every refusal, is the handler's.
 *
 * A call ends exactly once: it is answered, or its client goes. The handler answers before it returns,
 * or says http_conn_hold() and answers later.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/http/parse.h"

struct event_base;
struct http_server;
struct http_conn;
struct tls;

struct http_handler {
	void (*request)(void *arg, struct http_conn *conn);
	/* The request can not be read or served: answer it with this status; the connection ends. */
	void (*refuse)(void *arg, struct http_conn *conn, int status, const char *why);
	void *arg;
};

/* 0: the default in brackets. */
struct http_options {
	size_t
	    max_connections; /* [4096, less when RLIMIT_NOFILE is]; above it the idlest is closed */
	int64_t head_ms;     /* [10 s] from a request's first byte to the end of its header */
	int64_t body_ms;     /* [30 s] for the body behind it */
	int64_t idle_ms;     /* [120 s] between two requests */
	int64_t write_ms;    /* [30 s] without a byte taken by a client that has an answer coming */
	int64_t stream_ms;   /* [300 s] for one streamed answer */
	int64_t grace_ms;    /* [5 s] for what is under way when the server stops */
};

#define HTTP_WHY_SIZE 256

/* libevent's memory through base/mem; before anything else of libevent is called. */
void http_global_init(void);

/* Borrows base; copies the options and the handler. 0 or -ENOMEM. */
MUST_CHECK int http_server_new(struct http_server **out, struct event_base *base,
    const struct http_options *options, const struct http_handler *handler);
/* "ADDR:PORT", "[ADDR]:PORT"; port 0 takes a free one. 0 or -errno with a sentence in why. */
MUST_CHECK int http_server_listen(
    struct http_server *s, const char *where, char why[static HTTP_WHY_SIZE]);
/* Connections accepted from now on speak TLS. Borrowed. */
void http_server_use_tls(struct http_server *s, struct tls *tls);
/* Takes a bound, listening stream socket (of whatever family); closed by the server. 0 or -errno. */
MUST_CHECK int http_server_adopt(struct http_server *s, int fd);
/* The port of the socket listened on last; 0 when it has none. */
int http_server_port(const struct http_server *s);
/* Others than this machine can reach a socket that is listened on. */
bool http_server_is_exposed(const struct http_server *s);
/*
 * Accepts nothing more, closes idle connections, lets the others finish their one request (held calls
 * are the handler's to answer); then, or after grace_ms, stopped() is called once.
 */
void http_server_stop(struct http_server *s, void (*stopped)(void *arg), void *arg);
/* Closes whatever is left. NULL is fine; returns NULL. */
struct http_server *http_server_free(struct http_server *s);
size_t http_server_connections(const struct http_server *s);

/* --- a call --------------------------------------------------------------------------- */

#define HTTP_REQUEST_ID_SIZE 33

/* Of a refused call only what was read. Lives until the call is answered or its client goes. */
const struct http_request *http_conn_request(const struct http_conn *conn);
const char *http_conn_request_id(
    const struct http_conn *conn); /* random, also sent as X-Request-Id */

struct http_header {
	const char *name; /* NULL ends a list */
	const char *value;
};

/*
 * The whole answer. headers may be NULL; content_type NULL and an absent body: none is sent. Copies
 * all. For HEAD the body is only counted.
 */
void http_respond(struct http_conn *conn, int status, const struct http_header *headers,
    const char *content_type, struct span body);

/* One answer for many calls: made and kept once, however many clients are slow to take it. */
struct http_shared;
/* Takes what is in body, copies the rest. NULL: memory is out, or body had failed; it is empty then, too. */
MUST_CHECK struct http_shared *http_shared_new(
    int status, const struct http_header *headers, const char *content_type, struct buf *body);
struct http_shared *http_shared_unref(struct http_shared *s); /* NULL is fine; returns NULL */
/* more: headers of this call alone, or NULL. */
void http_respond_shared(
    struct http_conn *conn, struct http_shared *s, const struct http_header *more);

/* A body that is made in pieces, as fast as the client takes them. */
struct http_source {
	/* Appends some bytes (tens of KiB). 1: more to come; 0: that was all; -errno: the answer is cut
	 * off, which the client can tell. */
	int (*more)(void *arg, struct buf *out);
	/* Called exactly once, at the end or when the client has gone. */
	void (*done)(void *arg);
	void *arg;
};
/* Copies headers. A source that ends with its first piece goes out with a Content-Length. */
void http_respond_stream(struct http_conn *conn, int status, const struct http_header *headers,
    const char *content_type, const struct http_source *source);

enum http_hold {
	HTTP_HOLD_BRIEF, /* in a moment: a client that closes its half may still read */
	HTTP_HOLD_LONG,  /* some time: one that closes its half has gone */
};
/*
 * The call will be answered later. gone() is called at once when its client goes first (the call is
 * dead then); never after an answer. To be called by the handler before it returns.
 */
void http_conn_hold(struct http_conn *conn, enum http_hold how, void (*gone)(void *arg), void *arg);
/* A held call is to be served now: it is as a handler got it. */
void http_conn_resume(struct http_conn *conn);

/* What becomes of the bytes of this call's answer, and then of its connection: for rehearsals. */
enum http_spoil {
	HTTP_SPOIL_NONE,
	HTTP_SPOIL_RESET,     /* none: the connection is reset */
	HTTP_SPOIL_TRUNCATE,  /* half of the body, then the end */
	HTTP_SPOIL_MALFORMED, /* all of it, the second half something else */
	HTTP_SPOIL_DRIP,      /* a few bytes at a time */
};
void http_conn_spoil(struct http_conn *conn, enum http_spoil how);
