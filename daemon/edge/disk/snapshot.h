/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot: what a start without a manager is served from. Decides when content and stamp are
 * written, holds the keys, and brings back what an earlier run left.
 *
 * Content is written when it has changed, a piece a turn, so that no lookup waits for it. The stamp
 * says how long the content was known to be true: it is renewed once a minute at most and at the
 * end, and at once when the manager begins or ceases to refuse, or sends a Retry-After. The formats
 * are core/snapshot/content.h and stamp.h; the files are edge/disk/disk.h.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "core/config/config.h"
#include "core/replica.h"
#include "edge/process/loop.h"

struct snapshot;

#define SNAPSHOT_ERROR_SIZE 512

/*
 * Checks the [snapshot] of a configuration: can its path be used and its keys be read, and do they
 * lie elsewhere? 0, or -errno with a sentence in why.
 */
MUST_CHECK int snapshot_check(const struct config *config, char why[static SNAPSHOT_ERROR_SIZE]);

/*
 * *out is NULL when the configuration has no snapshot. loop, replica and config are borrowed,
 * config until the next snapshot_use(). 0, or -errno with a sentence in why.
 */
MUST_CHECK int snapshot_new(struct snapshot **out, struct loop *loop, struct replica *replica,
    const struct config *config, char why[static SNAPSHOT_ERROR_SIZE]);
/*
 * On reload: other keys, or the same. The path stays what it was at start. 0, or -errno with a
 * sentence in why: the old keys stay.
 */
MUST_CHECK int snapshot_use(
    struct snapshot *s, const struct config *config, char why[static SNAPSHOT_ERROR_SIZE]);

/* All below take NULL for no snapshot. */

/* Before the replica's first turn: gives it what an earlier run left, if that may be believed. */
void snapshot_load(struct snapshot *s);
/* A new generation is being served; url: of the manager it came from, for people. */
void snapshot_changed(struct snapshot *s, const char *url);
/* A sync has ended, well or not: renews the stamp if that is due. */
void snapshot_stamp(struct snapshot *s);
/* Would a process that started now serve what we serve? */
bool snapshot_is_current(const struct snapshot *s);
/* Hands all that is left to the disk, at once; nothing is written afterwards. */
void snapshot_close(struct snapshot *s);
/* Waits for the disk that long. NULL is fine; returns NULL. */
struct snapshot *snapshot_free(struct snapshot *s, int ms);

struct snapshot_status {
	bool current;           /* what is served is on disk */
	int64_t written_ago_ms; /* since the last content of this run was on disk; -1: none was */
	int64_t failing_ms;     /* since the trouble in `error` began; 0: there is none */
	const char *error;      /* why it could not be written or read last; "": no trouble */
};
/* The strings live until the next call of any function above. */
void snapshot_status(const struct snapshot *s, struct snapshot_status *out);
