/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each user holds of what all connections share: connections, buffered bytes, and time in a
 * turn of the loop. Pure counting.
 *
 * One user may hold three quarters of the bytes. When users together fill the room, the heaviest
 * gives way to one that holds less.
 *
 * In a turn each user has USAGE_TURN_US; those of its connections that get none of it wait for the
 * next turn. Rounds are for their order: a connection that was served waits until all that were
 * ready with it have been.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/chain.h"

#define USAGE_TURN_US 2000

/*
 * One user. Exists while it has a connection, and until the end of the turn in which it has none.
 */
struct usage {
	struct chain all;
	uid_t uid;
	uint32_t connections;
	size_t bytes;
	struct chain recent; /* its connections, the one without activity for longest first */
	int64_t spent_us;    /* in this turn */
	uint64_t round;      /* connections with a later round wait */
	bool short_of_time;  /* a connection that was ready has not been served in this turn */
};

struct usages {
	struct chain all;
	size_t bytes, max_bytes; /* of all users */
};

void usages_init(struct usages *us, size_t max_bytes);
/* Counts a connection for the user. NULL: out of memory. */
MUST_CHECK struct usage *usage_join(struct usages *us, uid_t uid);
/* The connection has ended and holds nothing any more. */
void usage_leave(struct usage *u);
/* May a connection with this round be served now? */
bool usage_may_go(struct usage *u, uint64_t round);
/* A turn ends: everybody has time again. Users without connections are freed. */
void usages_next_turn(struct usages *us);
/* The user with the most connections; NULL: there are none. */
struct usage *usages_heaviest(const struct usages *us);
/* Is there room for so many bytes more, in the user's share and in all? */
bool usage_fits(const struct usages *us, const struct usage *u, size_t more);
/*
 * When these bytes do not fit: the user that has to give way, the one that holds most bytes. NULL:
 * u has reached its share, or would be the heaviest itself.
 */
struct usage *usage_in_the_way(const struct usages *us, const struct usage *u, size_t more);
/* A connection holds `now` bytes; *held is what it held before, and is updated. */
void usage_hold(struct usages *us, struct usage *u, size_t *held, size_t now);
