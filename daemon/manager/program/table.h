/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connd-manager as a table. Its numbers are in verbs.h. */
#pragma once

#include "base/cli/cli.h"

extern const struct cli_program manager_program;
