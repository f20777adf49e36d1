/* SPDX-License-Identifier: Apache-2.0 */
/* The running connd as `connd --check` sees it: by asking on its socket. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct running {
	pid_t pid;         /* 0: none runs */
	char metrics[128]; /* the configured address of its metrics; "": none */
	int64_t bytes;     /* of its data */
};

/*
 * Asks the process at the other end of a connected socket for its Status, for at most 2 s. 0, or
 * -errno if it does not respond like connd.
 */
MUST_CHECK int running_ask(int fd, struct running *out);
