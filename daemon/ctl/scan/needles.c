/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/scan/needles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "ctl/scan/forms.h"

#define NO_NEEDLE      UINT32_MAX
#define MAX_BYTES      ((size_t)1 << 30) /* of all texts */
#define BITS_A_NEEDLE  256               /* of the filter: one false hit in so many places */
#define LEAST_LOG_BITS 16
#define MOST_LOG_BITS  26

struct needles {
	struct arena *arena; /* the texts */
	struct needle *needle;
	size_t count, room, longest;
	uint64_t key; /* of the hash; odd */
	int log_bits;
	uint64_t *filter; /* a bit for each hash of a needle's first eight bytes */
};

const char *
needle_form_name(enum needle_form form)
{
	static const char *const name[] = { "plain", "base64", "url", "json" };

	return name[form];
}

int
needles_new(struct needles **out)
{
	struct needles *n = mem_zalloc(sizeof *n);

	if (!n || arena_new(&n->arena, MAX_BYTES, ARENA_LOCK_PREFER) < 0) {
		mem_free(n);
		return -ENOMEM;
	}
	rnd_bytes(&n->key, sizeof n->key);
	n->key |= 1;
	*out = n;
	return 0;
}

struct needles *
needles_free(struct needles *n)
{
	if (!n)
		return NULL;
	mem_free(n->filter);
	mem_free(n->needle);
	arena_free(n->arena);
	mem_free(n);
	return NULL;
}

size_t
needles_count(const struct needles *n)
{
	return n->count;
}

size_t
needles_longest(const struct needles *n)
{
	return n->longest;
}

/* --- adding ---------------------------------------------------------------------------- */

