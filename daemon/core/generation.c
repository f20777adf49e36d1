/* SPDX-License-Identifier: Apache-2.0 */
#include "core/generation.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rnd.h"

#define MIN_SLOTS   64
#define MAX_RECORDS (1u << 24) /* above LIMIT_OBJECTS; keeps slot arithmetic in 32 bits */

/*
 * The hash table of keys: open addressing with linear probing, at most half full. A slot holds the
 * record's index plus one; 0 is empty.
 */
struct slots {
	uint32_t *slot;
	uint32_t mask;
	uint8_t key[HASH_SHORT_KEY_SIZE];
};

struct generation {
	size_t refs; /* only the loop's thread changes it */
	struct arena *arena;
	/* Both in the arena. Records are sorted by kind, then key. */
	const struct record **record;
	struct slots slots;
	size_t first[N_KINDS + 1]; /* where each kind starts */
	size_t n_state[RECORD_INVALID + 1];
	size_t key_bytes[N_KINDS];
};

static atomic_size_t live; /* finished in the worker's thread too */

struct generation_builder {
	struct arena *arena;
	struct record **record; /* n of them, in the order they were added; on the heap */
	size_t n, room;
	bool unsorted;      /* records were not added in the order of kind and key */
	struct slots slots; /* on the heap; detects duplicates */
};

static uint32_t
slots_start(const struct slots *s, enum record_kind kind, struct span key)
{
	uint64_t h = hash_short(s->key, key.p, key.n);

	return (uint32_t)(h + (uint64_t)kind * 0x9e3779b97f4a7c15u) & s->mask;
}

/* Returns the slot of this key, or the empty slot where it belongs. */
static uint32_t
slots_find(const struct slots *s, const struct record *const *record, enum record_kind kind,
    struct span key)
{
	uint32_t i = slots_start(s, kind, key);

	for (; s->slot[i]; i = (i + 1) & s->mask) {
		const struct record *r = record[s->slot[i] - 1];

		if (r->kind == kind && span_equal(r->key, key))
			break;
	}
	return i;
}

static void
slots_fill(struct slots *s, const struct record *const *record, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->slot[slots_find(s, record, record[i]->kind, record[i]->key)] = (uint32_t)i + 1;
}

/* Returns the number of slots for n records, so that at most half are used. */
static size_t
slots_wanted(size_t n)
{
	size_t want = MIN_SLOTS;

	while (want < 2 * n)
		want *= 2;
	return want;
}

int
generation_builder_new(struct generation_builder **out, enum arena_lock lock, size_t max_bytes)
{
	struct generation_builder *b = mem_zalloc(sizeof *b);
	int r = -ENOMEM;

	if (!b)
		return -ENOMEM;
	rnd_bytes(b->slots.key, sizeof b->slots.key);
	b->slots.slot = mem_calloc(MIN_SLOTS, sizeof *b->slots.slot);
	if (!b->slots.slot)
		goto out;
	b->slots.mask = MIN_SLOTS - 1;
	r = arena_new(&b->arena, max_bytes, lock);
	if (r < 0)
		goto out;
	*out = b;
	return 0;
out:
	generation_builder_free(b);
	return r;
}

struct generation_builder *
generation_builder_free(struct generation_builder *b)
{
	if (b) {
		arena_free(b->arena);
		mem_free(b->record);
		mem_free(b->slots.slot);
		mem_free(b);
	}
	return NULL;
}

