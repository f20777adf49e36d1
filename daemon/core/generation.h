/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation: one complete, immutable set of records with its index, in one locked arena.
 *
 * A builder makes it while another generation is served. It is then sealed read-only and reference
 * counted; dropping the last reference wipes it. Records point into the arena and live as long.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/hash.h"
#include "base/span.h"
#include "core/kind.h"

enum record_state {
	RECORD_VALUE,    /* text: the value as a JSON string, quotes and escapes included */
	RECORD_WITHHELD, /* text: a JSON array of the missing secret fields */
	RECORD_INVALID,  /* text: the name of the field that cannot be represented */
};

struct record {
	uint8_t kind;  /* enum record_kind */
	uint8_t state; /* enum record_state */
	struct span key;
	struct span text;
	/*
	 * Only in a withheld record: the value from before, which is served for a while; NULL if
	 * there was none, or it is too old.
	 */
	const struct record *held;
	/*
	 * Only in a held value: when the manager last sent it (CLOCK_BOOTTIME). 0 in other records,
	 * which are confirmed with their generation.
	 */
	int64_t confirmed_ms;
};

#define GENERATION_MAX_KEY 1000 /* bytes: 250 characters of UTF-8 */

struct generation;
struct generation_builder;

/* Makes an empty builder. lock, max_bytes: as in base/arena.h. 0 or -ENOMEM. */
MUST_CHECK int generation_builder_new(
    struct generation_builder **out, enum arena_lock lock, size_t max_bytes);
/* Reserves space for n records (a hint, not a limit). 0, -ENOMEM, or -EMSGSIZE. */
MUST_CHECK int generation_builder_expect(struct generation_builder *b, size_t n);
/*
 * Adds a copy of a record. 0; -EEXIST for a duplicate kind and key; -E2BIG for a key longer than
 * GENERATION_MAX_KEY; -EMSGSIZE, -ENOMEM, -EPERM from the arena. After a failure only free the
 * builder.
 */
MUST_CHECK int generation_builder_add(struct generation_builder *b, enum record_kind kind,
    enum record_state state, struct span key, struct span text);
/* Adds a withheld record, with `fields` as its text, and its held value. Errors as above. */
MUST_CHECK int generation_builder_add_held(struct generation_builder *b, enum record_kind kind,
    struct span key, struct span fields, struct span value, int64_t confirmed_ms);
/* Copies all records of one kind from a generation, after a 304. Errors as above. */
MUST_CHECK int generation_builder_keep(
    struct generation_builder *b, enum record_kind kind, const struct generation *from);
/*
 * Gives each withheld record of b the value of the same key in `from` as its held value. A value of
 * `from` was confirmed at confirmed_ms; a value already held there keeps its own time. Drops values
 * confirmed before oldest_ms. from may be NULL. 0, or -EMSGSIZE, -ENOMEM, -EPERM from the arena.
 */
MUST_CHECK int generation_builder_carry(struct generation_builder *b, const struct generation *from,
    int64_t confirmed_ms, int64_t oldest_ms);
/* Turns b into a sealed generation. Frees b, also on failure. 0 or -errno as above. */
MUST_CHECK int generation_builder_finish(struct generation_builder *b, struct generation **out);
struct generation_builder *generation_builder_free(struct generation_builder *b); /* returns NULL */

struct generation *generation_ref(struct generation *g);
struct generation *generation_unref(struct generation *g); /* g may be NULL; returns NULL */

/* Returns the record of this key, or NULL. */
const struct record *generation_find(
    const struct generation *g, enum record_kind kind, struct span key);
size_t generation_count(const struct generation *g, enum record_kind kind);
/* The bytes of all keys of one kind. */
size_t generation_key_bytes(const struct generation *g, enum record_kind kind);
/* Returns record i of one kind, sorted by key (bytes). i < generation_count(). */
const struct record *generation_at(const struct generation *g, enum record_kind kind, size_t i);
size_t generation_count_state(const struct generation *g, enum record_state state);
/* True if both have the same kinds, keys, states and texts. Held values are not compared. */
bool generation_equal(const struct generation *a, const struct generation *b);
/*
 * The result of generation_equal(), and how many keys of each kind are in `old` but not in `new`.
 */
struct generation_difference {
	bool equal;
	size_t n_dropped[N_KINDS];
};
void generation_compare(
    const struct generation *old, const struct generation *new, struct generation_difference *out);
/* True if there is more than one reference. */
bool generation_is_shared(const struct generation *g);
/* How many finished generations exist in this process. */
size_t generation_live(void);
size_t generation_bytes(const struct generation *g);
size_t generation_locked_bytes(const struct generation *g);
