/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connctl as a table. Its numbers are in verbs.h. */
#pragma once

#include "base/cli/cli.h"

extern const struct cli_program ctl_program;
