/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `init` and `restore` make a database: a directory inside the data directory. The database
 * has its own name when it is whole, never before, whenever the program is killed.
 */
#pragma once

#include "base/attr.h"
#include "manager/program/command.h"

struct workshop {
	const char *dir; /* the data directory */
	char path[4096]; /* the workshop */
	int lock_fd;     /* of the data directory: one init or restore at a time */
};

/*
 * Takes the data directory and empties its workshop; make: the data directory is made if it is not
 * there. -EEXIST: it has a database already, and nothing was changed. 0 or -errno with `why`.
 */
MUST_CHECK int workshop_open(
    struct workshop *w, const char *dir, bool make, char why[static COMMAND_WHY_SIZE]);
/* Gives the database, which is closed, its place. 0 or -errno with `why`. */
MUST_CHECK int workshop_finish(struct workshop *w, char why[static COMMAND_WHY_SIZE]);
void workshop_close(struct workshop *w); /* removes what is left in it */
