/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connctl -> struct ctl_options. Prints nothing. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/cli/cli.h"
#include "base/why.h"
#include "ctl/ctl.h"

/*
 * getenv_socket: the value of CONND_SOCKET or NULL. With CLI_RUN *out is complete; its strings are
 * argv's. *line is what stood on the command line, for cli_write_help().
 */
MUST_CHECK enum cli_verdict options_read(int argc, char *const argv[], const char *getenv_socket,
    struct cli_line *line, struct ctl_options *out, struct why *why);
/* Reads a duration (base/duration.h) from 1 ms to 24 hours. 0 or -EINVAL. */
MUST_CHECK int options_duration(const char *text, int64_t *ms);
