/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket: accept, and a look at its file every few seconds.
 *
 * The socket is one that was passed (edge/socket/passed.h), or one of our own: bound at its path,
 * whose lock we hold (edge/socket/socket_file.h). A socket file that has gone is made again when it
 * is our own; otherwise the log and the `trouble` callback say so. At the end a file of our own is
 * removed, if the path still leads to it; a socket that was passed is neither removed nor shut
 * down.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/why.h"
#include "core/config/config.h"
#include "edge/process/loop.h"
#include "edge/socket/passed.h"

struct listener;

/*
 * Takes what was passed, or else makes the socket that config wants; config is borrowed until
 * listener_use(). 0: the descriptors in `passed` belong to the listener and are -1 now. -errno with
 * a sentence in why: they are left to the caller; -EADDRINUSE: another process listens there.
 */
MUST_CHECK int listener_new(struct listener **out, struct loop *loop, const struct config *config,
    struct passed *passed, struct why *why);
void listener_use(struct listener *l, const struct config *config); /* on reload */

struct listener_calls {
	void (*accepted)(void *env, int fd); /* takes the new connection */
	/*
	 * Clients cannot connect: a sentence, valid during the call. NULL: they can again. May be
	 * NULL itself.
	 */
	void (*trouble)(void *env, const char *sentence);
};

/* Starts to accept and to look. 0 or -ENOMEM. */
MUST_CHECK int listener_start(struct listener *l, const struct listener_calls *calls, void *env);
void listener_stop(struct listener *l); /* no more accepts; the socket stays, its queue with it */
void listener_look(
    struct listener *l); /* at the socket's file; listener_start() has a timer for it */
/* What listener_give() would give. The descriptors stay the listener's. */
struct passed listener_shows(const struct listener *l);
/* Gives the descriptors away, to a successor in this process. */
struct passed listener_give(struct listener *l);
bool listener_was_passed(const struct listener *l);  /* by the service manager */
const char *listener_path(const struct listener *l); /* of the socket's file */
struct listener *listener_free(struct listener *l);  /* NULL is fine; returns NULL */
