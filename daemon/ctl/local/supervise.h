/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command with variables of the Deployment in its environment: executed in place of connctl, or
 * as a child that learns of changes.
 */
#pragma once

#include "base/attr.h"
#include "ctl/ctl.h"
#include "ctl/local/environment.h"

/*
 * Executes argv with e added to the environment; umask and signals are as connctl found them.
 * Returns only if that fails: the exit code, with the reason reported.
 */
MUST_CHECK int command_execute(char *const argv[], const struct environment *e);

enum on_change {
	CHANGE_RESTARTS, /* SIGTERM, SIGKILL 10 s later, and a new start */
	CHANGE_SIGNALS,  /* SIGHUP */
};

/*
 * Runs argv as a child, forwards signals to it, and acts when the variables have changed in connd.
 * Takes over what e holds. Returns the child's exit status, and ends by the same signal as the
 * child.
 */
MUST_CHECK int command_supervise(
    const struct ctl_options *o, char *const argv[], enum on_change action, struct environment *e);
