/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stamp beside a content: small, and renewed now and then. It says which content it speaks of,
 * when that was last confirmed, since when the manager refuses, when the next sync is due, and
 * which Retry-After is in force.
 *
 * The format: the same header as a content, and one sealed body. No file is opened, no clock is
 * read.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "core/replica.h"
#include "core/snapshot/content.h"
#include "core/snapshot/moment.h"
#include "core/snapshot/snap.h"

struct stamp {
	uint8_t id[SNAP_ID_SIZE]; /* of the content it speaks of */
	uint64_t generation;
	struct moment written;
	int64_t confirmed_ago_ms;
	int64_t refused_ago_ms; /* since when the manager refuses; < 0: it does not */
	int64_t due_in_ms;      /* the next sync; may be < 0: it was late */
	int64_t floor_in_ms;    /* until a Retry-After ends; <= 0: none is in force */
	uint8_t identity[REPLICA_IDENTITY_SIZE]; /* of the client that Retry-After was sent to */
};

/* Describes a running replica at this moment. */
void stamp_fill(struct stamp *out, const uint8_t id[static SNAP_ID_SIZE],
    const struct replica_memory *memory, const struct moment *now);
/* Appends the stamp to out; a failure sticks there. */
void stamp_write(struct buf *out, const struct stamp *stamp, const struct snap_owner *owner,
    const struct snap_keys *keys);
/* 0, or as content_read() with a sentence in why. */
MUST_CHECK int stamp_read(struct stamp *out, struct span file, const struct snap_owner *owner,
    const struct snap_keys *keys, char why[static SNAP_WHY_SIZE]);

/*
 * For a run without data: the Retry-After on the boot clock of `now`. A stamp that comes from the
 * future has none.
 */
struct replica_floor stamp_floor(const struct stamp *stamp, const struct moment *now);

/*
 * What a content and its stamp (NULL: none) say, on the boot clock of `now`. A stamp that speaks of
 * another content still counts for refusals and the next sync. 0; -ERANGE: from the future;
 * -ESTALE: older than max_stale_ms; with a sentence in why.
 */
MUST_CHECK int stamp_recall(struct replica_memory *out, const struct content_about *about,
    const struct stamp *stamp, const struct moment *now, int64_t max_stale_ms,
    char why[static SNAP_WHY_SIZE]);
