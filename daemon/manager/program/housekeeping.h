/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's periodic work: writes recorded uses and reads to the store, deletes old rows, warns
 * of token families that end soon.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/program/command.h"

struct event_base;
struct http_server;
struct housekeeping;

/*
 * Borrows base, env, http and dir, the data directory. 0, or -1: out of memory; then call
 * housekeeping_free() as well.
 */
MUST_CHECK int housekeeping_new(struct housekeeping **out, struct event_base *base,
    const struct command_env *env, struct http_server *http, const char *dir, int64_t keep_days);
/* What reads the store begins now that it is open. */
void housekeeping_begin(struct housekeeping *h);
struct housekeeping *housekeeping_free(struct housekeeping *h); /* NULL is fine; returns NULL */
