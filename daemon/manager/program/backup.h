/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `connd-manager backup FILE`, in the subcommand's own process. A running server makes the copy in
 * its data directory and hands over the descriptor, so that it needs no right to write anywhere
 * else; the subcommand writes the file, with its own rights, or stdout for `-`.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "manager/program/command.h"

/* argv: the words of the command. Appends what is to be printed. 0, or not 0 with `why`. */
MUST_CHECK int backup_run(
    const struct options *o, size_t n, char *const *argv, struct buf *out, struct why *why);
