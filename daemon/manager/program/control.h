/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/control.sock: how a subcommand asks the server that has the data directory.
 *
 * One question a connection: a JSON array of strings, the client's working directory and then the
 * subcommand's words, and a newline. The answer is one line: {"ok":{...}} or {"error":"..."}. Whoever may open the socket (mode 0600) may do all.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "manager/program/command.h"

struct durable;
struct event_base;
struct control;

/*
 * Serves the socket. A file left by a dead server is replaced: the caller has the directory's lock. env and
 * durable are borrowed. 0 or -errno with `why`.
 */
MUST_CHECK int control_new(struct control **out, struct event_base *base, const char *dir,
    const struct command_env *env, struct durable *durable, char why[static COMMAND_WHY_SIZE]);
struct control *control_free(struct control *c); /* NULL is fine; returns NULL */

/*
 * Asks the server, waiting for its answer: appends what is to be printed. 0; 1: the server says no (`why`);
 * -ECONNREFUSED or -ENOENT: there is no server; another -errno with `why`.
 */
MUST_CHECK int control_ask(const char *dir, size_t n, char *const *argv, struct buf *out,
    char why[static COMMAND_WHY_SIZE]);
