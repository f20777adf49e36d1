/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What peer.c (one connection), peers.c (all of them) and streams.c (responses in pieces) share;
 * for nobody else.
 */
#pragma once

#include "edge/socket/peer.h"

#include <event2/event_struct.h>

#include "base/buf.h"
#include "base/chain.h"
#include "edge/socket/usage.h"

#define FLUSH_BYTES (64 * 1024) /* of a batch of responses, before more frames are looked at */

enum peer_state { PEER_READING, PEER_WAITING, PEER_WRITING, PEER_CLOSED };

struct peer {
	struct peers *set;
	struct usage *usage;  /* its user's */
	struct chain all;     /* in the set */
	struct chain recent;  /* in the user's list: moved to its end by each request */
	struct chain stuck;   /* among those with a deadline, oldest first */
	struct chain streams; /* among those that take a piece of their stream next */
	struct event io;
	short watching; /* EV_READ, EV_WRITE or 0 */
	enum peer_state state;
	bool eof;          /* the client will send no more */
	bool asked;        /* a whole frame has come */
	bool answer_ready; /* the pending response can be written */
	uint32_t id;
	struct caller caller;
	struct buf in;    /* what was read and not yet looked at; mostly nothing */
	size_t seen;      /* how much of it was searched for the end of a frame */
	struct buf out;   /* what the socket did not take; mostly nothing */
	size_t sent;      /* how much of it has gone since */
	size_t held;      /* the bytes that are counted for its user */
	uint64_t round;   /* of its user, in which it may be served next */
	int64_t since_ms; /* when the half frame began, or the client last read */
	int64_t began_us; /* when it was served last: CLOCK_BOOTTIME */
	struct serve_progress progress;
	struct later job; /* go on after this turn; when closed: be freed */
};

struct peers {
	struct loop *loop;
	struct service *service;
	struct peers_limits limits;
	struct chain all;
	uint32_t count, last_id;
	struct usages usages;
	struct later turn_job; /* a turn ends: users have time again */
	struct chain stuck;
	struct event *sweep; /* runs while a connection is stuck or pins an old generation */
	struct chain streams;
	struct later streams_job;
	struct event *grace;
	bool draining, grace_over;
	void (*drained)(void *env);
	void *drained_env;
	struct buf in, out; /* shared: empty between callbacks */
	struct peers_stats stats;
	int64_t refused_logged_ms, evicted_logged_ms;
	uint64_t refused_logged, evicted_logged; /* as counted when they were logged last */
};

/* peer.c */

/* After every event: what to watch for now, which deadline runs, whether it is over. */
void peer_settle(struct peer *p);
void peer_close(struct peer *p, const char *reason);
void peer_read(struct peer *p);   /* what has come, once */
void peer_answer(struct peer *p); /* its pending response can be written: after this turn */
/* Goes on with what an earlier turn left: a response that is ready now, frames already read. */
void peer_go_on(struct later *job);
/* Writes the next piece of its stream. *budget: what may be spent on it, and what is left. */
void peer_stream(struct peer *p, size_t *budget);

/* peers.c */

/* Its time begins, unless it has; is over, since the client moved. */
void peer_stuck(struct peer *p);
void peer_moved(struct peer *p);
void peers_remove(struct peer *p); /* it is closed */
void peers_sweep_later(struct peers *ps);
/*
 * Is there room for so many more buffered bytes of this user? Connections of a heavier user that
 * are stuck may be closed to make it.
 */
bool peers_fit(struct peers *ps, const struct usage *u, size_t more);

/* streams.c */

/* The connection can take a piece of its stream: in a later turn, when it is its turn. */
void streams_append(struct peer *p);
void streams_run(struct later *job);
/* Closes those that have pinned an old generation for too long. True: others pin one still. */
bool streams_check(struct peers *ps, int64_t now_ms);
