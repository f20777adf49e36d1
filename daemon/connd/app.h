/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: creates one of each part, connects them, and destroys them in reverse order. The only
 * place where the parts know of one another.
 */
#pragma once

#include <stdbool.h>

/*
 * Checks whether connd would start with this configuration and lack nothing. Prints OK, or each
 * fault to stderr, and the user that it checked as. online: also sends one real list request to the
 * manager. Returns the exit code: 0 or 1.
 */
int app_check(const char *config_path, bool online);
/* Serves until a signal ends the daemon. Returns the exit code. */
int app_run(const char *config_path);
