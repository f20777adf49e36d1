/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: one of each part, wired in order, torn down in reverse. The only place where the parts
 * know of one another.
 */
#pragma once

#include <stdbool.h>

/*
 * Is the configuration sound, and what it names there? Prints OK, or why not to stderr. online: asks the
 * manager, too, with one real list request. 0 or 1.
 */
int app_check(const char *config_path, bool online);
/* Serves until it is told to stop. The process's exit code. */
int app_run(const char *config_path);
