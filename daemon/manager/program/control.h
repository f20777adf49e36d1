/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/control.sock: how a subcommand talks to the server of the data directory.
 *
 * One request a connection: a JSON array of strings, the client's working directory and then the
 * subcommand's words, and a newline. The reply is one line: {"ok":{...}}, with a "warning" when
 * the change is not on disk yet, or {"error":"..."}. To `backup -` it comes with the descriptor of
 * the copy. A process that may open the socket (mode 0600) may do everything.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "manager/program/command.h"

struct durable;
struct event_base;
struct control;

/*
 * Serves the socket. A file left by a dead server is replaced: the caller has the directory's lock.
 * dir, env and durable are borrowed. 0 or -errno with `why`.
 */
MUST_CHECK int control_new(struct control **out, struct event_base *base, const char *dir,
    const struct command_env *env, struct durable *durable, struct why *why);
struct control *control_free(struct control *c); /* NULL is fine; returns NULL */

/*
 * Asks the server, waiting for its reply: appends what is to be printed, prints a warning. 0; 1:
 * the server refuses (`why`); -ECONNREFUSED or -ENOENT: there is no server; another -errno with
 * `why`.
 */
MUST_CHECK int control_ask(
    const char *dir, size_t n, char *const *argv, struct buf *out, struct why *why);
/*
 * The same for a request that is replied to with a file, of whatever size: its descriptor in
 * *file.
 */
MUST_CHECK int control_ask_file(
    const char *dir, size_t n, char *const *argv, int *file, struct why *why);
