/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of the manager's Unix socket, judged before a byte is sent. The kernel
 * says who that is (SO_PEERCRED); the owner of the path proves nothing.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "core/config/config.h"

#define SOCKET_PEER_WHY_SIZE 256
#define SOCKET_OWNERS_MAX    16

struct socket_owners {
	uid_t uid[SOCKET_OWNERS_MAX];
	size_t n;
};

/*
 * The users that names lists, by name or number; none listed: root, our own user, and connd-manager
 * where that account exists. A name that is not a user matches nobody, with a line in the log.
 */
void socket_owners_find(struct socket_owners *out, const struct config_list *names);

/*
 * Is this connected socket served by one of them? 0, or -EPERM (or another -errno) with a sentence
 * in why. path: for the sentence.
 */
MUST_CHECK int socket_peer_check(int fd, const char *path, const struct socket_owners *owners,
    char why[static SOCKET_PEER_WHY_SIZE]);
