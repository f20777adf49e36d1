/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What peer.c (one connection), peers.c (all of them) and streams.c (responses in pieces) share.
 * Include it only there.
 */
#pragma once

#include "edge/socket/peer.h"

#include <event2/event_struct.h>

#include "base/buf.h"
#include "base/chain.h"
#include "edge/socket/usage.h"

#define FLUSH_BYTES (64 * 1024) /* a batch of responses is sent when it has so many */

enum peer_state { PEER_READING, PEER_WAITING, PEER_WRITING, PEER_CLOSED };

struct peer {
	struct peers *set;
	struct usage *usage;  /* its user's */
	struct chain all;     /* in the set */
	struct chain recent;  /* in the user's list; each request moves it to the end */
	struct chain stuck;   /* among those with a deadline, oldest first */
	struct chain streams; /* among those that take a piece of their stream next */
	struct event io;
	short watching; /* EV_READ, EV_WRITE or 0 */
	enum peer_state state;
	bool eof;          /* the client will send no more */
	bool asked;        /* the client has sent a whole frame */
	bool answer_ready; /* the pending response can be written */
	uint32_t id;
	struct caller caller;
	struct buf in;    /* read and not yet served; mostly empty */
	size_t seen;      /* bytes of it that were searched for the end of a frame */
	struct buf out;   /* what the socket did not take; mostly empty */
	size_t sent;      /* bytes of it that were sent since */
	size_t held;      /* bytes that count for its user */
	uint64_t round;   /* the user's round in which it may be served next */
	int64_t since_ms; /* when the incomplete frame began, or the client last read */
	int64_t began_us; /* when it was served last: CLOCK_BOOTTIME */
	struct serve_progress progress;
	struct later job; /* goes on after this turn; frees a closed connection */
};

struct peers {
	struct loop *loop;
	struct service *service;
	struct peers_limits limits;
	struct chain all;
	uint32_t count, last_id;
	struct usages usages;
	struct later turn_job; /* at the end of a turn: each user has new time */
	struct chain stuck;
	struct event *sweep; /* runs while a connection is stuck or reads an old generation */
	struct chain streams;
	struct later streams_job;
	struct event *grace;
	bool draining, grace_over;
	void (*drained)(void *env);
	void *drained_env;
	struct buf in, out; /* shared: empty between callbacks */
	struct peers_stats stats;
	int64_t refused_logged_ms, evicted_logged_ms;
	uint64_t refused_logged, evicted_logged; /* the counts at the last log line */
};

/* peer.c */

/*
 * Ends each event: closes the connection if it is over; otherwise sets what to watch for, and its
 * deadline.
 */
void peer_settle(struct peer *p);
void peer_close(struct peer *p, const char *reason);
void peer_read(struct peer *p);   /* reads once from the socket */
void peer_answer(struct peer *p); /* the pending response can be written, after this turn */
/* Goes on where an earlier turn stopped: a response that is ready, or frames already read. */
void peer_go_on(struct later *job);
/*
 * Writes the next piece of its stream. *budget: the work that may be done for it, which falls by
 * what was done.
 */
void peer_stream(struct peer *p, size_t *budget);

/* peers.c */

/*
 * peer_stuck(): the deadline starts unless it runs. peer_moved(): the client went on, so it ends.
 */
void peer_stuck(struct peer *p);
void peer_moved(struct peer *p);
void peers_remove(struct peer *p); /* for a closed one */
void peers_sweep_later(struct peers *ps);
/*
 * True if the user may buffer `more` bytes. Stuck connections of a user who has more buffered may
 * be closed to make room.
 */
bool peers_fit(struct peers *ps, const struct usage *u, size_t more);

/* streams.c */

/* Queues the connection for the next piece of its stream. */
void streams_append(struct peer *p);
void streams_run(struct later *job);
/* Closes streams that have read an old generation for too long. True: others still read one. */
bool streams_check(struct peers *ps, int64_t now_ms);
