/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One range of memory for long-lived secrets: filled, sealed read-only, wiped.
 *
 * The arena reserves address space between two guard pages and makes it usable in steps, so the
 * bytes never move. The memory is locked as enum arena_lock says, and is left out of core dumps and
 * of child processes. arena_seal() returns the unused part to the kernel and makes the rest
 * read-only. arena_free() wipes everything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum arena_lock {
	ARENA_LOCK_OFF,
	ARENA_LOCK_PREFER,  /* continues unlocked when the kernel refuses; see arena_locked() */
	ARENA_LOCK_REQUIRE, /* an allocation that cannot be locked fails with -EPERM */
};

struct arena;

/* Makes an empty arena for at most max_bytes. 0 or -ENOMEM. Free it with arena_free(). */
MUST_CHECK int arena_new(struct arena **out, size_t max_bytes, enum arena_lock lock);
/*
 * Returns n zeroed bytes, aligned to align (a power of two, at most 64). On failure returns NULL
 * and keeps the reason for arena_error(): -EMSGSIZE (over max_bytes), -ENOMEM, or -EPERM (cannot
 * lock). After one failure every later call fails.
 */
void *arena_alloc(struct arena *a, size_t n, size_t align);
/* Makes the contents read-only; arena_alloc() returns NULL from then on. 0 or -errno. */
MUST_CHECK int arena_seal(struct arena *a);
/* Wipes and unmaps. a may be NULL. Returns NULL. */
struct arena *arena_free(struct arena *a);

int arena_error(const struct arena *a);
size_t arena_used(const struct arena *a);
size_t arena_locked(const struct arena *a); /* bytes locked in memory */
