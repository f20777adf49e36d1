/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which missing key is worth asking the manager for, behind the answer that it is not there: so that
 * the next question finds a connection that was made a moment ago. One key in a while, whatever was
 * asked; each key once in five minutes, those never probed before the others. A storm of
 * unknown keys costs some fixed memory here and the manager nothing.
 *
 * Keys are no secrets, so they live in plain memory. Nothing here allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/span.h"
#include "core/generation.h"

#define PROBE_AGAIN_MS   (5 * 60 * 1000) /* the same key */
#define PROBE_MISSES     16  /* the last ones; older ones are asked for again, or were not meant */
#define PROBE_REMEMBERED 512 /* keys probed; when all are young, no new one is */

struct probe_miss {
	uint8_t kind;
	bool known; /* probed before, but long ago */
	size_t n;   /* of key; 0: free */
	uint64_t order;
	uint64_t hash;
	char key[GENERATION_MAX_KEY];
};

struct probes {
	uint8_t key[HASH_SHORT_KEY_SIZE];
	uint64_t misses; /* noted so far */
	struct probe_miss miss[PROBE_MISSES];
	struct {
		uint64_t hash;
		int64_t at_ms; /* 0: free */
	} done[PROBE_REMEMBERED];
};

void probes_init(struct probes *p);
/* A key was asked for that is not there. True: it is the first that waits to be probed. */
bool probes_note(struct probes *p, int64_t now_ms, enum record_kind kind, struct span key);
bool probes_wait(const struct probes *p); /* is any key waiting? */
/*
 * Takes the key to probe now and remembers that it was. False: none is left. *key is valid until the
 * next call.
 */
bool probes_take(struct probes *p, int64_t now_ms, enum record_kind *kind, struct span *key);
/* A whole list answers for all keys that were missed before it began: when p->misses was `upto`. */
void probes_settle(struct probes *p, uint64_t upto);
