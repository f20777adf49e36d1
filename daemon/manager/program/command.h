/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands do to a store that is open: in the server for a client of the control
 * socket, or in the subcommand's own process. Each prints one JSON object, or fails with a
 * sentence that says what to do.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "manager/api/token.h"
#include "manager/program/arguments.h"
#include "manager/store/store.h"

/* The file name of a backup in the data directory, until the subcommand has its descriptor. */
#define COMMAND_COPY_NAME "manager.backup"
void command_remove_copies(const char *dir); /* of processes that were killed */
/* The warning after a change that is in effect but not on disk. */
#define COMMAND_NOT_DURABLE                                                                        \
	"it is in effect, but not on disk: a restart of the server before that undoes it; "        \
	"the log says why, and when it is written"

struct runner;

struct command_env {
	struct store *store;
	struct token_authority *tokens;
	struct keys *keys;     /* the store's */
	struct runner *runner; /* the server's, when its store may wait; otherwise NULL */
	char url[300]; /* of the running server, without a closing slash; "": there is none */
};
/*
 * Opens the data directory: its key, its store, its tokens. 0, or -errno with `why`; -EBUSY:
 * another process has it.
 */
MUST_CHECK int command_open(struct command_env *env, const struct options *o, struct why *why);
/* The same for a server: see store_open_waiting(). */
MUST_CHECK int command_open_waiting(
    struct command_env *env, const struct options *o, struct why *why);
/* Loads the tokens' signing key. 0, or -errno with `why`. */
MUST_CHECK int command_load_tokens(struct command_env *env, struct why *why);
void command_close(struct command_env *env); /* also after command_open() failed */

/*
 * Runs the subcommand and appends its output. *durable: false when the change is in effect only in
 * memory, which command_works_in_memory() allows. 0, or -1 with `why`.
 */
MUST_CHECK int command_run(const struct command_env *env, const struct options *o, struct buf *out,
    bool *durable, struct why *why);
/* True for a change that takes effect even when the disk fails. */
bool command_works_in_memory(const struct options *o);
/* Adds "durable": false to the output. */
void command_not_durable(struct buf *out);
void command_warn(const char *what); /* to stderr */

/* Each appends JSON about one organization. 0, STORE_NOT_FOUND or -errno. */
MUST_CHECK int command_token_list(
    const struct command_env *env, const struct id *organization, struct buf *out);
MUST_CHECK int command_deployment_list(
    const struct command_env *env, const struct id *organization, struct buf *out);
MUST_CHECK int command_organization_show(
    const struct command_env *env, const struct id *organization, struct buf *out);

/* Appends a URL that signs in once. STORE_NOT_FOUND: no such token exists, or it is not valid. */
MUST_CHECK int command_login_link(const struct command_env *env, const struct options *o,
    const struct id *organization, struct buf *out);

/*
 * Calls `ask`, which uses the running server (-ECONNREFUSED, -ENOENT: none runs), or else `here`,
 * which opens the data directory (-EBUSY: a server uses it). A server may start or stop in between,
 * so both are tried again for a while. Returns the last result.
 */
typedef int command_way(void *arg, struct buf *out, struct why *why);
MUST_CHECK int command_settle(
    command_way *ask, command_way *here, void *arg, struct buf *out, struct why *why);

/*
 * `init`: makes the data directory, the key, the database and its first content; appends the
 * output. Removes a partial result. 0, or -1 with `why`.
 */
MUST_CHECK int command_init(const struct options *o, struct buf *out, struct why *why);
/* Fills a data directory that has a key but no database, from a backup. 0, or -1 with `why`. */
MUST_CHECK int command_restore(const struct options *o, struct buf *out, struct why *why);
