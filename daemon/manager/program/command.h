/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands do to a store that is open: in the server for a client of the control socket, or
 * in the subcommand's own process. Each answers with one JSON object, or a sentence that says what to do.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "manager/api/token.h"
#include "manager/program/cli.h"
#include "manager/store/store.h"

#define COMMAND_WHY_SIZE 512

struct command_env {
	struct store *store;
	struct token_authority *tokens;
	struct keys *keys; /* the store's */
};
/* Opens the data directory: its key, its store, its tokens. 0, or -errno with `why`; -EBUSY: another process has it. */
MUST_CHECK int command_open(
    struct command_env *env, const struct options *o, char why[static COMMAND_WHY_SIZE]);
void command_close(struct command_env *env); /* of what is open, half opened ones too */

/* Appends the answer. 0, or -1 with `why`. */
MUST_CHECK int command_run(const struct command_env *env, const struct options *o, struct buf *out,
    char why[static COMMAND_WHY_SIZE]);

/*
 * Makes the data directory, the key, the database, and what they start with; appends what `init` prints.
 * What could not be finished is taken away again. 0, or -1 with `why`.
 */
MUST_CHECK int command_init(
    const struct options *o, struct buf *out, char why[static COMMAND_WHY_SIZE]);
/* Fills a data directory that has a key but no database. 0, or -1 with `why`. */
MUST_CHECK int command_restore(
    const struct options *o, struct buf *out, char why[static COMMAND_WHY_SIZE]);
