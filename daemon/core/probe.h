/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses which missing key to probe for: to ask the manager for it after a lookup has returned
 * NotFound, so that the next lookup finds a connection created a moment ago. The caller probes one
 * key at a time, rarely. Each key is probed at most once in five minutes; keys never probed come
 * first. However many unknown keys clients look up, memory is fixed and the manager is not loaded.
 *
 * Keys are not secret, so they are kept in plain memory. Nothing here allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/span.h"
#include "core/generation.h"

#define PROBE_AGAIN_MS   (5 * 60 * 1000) /* between probes for the same key */
#define PROBE_MISSES     16              /* missing keys that wait for a probe; newer ones win */
#define PROBE_REMEMBERED 512             /* probed keys; while all are recent, no new key is */

struct probe_miss {
	uint8_t kind;
	bool known; /* probed before, more than PROBE_AGAIN_MS ago */
	size_t n;   /* length of key; 0: free */
	uint64_t order;
	uint64_t hash;
	char key[GENERATION_MAX_KEY];
};

struct probes {
	uint8_t key[HASH_SHORT_KEY_SIZE];
	uint64_t misses; /* number of noted misses */
	struct probe_miss miss[PROBE_MISSES];
	struct {
		uint64_t hash;
		int64_t at_ms; /* 0: free */
	} done[PROBE_REMEMBERED];
};

void probes_init(struct probes *p);
/* Notes a missing key. True if no key was waiting before and this one now is. */
bool probes_note(struct probes *p, int64_t now_ms, enum record_kind kind, struct span key);
bool probes_wait(const struct probes *p); /* true if a key waits for a probe */
/*
 * Takes the key to probe now and remembers it as probed. False if there is none. *key is valid
 * until the next call.
 */
bool probes_take(struct probes *p, int64_t now_ms, enum record_kind *kind, struct span *key);
/* Drops the keys noted while p->misses was at most `upto`: a complete list has arrived since. */
void probes_settle(struct probes *p, uint64_t upto);
