/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot's keys, in locked memory. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "core/config/config.h"

#define SEAL_KEYS_WHY_SIZE 512

struct seal_keys {
	struct arena *arena; /* NULL: none were read */
	uint8_t *newest;     /* SEAL_KEY_SIZE bytes */
	uint8_t *previous;   /* only opens what an earlier key has sealed; NULL: there is none */
};

/*
 * Reads the keys that [snapshot] names, or the systemd credential snapshot-key. 0, or -errno with a
 * sentence in why: -ENOKEY when none is named, -EINVAL when the key lies beside the snapshot.
 */
MUST_CHECK int seal_keys_read(
    struct seal_keys *out, const struct config *config, char why[static SEAL_KEYS_WHY_SIZE]);
/* Wipes them. Returns empty ones. */
struct seal_keys seal_keys_free(struct seal_keys k);
