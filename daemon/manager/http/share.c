/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/http/share.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"

#define N_BUCKETS    1024 /* a power of two; there are at most as many callers as connections */
#define OWNER_PART   8
#define ADDRESS_PART 4

struct share {
	struct share *next; /* in its bucket */
	struct shares *all;
	enum share_caller what;
	struct share_key key;
	unsigned refs;
	size_t used[SHARE_N_KINDS];
};

struct shares {
	struct share *buckets[N_BUCKETS];
	uint8_t hash_key[HASH_SHORT_KEY_SIZE];
	size_t used[SHARE_N_KINDS];
	size_t by_addresses[SHARE_N_KINDS];
};

struct shares *
shares_new(void)
{
	struct shares *s = mem_zalloc(sizeof *s);

	if (s)
		rnd_bytes(s->hash_key, sizeof s->hash_key);
	return s;
}

struct shares *
shares_free(struct shares *s)
{
	mem_free(s);
	return NULL;
}

static struct share **
bucket_of(struct shares *s, const struct share_key *key)
{
	return &s->buckets[hash_short(s->hash_key, key->bytes, SHARE_KEY_SIZE) % N_BUCKETS];
}

bool
share_is(const struct share *one, enum share_caller what, const struct share_key *key)
{
	return one->what == what && !memcmp(&one->key, key, sizeof *key);
}

struct share *
share_of(struct shares *s, enum share_caller what, const struct share_key *key)
{
	struct share **bucket = bucket_of(s, key), *one;

	for (one = *bucket; one; one = one->next)
		if (share_is(one, what, key))
			return share_ref(one);
	one = mem_zalloc(sizeof *one);
	if (!one)
		return NULL;
	one->all = s;
	one->what = what;
	one->key = *key;
	one->refs = 1;
	one->next = *bucket;
	*bucket = one;
	return one;
}

struct share *
share_ref(struct share *one)
{
	one->refs++;
	return one;
}

struct share *
share_unref(struct share *one)
{
	struct share **at;

	if (!one || --one->refs)
		return NULL;
	for (int kind = 0; kind < SHARE_N_KINDS; kind++)
		if (one->used[kind])
			abort();
	for (at = bucket_of(one->all, &one->key); *at != one;)
		at = &(*at)->next;
	*at = one->next;
	mem_free(one);
	return NULL;
}

void
share_add(struct share *one, enum share_kind kind, size_t n)
{
	one->used[kind] += n;
	one->all->used[kind] += n;
	if (one->what == SHARE_ADDRESS)
		one->all->by_addresses[kind] += n;
}

void
share_sub(struct share *one, enum share_kind kind, size_t n)
{
	if (one->used[kind] < n)
		abort();
	one->used[kind] -= n;
	one->all->used[kind] -= n;
	if (one->what == SHARE_ADDRESS)
		one->all->by_addresses[kind] -= n;
}

size_t
share_used(const struct share *one, enum share_kind kind)
{
	return one->used[kind];
}

size_t
shares_used(const struct shares *s, enum share_kind kind)
{
	return s->used[kind];
}

size_t
share_weight(const struct share *one, enum share_kind kind, size_t more, size_t room)
{
	size_t used = one->used[kind] + more, kept = room / OWNER_PART;

	switch (one->what) {
	case SHARE_OWNER:
		return used > kept ? used - kept : 0;
	case SHARE_ADDRESS:
		return one->all->by_addresses[kind] > room / ADDRESS_PART ? room + used : used;
	case SHARE_FAMILY:
		break;
	}
	return used;
}
