/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections to our socket: frames in, frames out.
 *
 * Each is in one of four states:
 *	READING  its input is watched; frames are answered as they come
 *	WAITING  a lookup waits for the first data; nothing else of this connection is looked at
 *	WRITING  the client is slow to read, or a List is under way; input rests meanwhile
 *	CLOSED   logically dead; freed when the turn is over
 * Replies leave in call order. A connection costs a few hundred bytes while idle: bytes are read
 * into and written from buffers all share, and only what is left over is kept, capped and wiped.
 *
 * Caps pause reading, they never close; what closes is: a frame longer than max_frame, what is no
 * Varlink, half a frame that stays half, and a client that does not read. An idle one stays.
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
	uint32_t max_connections, max_connections_per_uid;
};

/* loop and service are borrowed. 0 or -ENOMEM. */
MUST_CHECK int peers_new(struct peers **out, struct loop *loop, struct service *service,
    const struct peers_limits *limits);
/* On reload: for connections to come; those that are there stay. */
void peers_limit(struct peers *ps, const struct peers_limits *limits);
/* Takes the accepted descriptor, or closes it when a cap is reached or memory is out. */
void peers_accept(struct peers *ps, int fd);
/*
 * Finishes what was begun and closes the rest: frames begun are answered, a connection that has not
 * asked yet gets 200 ms. done(env) is called when none is left, maybe before this returns.
 */
void peers_drain(struct peers *ps, void (*done)(void *env), void *env);
uint32_t peers_count(const struct peers *ps);
/* Closes all at once. The loop frees them: it goes later. NULL is fine; returns NULL. */
struct peers *peers_free(struct peers *ps);
