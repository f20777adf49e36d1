/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/names.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json/scan.h"
#include "base/mem.h"
#include "base/rnd.h"

struct check {
	uint8_t key[HASH_SHORT_KEY_SIZE];
	struct buf text; /* a name without its escapes */
	struct span *culprit;
};

/* Under a key of this check: nobody can find two names of one hash. */
struct named {
	uint64_t hash;
	struct span raw;
};

static int
compare(const void *a, const void *b)
{
	uint64_t x = ((const struct named *)a)->hash, y = ((const struct named *)b)->hash;

	return x < y ? -1 : x > y;
}

static int
hash_name(struct check *c, struct named *n)
{
	int r;

	if (!memchr(n->raw.p, '\\', n->raw.n)) {
		n->hash = hash_short(c->key, n->raw.p, n->raw.n);
		return 0;
	}
	buf_reset(&c->text);
	r = scan_name_text(n->raw, &c->text);
	if (r == 0)
		n->hash = hash_short(c->key, buf_str(&c->text), c->text.len);
	return r;
}

static int
check_object(struct check *c, struct span object)
{
	struct span at = object, name, value;
	struct named *all;
	size_t n = 0;
	int r = 0;

	while (scan_member(&at, &name, &value))
		n++;
	all = mem_calloc(n, sizeof *all);
	if (!all)
		return -ENOMEM;
	at = object;
	for (size_t i = 0; i < n && r == 0 && scan_member(&at, &all[i].raw, &value); i++) {
		r = hash_name(c, &all[i]);
		if (r < 0)
			*c->culprit = all[i].raw;
	}
	if (r == 0)
		qsort(all, n, sizeof *all, compare);
	for (size_t i = 1; i < n && r == 0; i++) {
		if (all[i].hash == all[i - 1].hash) {
			*c->culprit = all[i].raw;
			r = -EEXIST;
		}
	}
	mem_free(all);
	return r;
}

/* As deep as scan_check() lets a text be. */
static int
check_value(struct check *c, struct span v)
{
	enum scan_type type = scan_type(v);
	struct span at = v, name, child;
	int r = 0;

	if (type == SCAN_ARRAY) {
		while (r == 0 && scan_element(&at, &child))
			r = check_value(c, child);
	} else if (type == SCAN_OBJECT) {
		r = check_object(c, v);
		while (r == 0 && scan_member(&at, &name, &child))
			r = check_value(c, child);
	}
	return r;
}

int
json_names_once(struct span text, struct span *name)
{
	struct check c = { .culprit = name };
	int r;

	rnd_bytes(c.key, sizeof c.key);
	buf_init(&c.text, text.n + 1);
	r = check_value(&c, text);
	buf_fini(&c.text);
	return r;
}
