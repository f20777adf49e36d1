/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connd as a table. */
#pragma once

#include "base/cli/cli.h"

enum connd_option { OPTION_CONFIG, OPTION_CHECK, OPTION_ONLINE };

extern const struct cli_program connd_program;
