/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What content.c and stamp.c share: reading and writing numbers, key derivation, and the header
 * that both files begin with. Include it only there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/why.h"
#include "core/snapshot/moment.h"
#include "core/snapshot/snap.h"

#define SNAP_MAGIC_SIZE  8
#define SNAP_HEADER_SIZE 138 /* bytes before the URL */
#define SNAP_MAX_AGO_MS  ((int64_t)100 * 365 * 24 * 60 * 60 * 1000)
#define SNAP_DAMAGED     "the file is damaged or was tampered with"

extern const char snap_snapshot_magic[SNAP_MAGIC_SIZE];
extern const char snap_stamp_magic[SNAP_MAGIC_SIZE];

/* The header of both files. */
struct snap_header {
	const char *magic;
	uint8_t id[SNAP_ID_SIZE];
	uint64_t generation;
	struct moment written;
	int64_t confirmed_ago_ms;
	uint32_t records, pieces;
	uint64_t plain_bytes; /* of all pieces */
	char url[SNAP_URL_SIZE];
};

/* A read position. `over` is set, and stays set, when a read goes past the end. */
struct snap_cursor {
	const uint8_t *p;
	size_t n;
	bool over;
};

void snap_put(struct buf *b, uint64_t v, size_t bytes);
const uint8_t *snap_take(struct snap_cursor *c, size_t n); /* NULL past the end */
uint64_t snap_get(struct snap_cursor *c, size_t bytes);
void snap_get_bytes(struct snap_cursor *c, void *out, size_t n);

/* Writes a sentence to why and returns error. */
int snap_refuse(struct why *why, int error, const char *fmt, ...) PRINTF(3, 4);

/* Derives the key for files with this magic. */
void snap_derive(uint8_t out[static SEAL_KEY_SIZE], const uint8_t master[static SEAL_KEY_SIZE],
    const char *magic);

void snap_header_write(struct buf *b, const struct snap_header *h, const struct snap_owner *owner,
    const uint8_t key[static SEAL_KEY_SIZE]);
/*
 * Reads and checks a header before anything is decrypted. The caller sets h->magic to the expected
 * one. Sets *key to the master key to use. 0, or -errno with a sentence in why.
 */
MUST_CHECK int snap_header_read(struct snap_header *h, struct snap_cursor *c,
    const struct snap_owner *owner, const struct snap_keys *keys, const uint8_t **key,
    struct why *why);
