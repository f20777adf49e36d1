/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks which user serves the manager's Unix socket, before a byte is sent. The kernel names the
 * user (SO_PEERCRED). The owner of the socket file does not prove anything.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/why.h"

#define SOCKET_OWNERS_MAX 16

struct socket_owners {
	uid_t uid[SOCKET_OWNERS_MAX];
	size_t n;
};

/*
 * Resolves n users, given by name or number. Without any, takes root, our own user, and
 * connd-manager if that account exists. Skips a name that is not a user, after calling unknown()
 * (which may be NULL) with it.
 */
void socket_owners_find(
    struct socket_owners *out, char *const *names, size_t n, void (*unknown)(const char *name));

/*
 * Checks that one of the owners serves this connected socket. 0, or -EPERM or another -errno with a
 * sentence in why. path is only for the sentence.
 */
MUST_CHECK int socket_peer_check(
    int fd, const char *path, const struct socket_owners *owners, struct why *why);
