/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections to our socket: frames in, frames out.
 *
 * Each is in one of four states:
 *	READING  its input is watched; frames are answered as they come
 *	WAITING  a request waits for an event; nothing else of this connection is looked at
 *	WRITING  the client is slow to read, or a stream is under way; input rests meanwhile
 *	CLOSED   logically dead; freed when the turn is over
 * Responses leave in call order. A connection costs a few hundred bytes while idle: bytes are read
 * into and written from buffers that all share, and only what is left over is kept, capped and
 * wiped.
 *
 * Each user has a share of what all use (usage.h). When there is no room for another connection,
 * the one that has been idle for longest, of the user who holds most, gives way. When a response
 * would not find room among those that clients have not read yet, it is replaced by Overloaded.
 *
 * Caps of one connection pause reading. These close it: a frame longer than max_frame, one that is
 * not Varlink, half a frame that stays half, a client that does not read, and a list that goes on
 * reading a generation that was replaced 10 s ago. An idle connection stays.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "edge/process/loop.h"
#include "edge/socket/serve.h"

struct peers;

struct peers_limits {
	size_t max_frame;
	/* bytes of all connections' incomplete requests and unread responses */
	size_t max_buffered;
	uint32_t max_connections;
	uint32_t max_connections_per_uid; /* 0: three quarters of max_connections */
};

struct peers_stats {
	uint32_t connections;  /* now */
	size_t buffered_bytes; /* now */
	uint64_t refused;      /* connections: a limit was reached, or memory was short */
	uint64_t evicted;      /* connections closed to make room for others */
	uint64_t overloaded;   /* responses that were replaced by Overloaded */
};

/* loop and service are borrowed. 0 or -ENOMEM. */
MUST_CHECK int peers_new(struct peers **out, struct loop *loop, struct service *service,
    const struct peers_limits *limits);
/* For a reload. Closes no connection; open ones keep their max_frame. */
void peers_limit(struct peers *ps, const struct peers_limits *limits);
/*
 * Serves the accepted descriptor, or closes it when a limit is reached or memory is short. Owns it.
 */
void peers_accept(struct peers *ps, int fd);
/*
 * Stops: serves the frames that have begun and closes the other connections. One that has sent no
 * request yet gets 200 ms. Calls done(env) when no connection is left, maybe before this returns.
 */
void peers_drain(struct peers *ps, void (*done)(void *env), void *env);
/*
 * Call it after each sync: from then on, streams that still read an earlier generation have a
 * deadline.
 */
void peers_generation_changed(struct peers *ps);
uint32_t peers_count(const struct peers *ps);
void peers_stats(const struct peers *ps, struct peers_stats *out);
/*
 * Closes all connections at once; the loop frees them, so free the loop afterwards. NULL is fine;
 * returns NULL.
 */
struct peers *peers_free(struct peers *ps);
