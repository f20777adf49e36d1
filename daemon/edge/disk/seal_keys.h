/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the snapshot, in locked memory. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/why.h"
#include "core/config/config.h"

struct seal_keys {
	struct arena *arena; /* NULL: no keys */
	uint8_t *newest;     /* SEAL_KEY_SIZE bytes */
	uint8_t *previous;   /* only for reading, after a key change; NULL: none */
};

/*
 * Reads the keys of [snapshot], or the systemd credential snapshot-key. 0, or -errno with a
 * sentence in why: -ENOKEY if no key is configured, -EINVAL if the key is in the snapshot's
 * directory.
 */
MUST_CHECK int seal_keys_read(struct seal_keys *out, const struct config *config, struct why *why);
/* Wipes the keys. Returns an empty struct. */
struct seal_keys seal_keys_free(struct seal_keys k);
