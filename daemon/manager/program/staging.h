/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `init` and `restore` make a database: a directory inside the data directory. The database
 * gets its name only when it is complete, so a program that is killed leaves no partial one.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/why.h"

struct staging {
	const char *dir; /* the data directory */
	char path[4096]; /* the staging directory */
	int lock_fd;     /* of the data directory: one init or restore at a time */
};

/*
 * Locks the data directory and empties its staging directory. make: creates the data directory if
 * it does not exist. -EEXIST: it has a database already, and nothing was changed. 0 or -errno with
 * `why`.
 */
MUST_CHECK int staging_open(struct staging *stage, const char *dir, bool make, struct why *why);
/* Moves the closed database to its name in the data directory. 0 or -errno with `why`. */
MUST_CHECK int staging_finish(struct staging *stage, struct why *why);
/* unlocks the data directory and removes the staging directory */
void staging_close(struct staging *stage);
