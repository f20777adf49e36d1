/* SPDX-License-Identifier: Apache-2.0 */
/* Another program, run without a shell, for what it writes to standard output. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "ctl/user.h"

struct command {
	char *const *argv;        /* looked up in PATH; ends with NULL */
	const char *name, *value; /* of a variable added to its environment; NULL: none */
	const struct user *user;  /* who runs it */
	int64_t timeout_ms;
};

/*
 * Runs it to its end with an empty standard input and our standard error. What it writes is
 * appended to out, whose max is the cap. 0, whatever its exit code; -errno with a sentence in why:
 * it cannot be run; or it takes too much time or writes too much, and was killed.
 */
MUST_CHECK int command_run(const struct command *c, struct buf *out, struct why *why);
