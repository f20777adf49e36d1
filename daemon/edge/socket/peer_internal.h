/* SPDX-License-Identifier: Apache-2.0 */
/* What peer.c (one connection) and peers.c (all of them) share; for nobody else. */
#pragma once

#include "edge/socket/peer.h"

#include <event2/event_struct.h>

#include "base/buf.h"

#define FLUSH_BYTES (64 * 1024) /* of a batch of replies, before more frames are looked at */

enum peer_state { PEER_READING, PEER_WAITING, PEER_WRITING, PEER_CLOSED };

struct peer {
	struct peers *set;
	struct peer *next, **at;              /* all of them */
	struct peer *stuck_next, *stuck_prev; /* those with a deadline, oldest first */
	bool on_stuck_list;
	struct event io;
	short watching; /* EV_READ, EV_WRITE or 0 */
	enum peer_state state;
	bool eof;          /* the client will send no more */
	bool asked;        /* a whole frame has come */
	bool answer_ready; /* the pending lookup can be answered */
	uint32_t id;
	struct caller caller;
	struct buf in;    /* what was read and not yet looked at; mostly nothing */
	size_t seen;      /* how much of it was searched for the end of a frame */
	struct buf out;   /* what the socket did not take; mostly nothing */
	size_t sent;      /* how much of it has gone since */
	int64_t since_ms; /* when the half frame began, or the client last read */
	int64_t began_us; /* the requests being served were taken up (CLOCK_MONOTONIC) */
	struct serve_progress progress;
	struct later job; /* go on after this turn; when closed: be freed */
};

struct uid_count {
	uid_t uid;
	uint32_t n;
};

struct peers {
	struct loop *loop;
	struct service *service;
	struct peers_limits limits;
	struct peer *first;
	uint32_t count, last_id;
	struct uid_count *by_uid;
	size_t n_uids, uids_cap;
	struct peer *stuck_first, *stuck_last;
	struct event *sweep; /* runs while that list is not empty */
	struct event *grace;
	bool draining, grace_over;
	void (*drained)(void *env);
	void *drained_env;
	struct buf in, out; /* shared: empty between callbacks */
	int64_t refused_logged_ms;
	uint64_t refused;
};

/* peer.c */

/* After every event: what to watch for now, which deadline runs, whether it is over. */
void peer_settle(struct peer *p);
void peer_close(struct peer *p, const char *reason);
void peer_read(struct peer *p);   /* what has come, once */
void peer_answer(struct peer *p); /* its pending lookup can be answered: after this turn */
/*
 * Goes on with what an earlier turn left: an answer that is there now, a List, frames already
 * read.
 */
void peer_go_on(struct later *job);

/* peers.c */

/* Its time begins, unless it has; is over, since the client moved. */
void peer_stuck(struct peer *p);
void peer_moved(struct peer *p);
void peers_remove(struct peer *p); /* it is closed */
