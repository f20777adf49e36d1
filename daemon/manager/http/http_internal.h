/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share; no other file includes it. */
#pragma once

#include <sys/time.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "manager/http/conn.h"
#include "manager/http/parse.h"
#include "manager/http/server.h"
#include "manager/http/share.h"

#define OUTPUT_LOW (64 * 1024) /* a streamed response continues below this */
#define OUTPUT_HIGH                                                                                \
	(256 * 1024) /* unread responses of a connection; above this its requests are not read */

struct bufferevent;
struct evbuffer;
struct ev_token_bucket_cfg;
struct listener;

enum conn_state {
	CONN_IDLE,      /* between two requests */
	CONN_RECEIVING, /* a request has begun; a new connection counts as such */
	CONN_BODY,      /* its head is complete and was admitted */
	CONN_HANDLING,  /* a handler runs */
	CONN_HELD,      /* the handler will respond later */
	CONN_STREAMING, /* the response is being made in pieces */
	CONN_RESPONDED, /* the response is made: conn_run() decides what is next */
	CONN_FLUSHING,  /* the connection's last response is on its way */
	/*
	 * The response is sent, and input is discarded: closing with unread input would reset the
	 * connection, and the client could lose the response.
	 */
	CONN_LINGERING,
	CONN_CLOSED, /* freed in the server's next turn */
	CONN_N_STATES,
};

struct http_conn;

/* One whole response, on its way to the connection. */
struct whole {
	int status;
	const struct http_head *head;
	struct span body;
	struct http_shared *shared; /* owner of the body; NULL: the caller owns it */
};
typedef void response_sender(struct http_conn *c, struct whole *w);

struct http_conn {
	/* the server's list, beginning with the one longest without progress */
	struct http_conn *prev, *next;
	struct http_conn *ready_prev, *ready_next;
	bool ready; /* in that list */
	struct http_server *server;
	struct share *address;   /* the caller until a valid token is shown */
	struct share *share;     /* the caller that its use counts for */
	struct bufferevent *bev; /* NULL once it is closed */
	struct event deadline;
	struct event hangup; /* the client has closed its half; used while nothing is read */
	struct http_parser parser;
	enum conn_state state;
	int64_t since_ms; /* when it entered this state (boot time) */
	int64_t begun_ms; /* when the request's head was complete */
	bool moved;       /* the deadline and the place in the list must be renewed */
	bool running;     /* in conn_run(), which settles */
	bool tls;
	bool eof, hung_up;
	bool begun;      /* the request has its id */
	bool direct;     /* its socket may be written to without libevent: no TLS, no delay */
	bool keep_alive; /* after this response */
	bool chunked;
	bool head_only;
	size_t discarded;                     /* bytes, while lingering */
	size_t charged_input, charged_output; /* to the share */
	size_t shared_queued;  /* bytes of shared bodies put into the output since it was empty */
	response_sender *send; /* of this request's response; see spoil.c */
	struct ev_token_bucket_cfg *drip; /* NULL: as fast as it goes */
	struct kept *kept;                /* a response that is withheld */
	bool withhold;                    /* the next one is */
	bool held_long;
	unsigned pins;    /* waiting code uses it: it neither closes nor takes a step */
	bool close_later; /* when that code has ended */
	void (*work)(struct http_conn *c); /* what http_handler.run calls */
	void (*go_on)(void *arg);          /* of http_conn_continue() */
	void *go_on_arg;
	char id[HTTP_REQUEST_ID_SIZE];
	bool id_is_clients;
	struct http_label label;
	const char *field_name; /* of http_conn_add_field(); NULL: none */
	char *field_value;
	struct http_source source;
	void (*gone)(void *arg);
	void *gone_arg;
};

#define HTTP_MAX_LISTENERS 8

struct http_server {
	struct event_base *base;
	struct http_options options;
	struct http_handler handler;
	struct tls *tls; /* NULL: plain */
	struct shares *shares;
	struct http_conn *first, *last;
	size_t n_conns;
	struct http_conn *ready_first, *ready_last; /* connections with work for the next turn */
	struct http_conn *closed;                   /* to be freed in it */
	struct event *turn;
	const struct timeval *deadlines[CONN_N_STATES]; /* of the states; NULL: none */
	struct timeval own_deadlines[CONN_N_STATES];
	struct listener *listeners[HTTP_MAX_LISTENERS];
	size_t n_listeners;
	struct event *resume; /* accepts again after a pause */
	size_t accepted;      /* since the last pause */
	struct event *grace;
	int port;
	bool exposed;
	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
	size_t peak_bytes; /* most bytes buffered since memory was returned */
	uint64_t gave_way[SHARE_N_KINDS];
	int64_t gave_way_logged_ms[SHARE_N_KINDS];
	int64_t date_second;
	char date[sizeof "Thu, 01 Jan 1970 00:00:00 GMT"];
};

