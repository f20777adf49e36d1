/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What snapshot.c (beginning and end), schedule.c (when what is written), sealing.c (a content
 * being made) and loading.c (what an earlier run left) share; for nobody else.
 */
#pragma once

#include "base/buf.h"
#include "core/backoff.h"
#include "core/snapshot/content.h"
#include "core/snapshot/snap.h"
#include "edge/disk/disk.h"
#include "edge/disk/seal_keys.h"
#include "edge/disk/snapshot.h"

/* How what is served and what is on disk relate. */
enum snapshot_state {
	SNAPSHOT_NONE,        /* no content yet: nothing to write */
	SNAPSHOT_DUE,         /* what is served is not on disk; it is sealed at due_ms */
	SNAPSHOT_SEALING,     /* what is served is being sealed, a piece a turn */
	SNAPSHOT_SEALING_OLD, /* what is being sealed is not served any more */
	SNAPSHOT_WRITING,     /* what is served has been handed to the disk */
	SNAPSHOT_WRITING_OLD, /* what was handed to the disk is not served any more */
	SNAPSHOT_ON_DISK,     /* what is served is on disk */
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
	int64_t not_before_ms; /* after a failure: no content before, however new */
	struct backoff backoff;

	/* A content being sealed. */
	struct content_writer *writer;
	struct buf bytes;
	struct later job;

	/* What the newest stamp says. */
	struct {
		int64_t at_ms, floor_ms;
		bool refused;
	} stamped;

	int64_t written_ms; /* when a content of this run was on disk; 0: none was */
	struct {
		int64_t since_ms, said_ms; /* since_ms 0: there is none */
		char why[SNAPSHOT_ERROR_SIZE];
	} trouble;
};

struct moment snapshot_moment(void); /* now */
struct snap_owner snapshot_owner(const struct snapshot *s);
struct snap_keys snapshot_keys(const struct snapshot *s);
/* Remembers why it cannot be written or read; one log line, repeated every ten minutes. */
void snapshot_complain(struct snapshot *s, const char *what, const char *why);

/* schedule.c */
void snapshot_on_alarm(void *arg);
void snapshot_on_written(void *env, enum disk_file file, int error, const char *why);
void snapshot_make_due(struct snapshot *s);
/* What is served has not reached the disk: tries again after a pause. */
void snapshot_try_later(struct snapshot *s, const char *why);

/* sealing.c */
void snapshot_seal_begin(struct snapshot *s);
void snapshot_seal_finish(struct snapshot *s); /* at once */
void snapshot_seal_drop(struct snapshot *s);
void snapshot_on_job(struct later *job);