/* Makes room for n records in both tables. */
static int
builder_grow(struct generation_builder *b, size_t n)
{
	if (n > b->room) {
		size_t room = b->room ? b->room : MIN_SLOTS / 2;
		struct record **grown;

		while (room < n)
			room *= 2;
		grown = mem_resize(b->record, room * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		b->record = grown;
		b->room = room;
	}
	if (slots_wanted(n) > (size_t)b->slots.mask + 1) {
		size_t want = slots_wanted(n);
		uint32_t *slot = mem_calloc(want, sizeof *slot);

		if (!slot)
			return -ENOMEM;
		mem_free(b->slots.slot);
		b->slots.slot = slot;
		b->slots.mask = (uint32_t)want - 1;
		slots_fill(&b->slots, (const struct record *const *)b->record, b->n);
	}
	return 0;
}

int
generation_builder_expect(struct generation_builder *b, size_t n)
{
	return n > MAX_RECORDS ? -EMSGSIZE : builder_grow(b, n);
}

/*
 * Copies a record into the arena in one allocation: the struct, its key, its text. A lookup
 * compares the key first, so it stands in the cache line that the struct has brought.
 */
static int
arena_record(struct arena *a, struct record **out, const struct record *from)
{
	struct record *r =
	    arena_alloc(a, sizeof *r + from->text.n + from->key.n, _Alignof(struct record));
	char *bytes;

	if (!r)
		return arena_error(a);
	*r = *from;
	r->held = NULL;
	bytes = (char *)(r + 1);
	if (from->key.n)
		memcpy(bytes, from->key.p, from->key.n);
	r->key.p = bytes;
	bytes += from->key.n;
	if (from->text.n)
		memcpy(bytes, from->text.p, from->text.n);
	r->text.p = bytes;
	*out = r;
	return 0;
}

/* Copies a value into the arena and makes it the held value of `on`, whose key it shares. */
static int
hang(struct generation_builder *b, struct record *on, const struct record *value,
    int64_t confirmed_ms)
{
	struct record from = *value, *copy = NULL;
	int r;

	from.key = (struct span){ 0 };
	from.confirmed_ms = confirmed_ms;
	r = arena_record(b->arena, &copy, &from);
	if (r < 0)
		return r;
	copy->key = on->key;
	on->held = copy;
	return 0;
}

static int
span_compare(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int
record_compare(const struct record *a, const struct record *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return span_compare(a->key, b->key);
}

static int
compare_for_qsort(const void *a, const void *b)
{
	return record_compare(*(const struct record *const *)a, *(const struct record *const *)b);
}

static int
builder_add(struct generation_builder *b, const struct record *from, struct record **added)
{
	uint32_t at;
	int r;

	if (from->key.n > GENERATION_MAX_KEY)
		return -E2BIG;
	if (b->n == MAX_RECORDS)
		return -EMSGSIZE;
	r = builder_grow(b, b->n + 1);
	if (r < 0)
		return r;
	at = slots_find(&b->slots, (const struct record *const *)b->record, from->kind, from->key);
	if (b->slots.slot[at])
		return -EEXIST;
	r = arena_record(b->arena, added, from);
	if (r < 0)
		return r;
	if (b->n && record_compare(b->record[b->n - 1], *added) > 0)
		b->unsorted = true;
	b->record[b->n++] = *added;
	b->slots.slot[at] = (uint32_t)b->n;
	return 0;
}

int
generation_builder_add(struct generation_builder *b, enum record_kind kind, enum record_state state,
    struct span key, struct span text)
{
	struct record from = {
		.kind = (uint8_t)kind, .state = (uint8_t)state, .key = key, .text = text
	};
	struct record *added;

	return builder_add(b, &from, &added);
}

int
generation_builder_add_held(struct generation_builder *b, enum record_kind kind, struct span key,
    struct span fields, struct span value, int64_t confirmed_ms)
{
	struct record from = {
		.kind = (uint8_t)kind, .state = RECORD_WITHHELD, .key = key, .text = fields
	};
	struct record held = { .kind = (uint8_t)kind, .state = RECORD_VALUE, .text = value };
	struct record *added;
	int r = builder_add(b, &from, &added);

	return r < 0 ? r : hang(b, added, &held, confirmed_ms);
}

int
generation_builder_keep(
    struct generation_builder *b, enum record_kind kind, const struct generation *from)
{
	for (size_t i = 0; i < generation_count(from, kind); i++) {
		const struct record *old = generation_at(from, kind, i);
		struct record *added;
		int r = builder_add(b, old, &added);

		if (r == 0 && old->held)
			r = hang(b, added, old->held, old->held->confirmed_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

int
generation_builder_carry(struct generation_builder *b, const struct generation *from,
    int64_t confirmed_ms, int64_t oldest_ms)
{
	for (size_t i = 0; i < b->n; i++) {
		struct record *rec = b->record[i];
		const struct record *value;
		int64_t at;
		int r;

		if (rec->state != RECORD_WITHHELD)
			continue;
		if (rec->held && rec->held->confirmed_ms < oldest_ms)
			rec->held = NULL;
		value = from ? generation_find(from, rec->kind, rec->key) : NULL;
		if (rec->held || !value)
			continue;
		at = confirmed_ms;
		if (value->held) {
			value = value->held;
			at = value->confirmed_ms;
		}
		if (value->state != RECORD_VALUE || at < oldest_ms)
			continue;
		r = hang(b, rec, value, at);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Moves the index into the arena, sorted by kind and key. Most lists arrive in that order; then the
 * records need neither sorting nor hashing again.
 */
static int
index_into_arena(struct generation *g, struct generation_builder *b)
{
	size_t n_slots = (size_t)b->slots.mask + 1;

	g->record = arena_alloc(b->arena, b->n * sizeof *g->record + 1, _Alignof(void *));
	g->slots = b->slots;
	g->slots.slot = arena_alloc(b->arena, n_slots * sizeof *g->slots.slot, sizeof(uint32_t));
	if (!g->record || !g->slots.slot)
		return arena_error(b->arena);
	if (b->unsorted)
		qsort(b->record, b->n, sizeof(struct record *), compare_for_qsort);
	if (b->n)
		memcpy(g->record, b->record, b->n * sizeof *g->record);
	if (b->unsorted)
		slots_fill(&g->slots, g->record, b->n);
	else
		memcpy(g->slots.slot, b->slots.slot, n_slots * sizeof *g->slots.slot);
	for (size_t i = 0; i < b->n; i++) {
		g->first[g->record[i]->kind + 1] = i + 1;
		g->n_state[g->record[i]->state]++;
		g->key_bytes[g->record[i]->kind] += g->record[i]->key.n;
	}
	for (size_t k = 1; k <= N_KINDS; k++)
		if (g->first[k] < g->first[k - 1])
			g->first[k] = g->first[k - 1];
	return arena_seal(b->arena);
}

int
generation_builder_finish(struct generation_builder *b, struct generation **out)
{
	struct generation *g = mem_zalloc(sizeof *g);
	int r = -ENOMEM;

	if (g)
		r = index_into_arena(g, b);
	if (r == 0) {
		g->refs = 1;
		(void)atomic_fetch_add(&live, 1);
		g->arena = b->arena;
		b->arena = NULL;
		*out = g;
	} else {
		mem_free(g);
	}
	generation_builder_free(b);
	return r;
}

struct generation *
generation_ref(struct generation *g)
{
	g->refs++;
	return g;
}

struct generation *
generation_unref(struct generation *g)
{
	if (g && --g->refs == 0) {
		(void)atomic_fetch_sub(&live, 1);
		arena_free(g->arena);
		mem_free(g);
	}
	return NULL;
}

const struct record *
generation_find(const struct generation *g, enum record_kind kind, struct span key)
{
	uint32_t slot = g->slots.slot[slots_find(&g->slots, g->record, kind, key)];

	return slot ? g->record[slot - 1] : NULL;
}

size_t
generation_count(const struct generation *g, enum record_kind kind)
{
	return g->first[kind + 1] - g->first[kind];
}

size_t
generation_key_bytes(const struct generation *g, enum record_kind kind)
{
	return g->key_bytes[kind];
}

const struct record *
generation_at(const struct generation *g, enum record_kind kind, size_t i)
{
	return g->record[g->first[kind] + i];
}

size_t
generation_count_state(const struct generation *g, enum record_state state)
{
	return g->n_state[state];
}

bool
generation_equal(const struct generation *a, const struct generation *b)
{
	if (a->first[N_KINDS] != b->first[N_KINDS])
		return false;
	for (size_t i = 0; i < a->first[N_KINDS]; i++) {
		const struct record *x = a->record[i], *y = b->record[i];

		if (x->kind != y->kind || x->state != y->state || !span_equal(x->key, y->key) ||
		    !span_equal(x->text, y->text))
			return false;
	}
	return true;
}

/* Counts the keys of `old` that are not in `new`. Both are sorted, so one pass suffices. */
static size_t
n_dropped(const struct generation *old, const struct generation *new, enum record_kind kind)
{
	size_t n = 0, j = 0;

	for (size_t i = 0; i < generation_count(old, kind); i++) {
		struct span key = generation_at(old, kind, i)->key;
		int c = 1;

		while (j < generation_count(new, kind) &&
		       (c = span_compare(key, generation_at(new, kind, j)->key)) > 0)
			j++;
		n += c != 0;
	}
	return n;
}

void
generation_compare(
    const struct generation *old, const struct generation *new, struct generation_difference *out)
{
	out->equal = generation_equal(old, new);
	for (int k = 0; k < N_KINDS; k++)
		out->n_dropped[k] = out->equal ? 0 : n_dropped(old, new, (enum record_kind)k);
}

bool
generation_is_shared(const struct generation *g)
{
	return g->refs > 1;
}

size_t
generation_live(void)
{
	return atomic_load(&live);
}

size_t
generation_bytes(const struct generation *g)
{
	return arena_used(g->arena);
}

size_t
generation_locked_bytes(const struct generation *g)
{
	return arena_locked(g->arena);
}
