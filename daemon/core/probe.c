/* SPDX-License-Identifier: Apache-2.0 */
#include "core/probe.h"

#include <string.h>

#include "base/rnd.h"

void
probes_init(struct probes *p)
{
	memset(p, 0, sizeof *p);
	rnd_bytes(p->key, sizeof p->key);
}

/* Keys with equal hashes count as one key; then only one of them is probed. */
static uint64_t
hash_of(const struct probes *p, enum record_kind kind, struct span key)
{
	return hash_short(p->key, key.p, key.n) ^ (uint64_t)kind;
}

/* Returns when the key was probed last; 0: never, or forgotten. */
static int64_t
probed_at(const struct probes *p, uint64_t hash)
{
	for (size_t i = 0; i < PROBE_REMEMBERED; i++)
		if (p->done[i].at_ms && p->done[i].hash == hash)
			return p->done[i].at_ms;
	return 0;
}

bool
probes_wait(const struct probes *p)
{
	for (size_t i = 0; i < PROBE_MISSES; i++)
		if (p->miss[i].n)
			return true;
	return false;
}

/* Returns the entry of this key, or a free one, or the oldest. */
static struct probe_miss *
place_for(struct probes *p, uint64_t hash)
{
	struct probe_miss *best = &p->miss[0];

	for (size_t i = 0; i < PROBE_MISSES; i++)
		if (p->miss[i].n && p->miss[i].hash == hash)
			return &p->miss[i];
	for (size_t i = 0; i < PROBE_MISSES; i++) {
		struct probe_miss *m = &p->miss[i];

		if (!m->n)
			return m;
		if (m->order < best->order)
			best = m;
	}
	return best;
}

bool
probes_note(struct probes *p, int64_t now_ms, enum record_kind kind, struct span key)
{
	bool first = !probes_wait(p);
	struct probe_miss *m;
	uint64_t hash;
	int64_t at;

	if (key.n == 0 || key.n > sizeof m->key)
		return false;
	hash = hash_of(p, kind, key);
	at = probed_at(p, hash);
	if (at && now_ms - at < PROBE_AGAIN_MS)
		return false;
	m = place_for(p, hash);
	m->kind = (uint8_t)kind;
	m->known = at != 0;
	m->n = key.n;
	m->order = ++p->misses;
	m->hash = hash;
	memcpy(m->key, key.p, key.n);
	return first;
}

/* Remembers the key as probed. False if all entries are too recent to be replaced. */
static bool
remember(struct probes *p, int64_t now_ms, uint64_t hash)
{
	size_t oldest = 0;

	for (size_t i = 0; i < PROBE_REMEMBERED; i++) {
		if (p->done[i].at_ms && p->done[i].hash == hash) {
			oldest = i;
			break;
		}
		if (p->done[i].at_ms < p->done[oldest].at_ms)
			oldest = i;
	}
	if (p->done[oldest].at_ms && now_ms - p->done[oldest].at_ms < PROBE_AGAIN_MS)
		return false;
	p->done[oldest].hash = hash;
	p->done[oldest].at_ms = now_ms;
	return true;
}

bool
probes_take(struct probes *p, int64_t now_ms, enum record_kind *kind, struct span *key)
{
	struct probe_miss *best = NULL;

	for (size_t i = 0; i < PROBE_MISSES; i++) {
		struct probe_miss *m = &p->miss[i];

		if (m->n && (!best || m->known < best->known ||
				(m->known == best->known && m->order > best->order)))
			best = m;
	}
	if (!best || !remember(p, now_ms, best->hash))
		return false;
	*kind = (enum record_kind)best->kind;
	*key = (struct span){ best->key, best->n };
	best->n = 0;
	return true;
}

void
probes_settle(struct probes *p, uint64_t upto)
{
	for (size_t i = 0; i < PROBE_MISSES; i++)
		if (p->miss[i].order <= upto)
			p->miss[i].n = 0;
}
