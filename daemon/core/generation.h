/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation: one complete, immutable set of records with its index, in one locked arena.
 *
 * Built by a builder beside the one that is being served, then sealed read-only and reference
 * counted; the last reference wipes it. Records point into the arena and live as long as it does.
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
	RECORD_WITHHELD, /* text: a JSON array of the secret fields that are not there */
	RECORD_INVALID,  /* text: the name of the field that can not be represented */
};

struct record {
	uint8_t kind;  /* enum record_kind */
	uint8_t state; /* enum record_state */
	struct span key;
	struct span text;
	/*
	 * Of a withheld record: the value that was held before, which still answers for a while; NULL:
	 * there was none, or it is too old. Its confirmed_ms (CLOCK_BOOTTIME) says when the manager
	 * last sent it; 0 in all other records, which are confirmed with their generation.
	 */
	const struct record *held;
	int64_t confirmed_ms;
};

#define GENERATION_MAX_KEY 1000 /* bytes: 250 characters of UTF-8 */

struct generation;
struct generation_builder;

/* lock, max_bytes: as base/arena.h. 0 or -ENOMEM. */
MUST_CHECK int generation_builder_new(
    struct generation_builder **out, enum arena_lock lock, size_t max_bytes);
/* Reserves space for n records (a hint, not a limit). 0, -ENOMEM, or -EMSGSIZE. */
MUST_CHECK int generation_builder_expect(struct generation_builder *b, size_t n);
/*
 * Copies a record in. 0; -EEXIST: the same kind and key a second time; -EMSGSIZE, -ENOMEM, -EPERM
 * from the arena; -E2BIG: a key longer than GENERATION_MAX_KEY. After a failure the builder is
 * only good for freeing.
 */
MUST_CHECK int generation_builder_add(struct generation_builder *b, enum record_kind kind,
    enum record_state state, struct span key, struct span text);
/* A withheld record (fields as its text) that brings its held value along. Errors as above. */
MUST_CHECK int generation_builder_add_held(struct generation_builder *b, enum record_kind kind,
    struct span key, struct span fields, struct span value, int64_t confirmed_ms);
/* Copies all records of one kind from a generation: for a list that was answered 304. */
MUST_CHECK int generation_builder_keep(
    struct generation_builder *b, enum record_kind kind, const struct generation *from);
/*
 * Hangs the value that `from` holds on each withheld record of b, with the time it was last confirmed:
 * its own, or confirmed_ms when it was confirmed with `from`. Values confirmed before oldest_ms are
 * left behind. from may be NULL.
 */
MUST_CHECK int generation_builder_carry(struct generation_builder *b, const struct generation *from,
    int64_t confirmed_ms, int64_t oldest_ms);
/* Freezes what was added. Consumes the builder, also on failure. 0 or -errno as above. */
MUST_CHECK int generation_builder_finish(struct generation_builder *b, struct generation **out);
struct generation_builder *generation_builder_free(struct generation_builder *b); /* returns NULL */

struct generation *generation_ref(struct generation *g);
struct generation *generation_unref(struct generation *g); /* NULL is fine; returns NULL */

/* NULL when it is not there. */
const struct record *generation_find(
    const struct generation *g, enum record_kind kind, struct span key);
size_t generation_count(const struct generation *g, enum record_kind kind);
/* The bytes of all keys of one kind. */
size_t generation_key_bytes(const struct generation *g, enum record_kind kind);
/* Records of one kind, sorted by key (bytes). i < generation_count(). */
const struct record *generation_at(const struct generation *g, enum record_kind kind, size_t i);
size_t generation_count_state(const struct generation *g, enum record_state state);
/* Do both come from the same list: same kinds, keys, states and texts? Held values do not count. */
bool generation_equal(const struct generation *a, const struct generation *b);
/* The same, and how many keys of each kind in `old` are not in `new`; in one go. */
struct generation_difference {
	bool equal;
	size_t n_dropped[N_KINDS];
};
void generation_compare(
    const struct generation *old, const struct generation *new, struct generation_difference *out);
/* Does anybody hold a reference beside the one asked through? Its last one costs a wipe. */
bool generation_is_shared(const struct generation *g);
/* How many finished generations exist in this process. */
size_t generation_live(void);
size_t generation_bytes(const struct generation *g);
size_t generation_locked_bytes(const struct generation *g);