static int
grow(struct needles *n)
{
	size_t room = n->room ? 2 * n->room : 256;
	struct needle *grown;

	if (n->count < n->room)
		return 0;
	if (room >= NO_NEEDLE)
		return -EMSGSIZE;
	grown = mem_resize(n->needle, room * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	n->needle = grown;
	n->room = room;
	return 0;
}

static int
add_text(struct needles *n, uint32_t owner, enum needle_form form, struct span text)
{
	int r = grow(n);
	char *p;

	if (r < 0)
		return r;
	p = arena_alloc(n->arena, text.n, 1);
	if (!p)
		return arena_error(n->arena);
	memcpy(p, text.p, text.n);
	n->needle[n->count++] = (struct needle){
		.p = p,
		.n = (uint32_t)text.n,
		.owner = owner,
		.parent = NO_NEEDLE,
		.form = (uint8_t)form,
	};
	if (text.n > n->longest)
		n->longest = text.n;
	return 0;
}

static int
add_piece(struct needles *n, uint32_t owner, struct span piece)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(FORM_LONGEST * NEEDLE_PIECE);
	int r = add_text(n, owner, NEEDLE_PLAIN, piece);

	for (int form = 0; r == 0 && form < FORMS; form++) {
		buf_reset(&text);
		if (!form_write(form, piece, &text))
			continue;
		r = buf_error(&text);
		if (r == 0)
			r = add_text(n, owner, form_kind(form), span_of_buf(&text));
	}
	return r;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int
needles_add(struct needles *n, uint32_t owner, struct span value)
{
	int r = 0;

	for (; value.n && is_space(value.p[0]); value.n--)
		value.p++;
	while (value.n && is_space(value.p[value.n - 1]))
		value.n--;
	if (value.n < NEEDLE_SHORTEST)
		return 1;
	while (r == 0 && value.n >= NEEDLE_SHORTEST) {
		size_t length = value.n < NEEDLE_PIECE ? value.n : NEEDLE_PIECE;

		r = add_piece(n, owner, (struct span){ value.p, length });
		value.p += length;
		value.n -= length;
	}
	return r;
}

/* --- making it ready ------------------------------------------------------------------- */

static int
compare(const char *a, size_t a_n, const char *b, size_t b_n)
{
	int r = memcmp(a, b, a_n < b_n ? a_n : b_n);

	return r ? r : (a_n > b_n) - (a_n < b_n);
}

static int
by_text(const void *x, const void *y)
{
	const struct needle *a = x, *b = y;
	int r = compare(a->p, a->n, b->p, b->n);

	if (r == 0)
		r = (a->owner > b->owner) - (a->owner < b->owner);
	return r ? r : (a->form > b->form) - (a->form < b->form);
}

static bool
begins_with(struct span text, const struct needle *with)
{
	return text.n >= with->n && memcmp(text.p, with->p, with->n) == 0;
}

static bool
same_text(const struct needle *a, const struct needle *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* One needle of each text and owner: several forms of a value may be the same text. */
static void
drop_doubles(struct needles *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->count; i++) {
		const struct needle *last = kept ? &n->needle[kept - 1] : NULL;

		if (!last || last->owner != n->needle[i].owner || !same_text(last, &n->needle[i]))
			n->needle[kept++] = n->needle[i];
	}
	n->count = kept;
}

/* The needles that a text begins with are the parents of the one before it, in this order. */
static void
link_parents(struct needles *n)
{
	for (uint32_t i = 1; i < n->count; i++) {
		struct needle *this = &n->needle[i];
		uint32_t p = i - 1;

		if (same_text(&n->needle[p], this)) {
			this->parent = n->needle[p].parent;
			continue;
		}
		while (p != NO_NEEDLE &&
		       !begins_with((struct span){ this->p, this->n }, &n->needle[p]))
			p = n->needle[p].parent;
		this->parent = p;
	}
}

static size_t
hash(const struct needles *n, const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	word = (word ^ word >> 32) * n->key;
	return (size_t)(word >> (64 - n->log_bits));
}

static int
fill_filter(struct needles *n)
{
	n->log_bits = LEAST_LOG_BITS;
	while (n->log_bits < MOST_LOG_BITS && (size_t)1 << n->log_bits < n->count * BITS_A_NEEDLE)
		n->log_bits++;
	n->filter = mem_calloc((size_t)1 << (n->log_bits - 6), sizeof *n->filter);
	if (!n->filter)
		return -ENOMEM;
	for (size_t i = 0; i < n->count; i++) {
		size_t h = hash(n, n->needle[i].p);

		n->filter[h / 64] |= (uint64_t)1 << h % 64;
	}
	return 0;
}

int
needles_finish(struct needles *n)
{
	if (n->count)
		qsort(n->needle, n->count, sizeof *n->needle, by_text);
	drop_doubles(n);
	link_parents(n);
	if (arena_seal(n->arena) < 0)
		return -ENOMEM;
	return fill_filter(n);
}

/* --- searching ------------------------------------------------------------------------- */

static bool
may_begin(const struct needles *n, const char *p)
{
	size_t h = hash(n, p);

	return n->filter[h / 64] >> h % 64 & 1;
}

/* How many needles come before text, or are equal to its beginning up to their own end. */
static size_t
count_up_to(const struct needles *n, struct span text)
{
	size_t low = 0, high = n->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct needle *m = &n->needle[middle];

		if (compare(m->p, m->n, text.p, text.n) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The longest needle that text begins with; NULL: none. The last of those with that text. */
static const struct needle *
longest_at(const struct needles *n, struct span text)
{
	size_t before = count_up_to(n, text);
	uint32_t i = before ? (uint32_t)(before - 1) : NO_NEEDLE;

	while (i != NO_NEEDLE && !begins_with(text, &n->needle[i]))
		i = n->needle[i].parent;
	return i == NO_NEEDLE ? NULL : &n->needle[i];
}

static struct span
rest_of(const struct needles *n, struct span text, size_t at)
{
	size_t left = text.n - at;

	return (struct span){ text.p + at, left < n->longest ? left : n->longest };
}

bool
needles_find(const struct needles *n, struct span text, size_t from, struct needle_match *out)
{
	for (size_t at = from; at + NEEDLE_SHORTEST <= text.n; at++) {
		const struct needle *last, *first;

		if (!may_begin(n, text.p + at))
			continue;
		last = longest_at(n, rest_of(n, text, at));
		if (!last)
			continue;
		first = last;
		while (first > n->needle && same_text(first - 1, last))
			first--;
		*out = (struct needle_match){ at, last->n, first, (size_t)(last - first) + 1 };
		return true;
	}
	return false;
}

/* Is text a beginning of a longer needle? */
static bool
is_cut(const struct needles *n, struct span text)
{
	size_t i = count_up_to(n, text);

	return i < n->count && n->needle[i].n > text.n &&
	       memcmp(n->needle[i].p, text.p, text.n) == 0;
}

size_t
needles_cut(const struct needles *n, struct span text, size_t from)
{
	size_t at = from;

	if (n->longest < text.n && text.n - n->longest > at)
		at = text.n - n->longest;
	for (; at < text.n; at++) {
		struct span rest = { text.p + at, text.n - at };

		if ((rest.n < NEEDLE_SHORTEST || may_begin(n, rest.p)) && is_cut(n, rest))
			break;
	}
	return at;
}
