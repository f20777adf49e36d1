/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stamp file of a snapshot: small, and rewritten while the content stays the same. It names the
 * content, and says when that was last confirmed, since when the manager has refused the token,
 * when the next sync is due, and which Retry-After applies.
 *
 * The format: the header of a content, and one sealed body. This module opens no files and reads no
 * clocks.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "base/why.h"
#include "core/replica.h"
#include "core/snapshot/content.h"
#include "core/snapshot/moment.h"
#include "core/snapshot/snap.h"

struct stamp {
	uint8_t id[SNAP_ID_SIZE]; /* of the content */
	uint64_t generation;
	struct moment written; /* the times below are relative to it */
	int64_t confirmed_ago_ms;
	int64_t refused_ago_ms; /* since the manager first refused the token; < 0: it does not */
	int64_t due_in_ms;      /* until the next sync; < 0: overdue */
	int64_t floor_in_ms;    /* until a Retry-After ends; <= 0: none */
	uint8_t identity[REPLICA_IDENTITY_SIZE]; /* the identity of struct replica_floor */
};

/* Fills *out for a running replica. */
void stamp_fill(struct stamp *out, const uint8_t id[static SNAP_ID_SIZE],
    const struct replica_memory *memory, const struct moment *now);
/* Appends the stamp to out; errors stay in out. */
void stamp_write(struct buf *out, const struct stamp *stamp, const struct snap_owner *owner,
    const struct snap_keys *keys);
/* Reads a stamp. 0, or an error of content_read() with a sentence in why. */
MUST_CHECK int stamp_read(struct stamp *out, struct span file, const struct snap_owner *owner,
    const struct snap_keys *keys, struct why *why);

/*
 * Returns the stamp's Retry-After on the boot clock of `now`, for a start without data. There is
 * none if the stamp is from the future.
 */
struct replica_floor stamp_floor(const struct stamp *stamp, const struct moment *now);

/*
 * Combines a content and its stamp (NULL: no stamp) into *out, on the boot clock of `now`. The
 * stamp of another content still counts for the refusal and the next sync. 0, or with a sentence in
 * why: -ERANGE (from the future), -ESTALE (older than max_stale_ms).
 */
MUST_CHECK int stamp_recall(struct replica_memory *out, const struct content_about *about,
    const struct stamp *stamp, const struct moment *now, int64_t max_stale_ms, struct why *why);
