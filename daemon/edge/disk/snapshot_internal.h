/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What snapshot.c (creation, keys), schedule.c (when to write), sealing.c (making a content) and
 * loading.c (reading at start) share. Include it only there.
 */
#pragma once

#include "base/buf.h"
#include "base/why.h"
#include "core/backoff.h"
#include "core/snapshot/content.h"
#include "core/snapshot/snap.h"
#include "edge/disk/disk.h"
#include "edge/disk/seal_keys.h"
#include "edge/disk/snapshot.h"

/* The state of the served data on disk. "Old": a newer generation is served meanwhile. */
enum snapshot_state {
	SNAPSHOT_NONE,        /* there is no data to write */
	SNAPSHOT_DUE,         /* not on disk; sealing starts at due_ms */
	SNAPSHOT_SEALING,     /* being sealed, one piece per turn */
	SNAPSHOT_SEALING_OLD, /* old data is being sealed */
	SNAPSHOT_WRITING,     /* passed to the disk thread */
	SNAPSHOT_WRITING_OLD, /* old data was passed to the disk thread */
	SNAPSHOT_ON_DISK,     /* on disk */
	SNAPSHOT_CLOSED,      /* nothing is written any more */
};

struct snapshot {
	struct loop *loop;
	struct replica *replica;
	const struct config *config;
	struct seal_keys keys;
	struct disk *disk;
	char url[SNAP_URL_SIZE];

	enum snapshot_state state;
	uint8_t id[SNAP_ID_SIZE]; /* of the newest content: loaded, being sealed, or handed over */

	/* The next content. */
	struct alarm *alarm;
	int64_t due_ms; /* INT64_MAX: not scheduled */
	int64_t begun_ms;
	int64_t not_before_ms; /* after a failure: the earliest next content */
	struct backoff backoff;

	/* A content being sealed. */
	struct content_writer *writer;
	struct buf bytes;
	struct later job;

	/* The contents of the newest stamp. */
	struct {
		int64_t at_ms, floor_ms;
		bool refused;
	} stamped;

	int64_t written_ms; /* when this run last wrote a content; 0: never */
	struct {
		int64_t since_ms, said_ms; /* since_ms 0: no failure */
		struct why why;
	} trouble;
};

struct moment snapshot_moment(void); /* the current time */
struct snap_owner snapshot_owner(const struct snapshot *s);
struct snap_keys snapshot_keys(const struct snapshot *s);
/* Stores the reason of a failure, and logs it at most every ten minutes. */
void snapshot_complain(struct snapshot *s, const char *what, const char *why);

/* schedule.c */
void snapshot_on_alarm(void *arg);
void snapshot_on_written(void *env, enum disk_file file, int error, const char *why);
void snapshot_make_due(struct snapshot *s);
/* Schedules a retry after a failed write. */
void snapshot_try_later(struct snapshot *s, const char *why);

/* sealing.c */
void snapshot_seal_begin(struct snapshot *s);
void snapshot_seal_finish(struct snapshot *s); /* seals the rest at once */
void snapshot_seal_drop(struct snapshot *s);
void snapshot_on_job(struct later *job);
