/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What content.c and stamp.c share: numbers and bytes, the keys derived for each, and the header
 * both files begin with. For those two alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "core/snapshot/moment.h"
#include "core/snapshot/snap.h"

#define SNAP_MAGIC_SIZE  8
#define SNAP_HEADER_SIZE 138 /* without the URL behind it */
#define SNAP_MAX_AGO_MS  ((int64_t)100 * 365 * 24 * 60 * 60 * 1000)
#define SNAP_DAMAGED     "it is damaged or was tampered with"

extern const char snap_snapshot_magic[SNAP_MAGIC_SIZE];
extern const char snap_stamp_magic[SNAP_MAGIC_SIZE];

/* What both files begin with. */
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

/* A place in a text; what runs over its end sticks. */
struct snap_cursor {
	const uint8_t *p;
	size_t n;
	bool over;
};

void snap_put(struct buf *b, uint64_t v, size_t bytes);
const uint8_t *snap_take(struct snap_cursor *c, size_t n); /* NULL: it ran over the end */
uint64_t snap_get(struct snap_cursor *c, size_t bytes);
void snap_get_bytes(struct snap_cursor *c, void *out, size_t n);

/* Puts the sentence in why and returns the error. */
int snap_refuse(char *why, int error, const char *fmt, ...) PRINTF(3, 4);

/* The key for files with this magic. */
void snap_derive(uint8_t out[static SEAL_KEY_SIZE], const uint8_t master[static SEAL_KEY_SIZE],
    const char *magic);

void snap_header_write(struct buf *b, const struct snap_header *h, const struct snap_owner *owner,
    const uint8_t key[static SEAL_KEY_SIZE]);
/*
 * Everything a header can say by itself, before anything is opened; h->magic says what it must be.
 * *key: the master key to use. 0 or -errno with why.
 */
MUST_CHECK int snap_header_read(struct snap_header *h, struct snap_cursor *c,
    const struct snap_owner *owner, const struct snap_keys *keys, const uint8_t **key, char *why);
