/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content file of a snapshot: a generation as encrypted bytes.
 *
 * The file holds the records and is written when they change. It is sealed with a key derived from
 * a master key, which must not be stored beside it. Its header is authenticated and binds it to one
 * organization and one Deployment or Workspace. An older authentic file is not detected.
 *
 * This module opens no files and reads no clocks. It writes piece by piece, so that the loop can do
 * other work in between. It reads at start, before there are clients, with one piece in memory at a
 * time.
 *
 * The format, little-endian: the header (header.c), then pieces. A piece is a length (4 bytes) and
 * that many bytes: a sealed run of whole records, authenticated together with the header's hash,
 * the number of the piece, and whether it is the last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "core/generation.h"
#include "core/replica.h"
#include "core/snapshot/moment.h"
#include "core/snapshot/snap.h"

#define CONTENT_PIECE_BYTES (64 * 1024) /* of records in a piece; a larger record is one piece */

struct content_about {
	uint8_t id[SNAP_ID_SIZE]; /* random, new for each file */
	uint64_t generation;
	struct moment written;
	int64_t confirmed_ago_ms; /* age of the confirmation when written */
	char url[SNAP_URL_SIZE];  /* of the manager; for people, not checked */
};

/* Fills *out for the data of a running replica. Draws a new id. */
void content_about_fill(struct content_about *out, const struct replica_memory *memory,
    const struct moment *now, const char *url);

struct content_writer;

/* Makes a writer for g, and takes a reference to g. 0 or -ENOMEM. */
MUST_CHECK int content_writer_new(struct content_writer **out, struct generation *g,
    const struct content_about *about, const struct snap_owner *owner,
    const struct snap_keys *keys);
/*
 * Appends the next bytes of the file to out: first the header, then one piece per call. Returns 1
 * if there is more, 0 after the last piece, out's error, or -ENOMEM.
 */
MUST_CHECK int content_writer_step(struct content_writer *w, struct buf *out);
size_t content_writer_left(const struct content_writer *w); /* bytes not yet written */
/* Drops the reference to the generation. w may be NULL. Returns NULL. */
struct content_writer *content_writer_free(struct content_writer *w);

/* Reads a file from start to end. */
struct content_source {
	void *env;
	size_t size; /* of the whole file */
	/* Reads exactly the next n bytes. 0; -EBADMSG if the file ends before; -EIO. */
	int (*read)(void *env, void *to, size_t n);
};

/*
 * Reads a whole file into a new generation, which the caller owns. The times of held values are on
 * the boot clock of `now`. Returns 0, or with a sentence in why: -EBADMSG (not a snapshot, another
 * format, truncated, tampered with), -ENOKEY, -EPERM (of another owner, or memory cannot be
 * locked), -ERANGE (from the future), -EMSGSIZE, -ENOMEM, -EIO.
 */
MUST_CHECK int content_read(struct generation **out, struct content_about *about,
    const struct content_source *file, const struct snap_owner *owner, const struct snap_keys *keys,
    const struct moment *now, enum arena_lock lock, size_t max_bytes, struct why *why);
