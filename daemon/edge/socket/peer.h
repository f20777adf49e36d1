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
	size_t max_buffered; /* bytes of all connections' half requests and unread responses */
	uint32_t max_connections;
	uint32_t max_connections_per_uid; /* 0: three quarters of max_connections */
};

struct peers_stats {
	uint32_t connections;  /* now */
	size_t buffered_bytes; /* now */
	uint64_t refused;      /* connections, for want of room */
	uint64_t evicted;      /* connections that gave way to others */
	uint64_t overloaded;   /* responses that were replaced by Overloaded */
};

/* loop and service are borrowed. 0 or -ENOMEM. */
MUST_CHECK int peers_new(struct peers **out, struct loop *loop, struct service *service,
    const struct peers_limits *limits);
/* On reload: for connections to come; those that are there stay. */
void peers_limit(struct peers *ps, const struct peers_limits *limits);
/* Takes the accepted descriptor, or closes it when there is no room or no memory. */
void peers_accept(struct peers *ps, int fd);
/*
 * Finishes what was begun and closes the rest: frames begun are answered, a connection that has not
 * asked yet gets 200 ms. done(env) is called when none is left, maybe before this returns.
 */
void peers_drain(struct peers *ps, void (*done)(void *env), void *env);
/* After each sync: streams that read a generation which is not served any more are watched. */
void peers_generation_changed(struct peers *ps);
uint32_t peers_count(const struct peers *ps);
void peers_stats(const struct peers *ps, struct peers_stats *out);
/* Closes all at once. The loop frees them: it goes later. NULL is fine; returns NULL. */
struct peers *peers_free(struct peers *ps);
