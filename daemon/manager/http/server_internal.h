/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What http.c (connections), httpanswer.c and httphead.c (answers) and httpserver.c (sockets, turns, start,
 * stop) share; for nobody else.
 */
#pragma once

#include <sys/time.h>

#include "manager/http/server.h"

#define HTTP_MAX_LISTENERS 4

struct bufferevent;
struct evbuffer;
struct ev_token_bucket_cfg;
struct evconnlistener;
struct event;

enum conn_state {
	CONN_IDLE,   /* between two requests */
	CONN_HEAD,   /* a request has begun (a new connection counts as such) */
	CONN_BODY,   /* its header is complete */
	CONN_CALL,   /* the handler is at it */
	CONN_HELD,   /* the handler will answer later */
	CONN_STREAM, /* its answer is being made in pieces */
	CONN_FLUSH,  /* the last answer of this connection is on its way */
	CONN_LINGER, /* sent; a close with input unread would take the answer back */
	CONN_DEAD,   /* to be freed when the stack is unwound */
};

struct http_server {
	struct event_base *base;
	struct http_options options;
	struct http_handler handler;
	struct tls *tls; /* NULL: plain */
	struct http_conn *first, *last;
	struct http_conn *pump_first, *pump_last; /* streamed answers whose clients can take more */
	struct event *pump;
	size_t n_conns;
	const struct timeval *deadlines[CONN_DEAD + 1]; /* of the states; NULL: none */
	struct timeval own_deadlines[CONN_DEAD + 1];
	struct evconnlistener *listeners[HTTP_MAX_LISTENERS];
	size_t n_listeners;
	struct event *resume; /* accepts again after file descriptors ran out */
	struct event *grace;
	int port;
	bool exposed;
	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
	int64_t date_second;
	char date[sizeof "Thu, 01 Jan 1970 00:00:00 GMT"];
};

void http_server_accepted(struct http_server *s, int fd); /* takes fd */
void http_server_make_room(struct http_server *s);
void http_server_close_idle(struct http_server *s);
void http_server_close_all(struct http_server *s);
void http_server_check_stopped(struct http_server *s);

#define OUTPUT_LOW (64 * 1024) /* a streamed answer goes on below this */

struct http_conn {
	struct http_conn *prev,
	    *next; /* the server's list: the one longest without progress first */
	struct http_conn *pump_prev, *pump_next;
	bool pumping; /* in that list */
	struct http_server *server;
	struct bufferevent *bev;
	struct event *deadline;
	struct event *kick;
	struct event *closed;
	struct http_parser parser;
	enum conn_state state;
	int64_t since_ms; /* it is in this state (boot time) */
	int depth;        /* of our functions on the stack that go on using it */
	bool eof;
	enum http_hold hold;
	bool tls;
	bool keep_alive;
	bool chunked;
	enum http_spoil spoil;            /* of the present call's answer */
	struct ev_token_bucket_cfg *drip; /* NULL: as fast as it goes */
	char id[HTTP_REQUEST_ID_SIZE];
	struct http_source source;
	void (*gone)(void *arg);
	void *gone_arg;
};

/* Whoever waits for the call is told; the memory goes when nobody on the stack needs it. */
void conn_close(struct http_conn *c);
void conn_become(struct http_conn *c, enum conn_state next);
size_t conn_output_length(struct http_conn *c);
/* The whole answer is in the output: the connection goes on, or ends. */
void conn_answered(struct http_conn *c);
/* Sends what the socket takes, and does what comes when all of it is sent. */
void conn_settle(struct http_conn *c);

void http_stream_pump(struct http_conn *c); /* one more piece of a streamed answer */
void http_pump_later(struct http_conn *c);  /* when it is its turn */
void http_pump_leave(struct http_conn *c);

/* --- httphead.c ----------------------------------------------------------------------- */

struct http_shared;

/* The head of an answer. Made in one piece: many small ones cost more than all that is in them. */
struct http_head {
	size_t n;
	char text[4096]; /* more than any of ours; one that is longer is not sent */
};

/* In this order. The last adds what is this call's own: what was begun can be copied for others. */
void http_head_begin(
    struct http_head *h, int status, const struct http_header *headers, const char *content_type);
void http_head_length(struct http_head *h, int status, size_t n);
void http_head_field(struct http_head *h, const char *name, const char *value);
void http_head_end(struct http_head *h, struct http_conn *c);
void http_head_copy(struct http_head *h, const struct http_head *from);

MUST_CHECK int http_head_append(const struct http_head *h, struct evbuffer *out); /* 0 or -errno */
/*
 * Sends what the socket takes; the rest goes into the output: copied, or as a reference when the body is
 * shared. 0 or -errno: part of it may be on its way.
 */
MUST_CHECK int http_write_answer(
    struct http_conn *c, struct http_head *h, struct span body, struct http_shared *shared);
MUST_CHECK int http_shared_append(struct http_shared *s, struct evbuffer *out, struct span part);
