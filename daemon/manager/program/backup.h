/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `connd-manager backup FILE`, in the subcommand's own process. A running server makes the copy in
 * its data directory and passes its descriptor, so the server needs write permission nowhere else.
 * The subcommand writes the copy to the file, with its own permissions, or to stdout for `-`.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "manager/program/command.h"

/* argv: the words of the command. Appends what is to be printed. 0, or not 0 with `why`. */
MUST_CHECK int backup_run(
    const struct options *o, size_t n, char *const *argv, struct buf *out, struct why *why);
