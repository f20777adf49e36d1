/* SPDX-License-Identifier: Apache-2.0 */
/* Reads files, directories and standard input, one file after the other. */
#pragma once

#include <stddef.h>

#include "base/span.h"

struct walk_ops {
	void (*begin)(void *env, const char *path);
	void (*bytes)(void *env, struct span bytes);
	void (*end)(void *env);
	void (*failed)(void *env, const char *path, const char *why);
};

/*
 * Reads the file at path, everything below the directory at path in the order of the names, or "-",
 * standard input. Symbolic links below a directory are not followed; what is neither file nor
 * directory is left out there.
 */
void walk_path(const struct walk_ops *ops, void *env, const char *path);
