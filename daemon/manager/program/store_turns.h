/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what other managers have changed, whenever the store says that it is time: store_turn(). */
#pragma once

#include "base/attr.h"

struct event_base;
struct runner;
struct store;
struct store_turns;

/* Everything is borrowed. 0 or -ENOMEM. */
MUST_CHECK int store_turns_new(
    struct store_turns **out, struct event_base *base, struct store *store, struct runner *runner);
/* After runner_cancel(). NULL is fine; returns NULL. */
struct store_turns *store_turns_free(struct store_turns *t);
