/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 server: listening sockets, connections, deadlines and back-pressure on libevent.
 *
 * Owns the sockets and every connection (conn.h). Knows nothing of paths, JSON or tokens: the
 * handler decides what a request means, and writes the body of every refusal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/why.h"
#include "manager/http/conn.h"

struct event_base;
struct http_server;
struct tls;

struct http_handler {
	/*
	 * The head of a request with a body is complete. True: the body is read, then request() is
	 * called. False: it has responded; the body is not read, and the connection ends. NULL:
	 * every body is read.
	 */
	bool (*admit)(void *arg, struct http_conn *conn);
	void (*request)(void *arg, struct http_conn *conn);
	/* The request cannot be read or served: respond with this status; the connection ends. */
	void (*refuse)(void *arg, struct http_conn *conn, int status, const char *why);
	/*
	 * Called once for each response, for the log and counters. ms: since the head was complete.
	 * May be NULL.
	 */
	void (*responded)(void *arg, struct http_conn *conn, int status, int64_t ms);
	/*
	 * Calls fn(of), which calls one of the functions above or makes a piece of a stream; fn may
	 * still be running when run() returns. 0; or -errno, and fn is not called: the request is
	 * refused with a 503. `must`: fn cannot be refused, always 0. NULL: fn is called at once.
	 */
	int (*run)(void *arg, void (*fn)(void *of), void *of, bool must);
	void *arg;
};

/* 0 stands for the default in brackets. */
struct http_options {
	/*
	 * Clients [LIMIT_HTTP_CONNECTIONS, or what RLIMIT_NOFILE allows]; above it one gives way.
	 */
	size_t max_connections;
	size_t max_input;  /* [LIMIT_HTTP_INPUT] bytes of incomplete requests, of all clients */
	size_t max_output; /* [LIMIT_HTTP_OUTPUT] bytes of responses not yet taken, likewise */
	int64_t head_ms;   /* [10 s] from a request's first byte to the end of its head */
	int64_t body_ms;   /* [30 s] for the body behind it */
	int64_t idle_ms;   /* [120 s] between two requests */
	int64_t write_ms;  /* [30 s] in which a client reads no byte of its response */
	int64_t stream_ms; /* [300 s] for one streamed response */
	int64_t grace_ms;  /* [5 s] for unfinished requests when the server stops */
};

/* libevent's memory through base/mem; before anything else of libevent is called. */
void http_global_init(void);

/* Borrows base; copies the options and the handler. 0 or -ENOMEM. */
MUST_CHECK int http_server_new(struct http_server **out, struct event_base *base,
    const struct http_options *options, const struct http_handler *handler);
/* Whether text is "ADDR:PORT", "[ADDR]:PORT" or "unix:PATH"; else a sentence in why. */
MUST_CHECK bool http_address_is_valid(const char *text, struct why *why);
/*
 * Listens there; may be called several times. Port 0 takes a free one. A Unix socket gets mode
 * 0666, since tokens decide; its lock (.NAME.lock beside it) tells a living server's socket from a
 * dead one's, which is replaced. 0 or -errno with a sentence in why (-EADDRINUSE: another server
 * has the socket).
 */
MUST_CHECK int http_server_listen(struct http_server *s, const char *where, struct why *why);
/* Connections accepted from now on speak TLS, those of Unix sockets excepted. Borrowed. */
void http_server_use_tls(struct http_server *s, struct tls *tls);
/*
 * Takes a bound, listening stream socket (of whatever family); closed by the server. 0 or -errno.
 */
MUST_CHECK int http_server_adopt(struct http_server *s, int fd);
/* The i-th address that is listened on, with the real port; NULL: there are fewer. */
const char *http_server_address(const struct http_server *s, size_t i);
/* The port of the socket listened on last; 0 when it has none. */
int http_server_port(const struct http_server *s);
/* Whether other machines can reach a socket that is listened on. */
bool http_server_is_exposed(const struct http_server *s);
/*
 * Accepts no more connections, closes idle ones and lets the others finish their one request (the
 * handler responds to held ones). Then, or after grace_ms, stopped() is called once.
 */
void http_server_stop(struct http_server *s, void (*stopped)(void *arg), void *arg);
/* Closes all connections. NULL is fine; returns NULL. */
struct http_server *http_server_free(struct http_server *s);

size_t http_server_connections(const struct http_server *s);

struct http_stats {
	size_t connections, held, input_bytes, output_bytes;
	uint64_t gave_way[SHARE_N_KINDS]; /* so far: callers that gave way to others */
};
void http_server_stats(const struct http_server *s, struct http_stats *out);
/*
 * Returns memory to the system after much of it was used. To be called every few seconds.
 */
void http_server_tidy(struct http_server *s);
