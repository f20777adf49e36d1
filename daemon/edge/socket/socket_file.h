/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the listening socket: its lock, its group and mode, and the process that listens
 * there.
 *
 * The lock is a file `.NAME.lock` beside the socket `NAME`. The process that holds it, with
 * flock(), owns the path: of several connd that start at the same moment exactly one goes on.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/why.h"

struct socket_file { /* strings are borrowed */
	const char *path;
	const char *group; /* a name, a number or gid:N; NULL: the group of the process */
	mode_t mode;
};

/* The identity of a file: the same path may lead to another one later. */
struct file_id {
	dev_t dev;
	ino_t ino;
};
bool file_id_of(const char *path, struct file_id *out); /* false: errno says why */
bool file_id_equal(struct file_id a, struct file_id b);

/* Is that the group of a file with this status? Not when the group is unknown. */
struct stat;
bool socket_file_has_group(const struct stat *st, const char *group);

/*
 * Takes the lock of the path, without waiting. Its descriptor; or -errno with a sentence in why:
 * -EADDRINUSE: another process holds it. A user other than root gets the directory made, with mode
 * 0700, if only that is missing.
 */
MUST_CHECK int socket_file_lock(const char *path, struct why *why);
/*
 * Is fd still the lock of this path? It is not when its file was removed, with its directory or
 * alone.
 */
bool socket_file_is_locked(const char *path, int fd);

/*
 * Listens at the path, whose lock the caller holds: group and mode are set before the first client
 * can connect. A socket that nobody listens at is replaced. Its descriptor; or -errno with a
 * sentence in why: -EADDRINUSE: another process listens there; -EEXIST: the file is not a socket.
 */
MUST_CHECK int socket_file_listen(const struct socket_file *f, struct why *why);

/*
 * Would socket_file_listen() succeed? Makes, locks and changes nothing. 0, or -errno with a
 * sentence in why. A process that listens there already is not an error: *client is then a
 * connection to it, owned by the caller, else -1.
 */
MUST_CHECK int socket_file_check(const struct socket_file *f, int *client, struct why *why);
