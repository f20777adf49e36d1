/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket: passed to us, or bound by us; and accept.
 *
 * A path never stops answering while it is replaced: a new socket is bound beside it, prepared, and
 * renamed over it. A socket that was passed is never unlinked nor shut down; one that we bound is
 * unlinked on exit if it is still the one at the path.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "edge/process/loop.h"

#define LISTENER_WHY_SIZE 512

struct listener;

struct listener_options {
	const char *path;
	const char *group; /* NULL: as it comes */
	mode_t mode;
};

/*
 * Takes the socket of LISTEN_FDS when it is for this process (the one named "varlink" when there are
 * several; the variables are removed), else binds `path`. 0, or -errno with a sentence in why:
 * -EADDRINUSE when somebody answers there already.
 */
MUST_CHECK int listener_new(struct listener **out, struct loop *loop,
    const struct listener_options *options, char why[static LISTENER_WHY_SIZE]);
/* From now on accepted(env, fd) is called with each new connection, which it takes. 0 or -ENOMEM. */
MUST_CHECK int listener_start(struct listener *l, void (*accepted)(void *env, int fd), void *env);
void listener_stop(struct listener *l); /* no more accepts; the socket stays, its queue with it */
/* Gives the descriptor away, to a successor in this process; the name tells it whose the path is. */
int listener_give(struct listener *l, const char **name);
bool listener_was_passed(const struct listener *l);
struct listener *listener_free(struct listener *l); /* NULL is fine; returns NULL */
