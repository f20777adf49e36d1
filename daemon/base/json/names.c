/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/names.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json/scan_internal.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rnd.h"

/*
 * A name and the object it belongs to; objects are numbered in the order of the text. The hash is
 * keyed with a random key of this check, so that a client cannot choose colliding names.
 */
struct named {
	uint64_t hash;
	uint32_t object;
	struct span raw;
};

struct check {
	uint8_t key[HASH_SHORT_KEY_SIZE];
	struct buf text; /* one decoded name */
	struct named *all;
	size_t n;
};

/* The containers open at a byte, by object number; an array has number 0. */
struct nesting {
	uint32_t objects[LIMIT_JSON_DEPTH + 1];
	size_t depth;
	uint32_t n_objects;
	bool name_is_next;
};

static void
step(struct nesting *in, char c)
{
	switch (c) {
	case '{':
		in->objects[++in->depth] = ++in->n_objects;
		break;
	case '[':
		in->objects[++in->depth] = 0;
		break;
	case '}':
	case ']':
		in->depth--;
		break;
	}
	if (!is_space(c))
		in->name_is_next = (c == '{' || c == ',') && in->objects[in->depth];
}

/* Calls found() for each name. Stops and returns its result when that is not 0. */
static int
each_name(struct span text, int (*found)(struct check *c, uint32_t object, struct span raw),
    struct check *c)
{
	struct nesting in = { 0 };
	const char *p = text.p, *end = text.p + text.n;
	int r = 0;

	while (p < end && r == 0) {
		const char *next = *p == '"' ? scan_after_string(p) : p + 1;

		if (*p == '"' && in.name_is_next)
			r = found(c, in.objects[in.depth],
			    (struct span){ p + 1, (size_t)(next - p) - 2 });
		step(&in, *p);
		p = next;
	}
	return r;
}

static int
count_name(struct check *c, uint32_t object, struct span raw)
{
	(void)object;
	(void)raw;
	c->n++;
	return 0;
}

static int
add_name(struct check *c, uint32_t object, struct span raw)
{
	struct named *n = &c->all[c->n++];
	int r = 0;

	*n = (struct named){ .object = object, .raw = raw };
	if (!memchr(raw.p, '\\', raw.n)) {
		n->hash = hash_short(c->key, raw.p, raw.n);
		return 0;
	}
	buf_reset(&c->text);
	r = scan_name_text(raw, &c->text);
	if (r == 0)
		n->hash = hash_short(c->key, buf_str(&c->text), c->text.len);
	return r;
}

static int
compare(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int
find_twins(struct check *c, struct span *name)
{
	qsort(c->all, c->n, sizeof *c->all, compare);
	for (size_t i = 1; i < c->n; i++) {
		if (compare(&c->all[i], &c->all[i - 1]) == 0) {
			*name = c->all[i].raw;
			return -EEXIST;
		}
	}
	return 0;
}

int
json_names_once(struct span text, struct span *name)
{
	struct check c = { .text = BUF_INIT(text.n + 1) };
	int r;

	rnd_bytes(c.key, sizeof c.key);
	(void)each_name(text, count_name, &c); /* counting cannot fail */
	c.all = mem_calloc(c.n, sizeof *c.all);
	if (!c.all)
		return -ENOMEM;
	c.n = 0;
	r = each_name(text, add_name, &c);
	if (r == -EILSEQ)
		*name = c.all[c.n - 1].raw;
	if (r == 0)
		r = find_twins(&c, name);
	buf_fini(&c.text);
	mem_free(c.all);
	return r;
}
