/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot: the encrypted copy on disk from which connd serves after a start without a manager.
 * This module holds the keys, decides when to write the content and the stamp, and loads them.
 *
 * The content is written when the data has changed; it is sealed one piece per turn of the loop, so
 * that lookups do not wait. The stamp says until when the content was confirmed. It is written at
 * most once a minute and at the end, and at once when the manager starts or stops refusing the
 * token or sends a Retry-After. Formats: core/snapshot/content.h and stamp.h; files:
 * edge/disk/disk.h.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/why.h"
#include "core/config/config.h"
#include "core/replica.h"
#include "edge/process/loop.h"

struct snapshot;

/*
 * Checks the [snapshot] section: the path is usable, and the keys are readable and in another
 * directory. 0, or -errno with a sentence in why.
 */
MUST_CHECK int snapshot_check(const struct config *config, struct why *why);

/*
 * Makes a snapshot; sets *out to NULL if none is configured. Borrows loop, replica and config;
 * config until the next snapshot_use(). 0, or -errno with a sentence in why.
 */
MUST_CHECK int snapshot_new(struct snapshot **out, struct loop *loop, struct replica *replica,
    const struct config *config, struct why *why);
/*
 * Applies a reload: reads the keys again. The path does not change. 0, or -errno with a sentence in
 * why; the old keys then stay in use.
 */
MUST_CHECK int snapshot_use(struct snapshot *s, const struct config *config, struct why *why);

/* In all functions below, s may be NULL: no snapshot. */

/* Loads a valid snapshot into the replica. Call it before the replica's first turn. */
void snapshot_load(struct snapshot *s);
/* Schedules a new content: a new generation is served. url: its manager, shown to people. */
void snapshot_changed(struct snapshot *s, const char *url);
/* Writes the stamp if it is due. Call it after each sync, successful or not. */
void snapshot_stamp(struct snapshot *s);
/* True if the served data is on disk. */
bool snapshot_is_current(const struct snapshot *s);
/* Passes all unwritten data to the disk thread at once. Nothing is written afterwards. */
void snapshot_close(struct snapshot *s);
/* Waits up to ms for the disk thread, and frees. Returns NULL. */
struct snapshot *snapshot_free(struct snapshot *s, int ms);

struct snapshot_status {
	bool current;           /* the served data is on disk */
	int64_t written_ago_ms; /* since this run last wrote a content; -1: never */
	int64_t failing_ms;     /* since the failure in `error` began; 0: no failure */
	const char *error;      /* why the last read or write failed; "": no failure */
};
/* The strings are valid until the next call of a function above. */
void snapshot_status(const struct snapshot *s, struct snapshot_status *out);
