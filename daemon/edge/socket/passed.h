/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that this process was started with (LISTEN_FDS): a socket from the service
 * manager, or the descriptors that connd kept over execve() when SIGUSR2 replaced the program.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/why.h"

struct passed {
	int socket;   /* -1: none */
	int lock;     /* of the socket's path, when `own`; -1: none */
	bool own;     /* connd made the socket: path and lock are its own */
	bool resumed; /* connd runs in this process since before execve() */
};

/*
 * Takes them, and removes the variables. Of several sockets the service manager's is the one named
 * "varlink". 0; -EINVAL with a sentence in why: nothing that was passed is a listening socket for
 * us.
 */
MUST_CHECK int passed_take(struct passed *out, struct why *why);
void passed_close(struct passed *p);

#define PASSED_NAMES_SIZE 64

/*
 * What LISTEN_FDNAMES must be for the next program, which gets p->socket as descriptor 3 and, if
 * there is one, p->lock as descriptor 4.
 */
void passed_names(const struct passed *p, char names[static PASSED_NAMES_SIZE]);

#define PASSED_UNIT_SIZE 128

/*
 * The socket unit of the service that this process runs in; "the socket unit" when that is unknown.
 */
void passed_unit(char unit[static PASSED_UNIT_SIZE]);
