/* SPDX-License-Identifier: Apache-2.0 */
/* The connd that runs already, as seen by `connd --check`: it is asked on its socket. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct running {
	pid_t pid;         /* 0: none runs */
	char metrics[128]; /* where it serves metrics, as configured; "": nowhere */
	int64_t bytes;     /* of its data */
};

/*
 * Asks the process at the other end of a connected socket for its Status, and waits 2 s at most. 0;
 * or -errno: it does not answer as a connd does.
 */
MUST_CHECK int running_ask(int fd, struct running *out);
