/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation as sealed bytes for the disk, and back.
 *
 * The content holds the records and is written when they change. It is sealed with a key derived
 * from a master key that must not lie beside it; its header is authenticated and binds it to one
 * organization and one Deployment or Workspace. Not protected: somebody may put back an older file.
 *
 * No file is opened, no clock is read. Writing goes piece by piece, so that the loop can do it
 * between its turns. Reading happens before there is a client to wait, and holds one piece in
 * memory at a time.
 *
 * The format, little-endian: the header (header.c), then pieces. A piece is the length of what
 * follows (4 bytes) and a sealed run of whole records, authenticated with the header's hash, the
 * piece's number, and whether it is the last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "core/generation.h"
#include "core/replica.h"
#include "core/snapshot/moment.h"
#include "core/snapshot/snap.h"

#define CONTENT_PIECE_BYTES (64 * 1024) /* of records in a piece; a larger record has its own */

struct content_about {
	uint8_t id[SNAP_ID_SIZE]; /* random, new for each content */
	uint64_t generation;
	struct moment written;
	int64_t confirmed_ago_ms; /* before it was written */
	char url[SNAP_URL_SIZE];  /* of the manager it came from: noted for people, not checked */
};

/* Describes what a running replica holds at this moment; draws a new id. */
void content_about_fill(struct content_about *out, const struct replica_memory *memory,
    const struct moment *now, const char *url);

struct content_writer;

/* Takes a reference to g. 0 or -ENOMEM. */
MUST_CHECK int content_writer_new(struct content_writer **out, struct generation *g,
    const struct content_about *about, const struct snap_owner *owner,
    const struct snap_keys *keys);
/*
 * Appends the file's next bytes: the header, then a piece a call. 1: there is more; 0: that was the
 * last; out's error, or -ENOMEM.
 */
MUST_CHECK int content_writer_step(struct content_writer *w, struct buf *out);
size_t content_writer_left(const struct content_writer *w);           /* bytes still to come */
struct content_writer *content_writer_free(struct content_writer *w); /* returns NULL */

/* A file's bytes, from its first to its last. */
struct content_source {
	void *env;
	size_t size; /* of all of it */
	/* Reads exactly the next n. 0; -EBADMSG: there are not as many; -EIO. */
	int (*read)(void *env, void *to, size_t n);
};

/*
 * Reads a whole file into a generation of the caller's; its held values are dated on the boot clock
 * of `now`. 0; or with a sentence in why: -EBADMSG (not a snapshot, another format, truncated,
 * tampered with), -ENOKEY, -EPERM (another owner's, or memory that cannot be locked), -ERANGE (from
 * the future), -EMSGSIZE, -ENOMEM, -EIO.
 */
MUST_CHECK int content_read(struct generation **out, struct content_about *about,
    const struct content_source *file, const struct snap_owner *owner, const struct snap_keys *keys,
    const struct moment *now, enum arena_lock lock, size_t max_bytes,
    char why[static SNAP_WHY_SIZE]);
