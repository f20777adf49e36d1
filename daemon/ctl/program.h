/* SPDX-License-Identifier: Apache-2.0 */
/* Another program, run without a shell, for what it writes to standard output. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "ctl/user.h"

struct program {
	char *const *argv;        /* looked up in PATH; ends with NULL */
	const char *name, *value; /* of a variable added to its environment; NULL: none */
	const struct user *user;  /* who runs it; NULL: our own user */
	int64_t timeout_ms;
	bool quiet; /* its standard error is /dev/null, else ours */
};

/*
 * Runs it to its end with an empty standard input. What it writes is appended to out, whose max is
 * the cap. Returns its exit status (255 when a signal ended it); -errno with a sentence in why: it
 * cannot be run (-ENOENT), or it takes too much time (-ETIMEDOUT) or writes too much (-EMSGSIZE),
 * and was killed.
 */
MUST_CHECK int program_run(const struct program *c, struct buf *out, struct why *why);