/* --- conn.c --------------------------------------------------------------------------- */

/* Takes fd and a reference to the address's share. 0 or -ENOMEM. */
MUST_CHECK int conn_new(struct http_server *s, int fd, struct share *address, bool tls);
void conn_free(struct http_conn *c); /* a closed one */
/* The only function that changes the state after the connection was made. */
void conn_become(struct http_conn *c, enum conn_state next);
/* The only function that advances a connection; then sets the events it waits for. */
void conn_run(struct http_conn *c);
/*
 * Schedules conn_run() after a response was made, unless conn_run() is on the stack already.
 */
void conn_mark(struct http_conn *c);
/*
 * Calls gone() or done() of an unfinished response. The memory is freed in the next turn. A pinned
 * connection closes later.
 */
void conn_close(struct http_conn *c);
/*
 * Sends the server's own refusal, in any state of a request; the connection ends with it.
 */
void conn_refuse(struct http_conn *c, int status, const char *why);
size_t conn_output_length(const struct http_conn *c);
bool conn_is_held_long(const struct http_conn *c);
bool conn_reads_requests(const struct http_conn *c);
/* True between two requests, and before the first, when everything is sent. */
bool conn_is_idle(const struct http_conn *c);

/* --- work.c --------------------------------------------------------------------------- */

/* Calls fn(c) as http_handler.run() does. Refused: the request has its 503. */
void conn_work(struct http_conn *c, void (*fn)(struct http_conn *c), bool must);
void conn_must_have_ended(const struct http_conn *c); /* after a handler; else aborts */

/* --- hold.c --------------------------------------------------------------------------- */

void kept_take(struct http_conn *c, const struct whole *w); /* instead of sending it */
void kept_forget(struct http_conn *c);

/* --- conns.c -------------------------------------------------------------------------- */

void conns_add(struct http_conn *c);
void conns_remove(struct http_conn *c);
void conns_touch(struct http_conn *c); /* notes progress: moves it to the end of the list */
/* While the limit is exceeded, the heaviest caller gives way. */
void conns_keep_room(struct http_server *s, enum share_kind kind);
/* Makes room for one more long hold by c's caller. False if there is none. */
MUST_CHECK bool conns_room_to_hold(struct http_conn *c);
/* Closes one connection so that another can be accepted. */
void conns_make_room(struct http_server *s);
void conns_close_idle(struct http_server *s);
void conns_close_all(struct http_server *s);
void conn_charge(struct http_conn *c); /* counts what its buffers hold in its share */

/* --- server.c ------------------------------------------------------------------------- */

void server_schedule(struct http_conn *c); /* conn_run() in the next turn */
void server_unschedule(struct http_conn *c);
void server_reap(struct http_conn *c); /* conn_free() in the next turn */
void server_check_stopped(struct http_server *s);
void server_accepted(struct http_server *s, int fd, const struct share_key *address, bool tls);
void server_cannot_accept(struct http_server *s, int error);

/* --- listen.c ------------------------------------------------------------------------- */

void listener_free(struct listener *l);
void listener_set_accepting(struct listener *l, bool on);
const char *listener_address(const struct listener *l);

/* --- head.c --------------------------------------------------------------------------- */

/* The head of a response as one text, because many small appends cost more. */
struct http_head {
	size_t n;
	char text[4096]; /* longer than any head of ours; a longer one is not sent */
};

/*
 * Called in this order. http_head_end() adds the connection's own fields; what was made before it
 * can be copied for other connections.
 */
void http_head_begin(
    struct http_head *h, int status, const struct http_header *headers, const char *content_type);
void http_head_length(struct http_head *h, int status, size_t n);
void http_head_field(struct http_head *h, const char *name, const char *value);
void http_head_end(struct http_head *h, struct http_conn *c);
void http_head_copy(struct http_head *h, const struct http_head *from);

MUST_CHECK int http_head_append(const struct http_head *h, struct evbuffer *out); /* 0 or -errno */
/*
 * Sends what the socket accepts; the rest goes into the output: copied, or as a reference when the
 * body is shared. 0 or -errno: part of it may be on its way.
 */
MUST_CHECK int http_head_write(struct http_conn *c, const struct whole *w);

/* --- response.c, stream.c ------------------------------------------------------------- */

response_sender response_send;                             /* unspoiled */
void response_forget_field(struct http_conn *c);           /* of http_conn_add_field() */
void response_begin(struct http_conn *c);                  /* checks that one is due */
void response_end(struct http_conn *c, int status, int r); /* r < 0: closes the connection */
MUST_CHECK int http_shared_append(struct http_shared *s, struct evbuffer *out, struct span part);

void stream_piece(struct http_conn *c); /* sends one more piece */
