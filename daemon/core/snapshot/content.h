/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation as sealed bytes for the disk, and back; and the stamp beside it.
 *
 * The snapshot holds the records and is written when they change. The stamp is small and renewed now
 * and then: which snapshot it is about, when that was last confirmed, since when the manager refuses,
 * when the next sync is due, and until when the manager wants none. Both are sealed with keys derived from a master key that must not lie
 * beside them; their headers are authenticated and bind them to one organization and one Deployment or
 * Workspace. What can not be protected here: somebody may put back an older pair.
 *
 * No file is opened, no clock is read. Writing goes piece by piece, so that a loop may do it between
 * its turns; reading is done before there is anybody to wait, and piece by piece too: no more of a file
 * than one is in memory.
 *
 * A snapshot, little-endian: the header (snap_header_write() in snaphead.c), then pieces: each the length of
 * what follows (4 bytes) and a sealed run of whole records. A piece is authenticated with the header's
 * hash, its number, and whether it is the last. A stamp: the same header, and one sealed body.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/seal.h"
#include "core/generation.h"
#include "core/replica.h"
#include "core/snapshot/moment.h"

#define SNAPSHOT_ID_SIZE     16
#define SNAPSHOT_URL_SIZE    256
#define SNAPSHOT_WHY_SIZE    256
#define SNAPSHOT_PIECE_BYTES (64 * 1024) /* of records in a piece; a larger record has its own */

/* Whose data it is. Of deployment and workspace one is NULL. */
struct snapshot_owner {
	const char *organization, *deployment, *workspace;
};

struct snapshot_keys {
	const uint8_t
	    *newest; /* SEAL_KEY_SIZE bytes each; what is written is sealed with this one */
	const uint8_t *previous; /* NULL: none; may still open what it sealed */
};

struct snapshot_about {
	uint8_t id[SNAPSHOT_ID_SIZE]; /* random, new for each content */
	uint64_t generation;
	struct moment written;
	int64_t confirmed_ago_ms; /* before it was written */
	char
	    url[SNAPSHOT_URL_SIZE]; /* of the manager it came from: noted for people, not checked */
};

struct snapshot_stamp {
	uint8_t id[SNAPSHOT_ID_SIZE]; /* of the snapshot it speaks of */
	uint64_t generation;
	struct moment written;
	int64_t confirmed_ago_ms;
	int64_t refused_ago_ms; /* since when the manager refuses; < 0: it does not */
	int64_t due_in_ms;      /* the next sync; may be < 0: it was late */
	int64_t floor_in_ms;    /* none before (Retry-After); <= 0: the manager did not say so */
};

/* What a running replica's times are at this moment; a content's id is drawn anew. */
void snapshot_about_fill(struct snapshot_about *out, const struct replica_memory *memory,
    const struct moment *now, const char *url);
void snapshot_stamp_fill(struct snapshot_stamp *out, const uint8_t id[static SNAPSHOT_ID_SIZE],
    const struct replica_memory *memory, const struct moment *now);

struct snapshot_writer;

/* Takes a reference to g. 0 or -ENOMEM. */
MUST_CHECK int snapshot_writer_new(struct snapshot_writer **out, struct generation *g,
    const struct snapshot_about *about, const struct snapshot_owner *owner,
    const struct snapshot_keys *keys);
/*
 * Appends the file's next bytes (the header, then a piece a call). 1: there is more; 0: that was the last;
 * or out's error, or -ENOMEM.
 */
MUST_CHECK int snapshot_writer_step(struct snapshot_writer *w, struct buf *out);
size_t snapshot_writer_left(const struct snapshot_writer *w); /* bytes that are still to come */
struct snapshot_writer *snapshot_writer_free(struct snapshot_writer *w); /* returns NULL */

/* A file's bytes, from its first to its last. */
struct snapshot_source {
	void *env;
	size_t size; /* of all of it */
	/* Exactly the next n. 0; -EBADMSG: there are not as many; -EIO. */
	int (*read)(void *env, void *to, size_t n);
};

/*
 * The whole file -> a generation of the caller's, its held values dated on the boot clock of `now`. 0; or
 * with a sentence in why: -EBADMSG (no snapshot, another format, truncated, tampered with), -ENOKEY,
 * -EPERM (of another owner, or memory that can not be locked), -ERANGE (from the future), -EMSGSIZE,
 * -ENOMEM, -EIO.
 */
MUST_CHECK int snapshot_read(struct generation **out, struct snapshot_about *about,
    const struct snapshot_source *file, const struct snapshot_owner *owner,
    const struct snapshot_keys *keys, const struct moment *now, enum arena_lock lock,
    size_t max_bytes, char why[static SNAPSHOT_WHY_SIZE]);

/* Appends a stamp to out. */
void snapshot_stamp_write(struct buf *out, const struct snapshot_stamp *stamp,
    const struct snapshot_owner *owner, const struct snapshot_keys *keys);
/* 0, or as snapshot_read(). */
MUST_CHECK int snapshot_stamp_read(struct snapshot_stamp *out, struct span file,
    const struct snapshot_owner *owner, const struct snapshot_keys *keys,
    char why[static SNAPSHOT_WHY_SIZE]);

/*
 * For a run without data: the time on the boot clock of `now` before which no sync may start; not after
 * `now`: there is none, or the stamp comes from the future.
 */
int64_t snapshot_stamp_floor(const struct snapshot_stamp *stamp, const struct moment *now);

/*
 * What a snapshot and its stamp (NULL: none) say, on the boot clock of `now`. A stamp that speaks of
 * another snapshot still tells of refusals and of the next sync. 0; -ERANGE: from the future; -ESTALE:
 * older than max_stale_ms; with a sentence in why.
 */
MUST_CHECK int snapshot_recall(struct replica_memory *out, const struct snapshot_about *about,
    const struct snapshot_stamp *stamp, const struct moment *now, int64_t max_stale_ms,
    char why[static SNAPSHOT_WHY_SIZE]);
