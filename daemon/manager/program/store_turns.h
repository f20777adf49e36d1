/* SPDX-License-Identifier: Apache-2.0 */
/* Calls store_turn() whenever it is due: it reads what other managers have changed. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/why.h"

struct event_base;
struct runner;
struct store;
struct store_turns;

/*
 * opened(arg, 0, NULL) is called, in a fiber, after each turn since the store is open, until it
 * returns true; opened(arg, -errno, why) when it cannot be opened. NULL: nobody waits for that.
 * Everything is borrowed. 0 or -ENOMEM.
 */
typedef bool store_turns_opened(void *arg, int r, const struct why *why);
MUST_CHECK int store_turns_new(struct store_turns **out, struct event_base *base,
    struct store *store, struct runner *runner, store_turns_opened *opened, void *arg);
/* After runner_cancel(). NULL is fine; returns NULL. */
struct store_turns *store_turns_free(struct store_turns *t);
