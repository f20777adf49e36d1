/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One slab of memory for long-lived secrets: filled, sealed read-only, wiped.
 *
 * A range of address space is reserved between two guard pages and given memory in steps while it
 * is filled, so the bytes never move. The memory is locked (as the mode says), kept out of core
 * dumps and out of children. arena_seal() gives back what was not used and makes the rest
 * read-only. arena_free() wipes everything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum arena_lock {
	ARENA_LOCK_OFF,
	ARENA_LOCK_PREFER,  /* carries on unlocked when the kernel refuses; arena_locked() tells */
	ARENA_LOCK_REQUIRE, /* an allocation that can not be locked fails */
};

struct arena;

/* max_bytes: the most it may hold. 0 or -ENOMEM. */
MUST_CHECK int arena_new(struct arena **out, size_t max_bytes, enum arena_lock lock);
/*
 * n bytes, aligned to align (a power of two, at most 64), zeroed. NULL when the cap is reached, memory
 * is out, or must be locked and can not; arena_error() tells (-EMSGSIZE, -ENOMEM, -EPERM).
 */
void *arena_alloc(struct arena *a, size_t n, size_t align);
/* Nothing may be allocated afterwards. 0 or -errno. */
MUST_CHECK int arena_seal(struct arena *a);
struct arena *arena_free(struct arena *a); /* wipes; NULL is fine; returns NULL */

int arena_error(const struct arena *a);
size_t arena_used(const struct arena *a);
size_t arena_locked(const struct arena *a); /* bytes really locked; 0 when refused */
