/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decides access is authenticated at rest: each such row has a MAC over the members that
 * decide, under a key that is sealed in the store. Whoever edits the database file, or a backup,
 * can delete a row or bring an older one back, but cannot make one: a row whose MAC does not
 * verify counts as absent. Pure; the same for every engine.
 *
 * Not covered: names, times, revocations (undoing one in the file brings an older row back).
 *
 * A row's text is made in a buffer, which is emptied first and whose failure sticks; row_mac()
 * turns it into the MAC.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "manager/store/store.h"

#define ROW_MAC_SIZE     32
#define ROW_MAC_KEY_SIZE 32

/* A token: its id and hash, what it is for, its role, its end, its family. */
void row_text_token(
    struct buf *b, const struct store_token *t, const uint8_t jti_hash[static STORE_JTI_HASH_SIZE]);
/* A place: its id and parents, a project's Deployment, an organization's switch. */
void row_text_place(struct buf *b, const struct store_entity *e);
/*
 * An object: its id, type, key, place, state and flags; then the whole set of its links and
 * exclusions, appended one by one: all links, then all exclusions, each in the order of their
 * entities' ids.
 */
void row_text_object(struct buf *b, const struct store_object *o);
/* version: of the override, if there is one. */
void row_text_link(
    struct buf *b, enum scope scope, const struct id *entity, int64_t version, bool has_override);
void row_text_exclusion(struct buf *b, enum scope scope, const struct id *entity);

/* 0 or the buffer's error. */
MUST_CHECK int row_mac(uint8_t out[static ROW_MAC_SIZE], const uint8_t key[static ROW_MAC_KEY_SIZE],
    const struct buf *text);
