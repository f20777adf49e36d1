/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key-encryption key, and envelopes under it.
 *
 * An envelope is kind | key id | wrapped data key | sealed text: each text has a random key of its
 * own, which is sealed under the key-encryption key. Both layers are bound to `ad`, which names
 * the row, column and version, so that no text can be moved to another place. The key comes from a
 * file, never from the database beside which it may lie, and stays in locked memory.
 *
 * Envelopes of the first kind are those of stores whose rows had no MACs (row_mac.h). They are
 * opened for the migration of such a store alone; the wrapping is bound to the kind, so that none
 * can be made of a present one.
 *
 * While a key is being changed there are two: envelopes are made with the current one, rewrapped
 * with the new one, and opened with the one they name. When the key is ours to keep
 * (DIR/manager.key), the new one waits in DIR/manager.key.new until everything is wrapped with it;
 * when a process ended in between, keys_settle() completes or undoes the change at the next start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/span.h"
#include "base/why.h"

struct keys;

#define KEYS_ID_SIZE  8
#define KEYS_OVERHEAD (1 + KEYS_ID_SIZE + SEAL_KEY_SIZE + SEAL_OVERHEAD + SEAL_OVERHEAD)

/*
 * Reads the key for a data directory: key_file if given (may be NULL), else
 * $CREDENTIALS_DIRECTORY/manager-key when there is one, else DIR/manager.key. -ENOENT and others
 * with `why`, which says "key".
 */
MUST_CHECK int keys_load(struct keys **out, const char *dir, const char *key_file, struct why *why);
/*
 * Makes DIR/manager.key (0600) with a fresh key unless a key is given by one of the other two
 * ways.
 */
MUST_CHECK int keys_make(struct keys **out, const char *dir, const char *key_file, struct why *why);
MUST_CHECK struct keys *keys_from_bytes(
    const uint8_t key[static SEAL_KEY_SIZE]); /* NULL: out of memory */
struct keys *keys_free(struct keys *k);

/*
 * Other managers use the database, too, and may change its key: a key that is not known is read
 * again from the key's file.
 */
void keys_share(struct keys *k);

/*
 * Append to out; the cap is out's. 0 or -errno; -EBADMSG: wrong key or kind, moved or damaged.
 * -EKEYREJECTED, after keys_share(): it names a key that we have not got.
 */
MUST_CHECK int keys_seal(const struct keys *k, struct span ad, struct span text, struct buf *out);
MUST_CHECK int keys_open(
    const struct keys *k, struct span ad, struct span envelope, struct buf *out);
/* The same for envelopes of the first kind. */
MUST_CHECK int keys_open_first(
    const struct keys *k, struct span ad, struct span envelope, struct buf *out);
/* Opens an envelope of the first kind and seals its text again, with a new data key. */
MUST_CHECK int keys_reseal(
    const struct keys *k, struct span ad, struct span envelope, struct buf *out);
/* True if it is an envelope of the first kind. */
bool keys_is_first(struct span envelope);

/*
 * Makes the key that sealed this envelope the current one (-EKEYREJECTED: we have not got it), and
 * the files agree with that. For the start, with an envelope that a rotation changes like all
 * others.
 */
MUST_CHECK int keys_settle(struct keys *k, struct span envelope);
/*
 * Begins a rotation: a fresh key, or the one in new_key_file (not NULL when the present one is not
 * ours to keep), is the one that keys_rewrap() wraps with, and both open. -errno with `why`.
 */
MUST_CHECK int keys_rotate(struct keys *k, const char *new_key_file, struct why *why);
/*
 * Everything is wrapped with the new key: it becomes current, and its file takes the place of the
 * old one's. 0 or -errno; the key is in use anyway.
 */
MUST_CHECK int keys_rotated(struct keys *k);
/* The rotation failed: the new key goes, with its file. */
void keys_rotate_undo(struct keys *k);
/* It is not known whether it failed: both keys stay until keys_follow() finds out. */
void keys_rotate_unknown(struct keys *k);
/*
 * After keys_share(): makes the key that sealed this envelope the current one. is_settled: no
 * rotation is being committed. 0, 1: it has become that now, or -errno; -EKEYREJECTED: we have not
 * got it.
 */
MUST_CHECK int keys_follow(struct keys *k, struct span envelope, bool is_settled);
/*
 * Appends the envelope with its data key wrapped under the current key, or in a rotation the new
 * one. -EBADMSG as keys_open().
 */
MUST_CHECK int keys_rewrap(
    const struct keys *k, struct span ad, struct span envelope, struct buf *out);
/* The current key's public name: 16 hex digits and a NUL. */
void keys_name(const struct keys *k, char out[static 2 * KEYS_ID_SIZE + 1]);
