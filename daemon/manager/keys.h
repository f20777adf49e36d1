/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key-encryption key, and envelopes under it.
 *
 * An envelope is version | key id | wrapped data key | sealed text: each text has a random key of its own,
 * which is sealed under the key-encryption key. Both layers are bound to `ad`, which names the row, column
 * and version, so that no text can be moved to another place. The key comes from a file, never
 * from the database beside which it may lie.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/jtext.h"

struct keys;

#define KEYS_ID_SIZE  8
#define KEYS_OVERHEAD (1 + KEYS_ID_SIZE + SEAL_KEY_SIZE + SEAL_OVERHEAD + SEAL_OVERHEAD)

/*
 * The key for a data directory: key_file when given (may be NULL), else $CREDENTIALS_DIRECTORY/manager-key
 * when there is one, else DIR/manager.key. -ENOENT and others with `why`, which says "key".
 */
MUST_CHECK int keys_load(
    struct keys **out, const char *dir, const char *key_file, char why[static FILE_WHY_SIZE]);
/* Makes DIR/manager.key (0600) with a fresh key unless a key is given by one of the other two ways. */
MUST_CHECK int keys_make(
    struct keys **out, const char *dir, const char *key_file, char why[static FILE_WHY_SIZE]);
MUST_CHECK struct keys *keys_from_bytes(
    const uint8_t key[static SEAL_KEY_SIZE]); /* NULL: no memory */
struct keys *keys_free(struct keys *k);

/* Append to out; the cap is out's. 0 or -errno; -EBADMSG: wrong key, moved or damaged. */
MUST_CHECK int keys_seal(const struct keys *k, struct span ad, struct span text, struct buf *out);
MUST_CHECK int keys_open(
    const struct keys *k, struct span ad, struct span envelope, struct buf *out);
