/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: one of each part, wired in order, torn down in reverse. The only place where the
 * parts know of one another.
 */
#pragma once

#include <stdbool.h>

/*
 * Would connd start with this configuration, and lack nothing? Prints OK, or each fault to stderr,
 * and the user it checked as. online: asks the manager, too, with one real list request. Returns
 * the exit code: 0 or 1.
 */
int app_check(const char *config_path, bool online);
/* Serves until a signal ends it. Returns the exit code. */
int app_run(const char *config_path);
