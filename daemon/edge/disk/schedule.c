/* SPDX-License-Identifier: Apache-2.0 */
/* Decides when content and stamp are written, and when to try again after a failure. */
#include "edge/disk/snapshot_internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rnd.h"
#include "core/snapshot/stamp.h"

#define STAMP_EVERY_MS   (60 * 1000)
#define CONTENT_EVERY_MS (2 * 1000)  /* between writes, however often the data changes */
#define RETRY_MS         (60 * 1000) /* longest pause after a failed write */
#define RETRY_NEW_MS     (10 * 1000) /* longest pause if the data has changed since */
#define STAMP_BYTES      4096

/* --- content ------------------------------------------------------------------------------ */

/* Makes a new content due at at_ms, or earlier if it already is. */
static void
seal_at(struct snapshot *s, int64_t at_ms)
{
	s->state = SNAPSHOT_DUE;
	if (at_ms >= s->due_ms)
		return;
	s->due_ms = at_ms;
	alarm_set(s->alarm, at_ms);
}

void
snapshot_on_alarm(void *arg)
{
	struct snapshot *s = arg;

	s->due_ms = INT64_MAX;
	if (s->state == SNAPSHOT_DUE)
		snapshot_seal_begin(s);
}

void
snapshot_make_due(struct snapshot *s)
{
	int64_t at_ms = s->begun_ms + CONTENT_EVERY_MS;

	switch (s->state) {
	case SNAPSHOT_NONE:
	case SNAPSHOT_DUE:
	case SNAPSHOT_ON_DISK:
		seal_at(s, at_ms > s->not_before_ms ? at_ms : s->not_before_ms);
		break;
	case SNAPSHOT_SEALING:
		s->state = SNAPSHOT_SEALING_OLD;
		break;
	case SNAPSHOT_WRITING:
		s->state = SNAPSHOT_WRITING_OLD;
		break;
	case SNAPSHOT_SEALING_OLD:
	case SNAPSHOT_WRITING_OLD:
	case SNAPSHOT_CLOSED:
		break;
	}
}

void
snapshot_changed(struct snapshot *s, const char *url)
{
	if (!s)
		return;
	(void)snprintf(s->url, sizeof s->url, "%s", url);
	snapshot_make_due(s);
}

static int64_t
jitter(void *env, int64_t low, int64_t high)
{
	(void)env;
	return rnd_between(low, high);
}

/* Unchanged data is retried with growing pauses; changed data after RETRY_NEW_MS at most. */
void
snapshot_try_later(struct snapshot *s, const char *why)
{
	int64_t now_ms = clock_boot_ms(),
		pause_ms = backoff_next(&s->backoff, RETRY_MS, jitter, NULL),
		new_ms = rnd_between(RETRY_NEW_MS / 2, RETRY_NEW_MS);

	snapshot_complain(s, "snapshot not written: the one before stays", why);
	s->not_before_ms = now_ms + (pause_ms < new_ms ? pause_ms : new_ms);
	seal_at(s, now_ms + pause_ms);
}

bool
snapshot_is_current(const struct snapshot *s)
{
	return s && s->state == SNAPSHOT_ON_DISK;
}

/* --- stamp -------------------------------------------------------------------------------- */

/*
 * True if a stamp may be written: only for a content that is served, because the stamp would make
 * an older one look confirmed. Without data, only to keep a Retry-After.
 */
static bool
may_stamp(const struct snapshot *s, bool has_data, int64_t now_ms, int64_t floor_ms)
{
	if (!has_data)
		return s->state == SNAPSHOT_NONE && floor_ms > now_ms;
	return s->state == SNAPSHOT_WRITING || s->state == SNAPSHOT_ON_DISK;
}

static void
write_stamp(struct snapshot *s)
{
	struct snap_owner owner = snapshot_owner(s);
	struct snap_keys keys = snapshot_keys(s);
	struct moment now = snapshot_moment();
	struct buf b = BUF_INIT(STAMP_BYTES);
	struct replica_memory memory;
	struct stamp stamp;
	bool has_data = replica_remember(s->replica, &memory);
	void *bytes;
	size_t n;

	if (!may_stamp(s, has_data, now.boot_ms, memory.floor.until_ms))
		return;
	stamp_fill(&stamp, s->id, &memory, &now);
	stamp_write(&b, &stamp, &owner, &keys);
	bytes = buf_take(&b, &n);
	buf_fini(&b);
	if (!bytes)
		return;
	s->stamped.at_ms = now.boot_ms;
	s->stamped.refused = memory.refused;
	s->stamped.floor_ms = memory.floor.until_ms;
	disk_write(s->disk, DISK_STAMP, bytes, n);
}

/* True if the stamp lacks what a start after a crash must know: a refusal or a Retry-After. */
static bool
stamp_is_wrong(const struct snapshot *s, int64_t now_ms)
{
	struct replica_memory m;
	int64_t floor_ms;

	(void)replica_remember(s->replica, &m);
	floor_ms = m.floor.until_ms;
	return m.refused != s->stamped.refused ||
	       (floor_ms != s->stamped.floor_ms &&
		   (floor_ms > now_ms || s->stamped.floor_ms > now_ms));
}

void
snapshot_stamp(struct snapshot *s)
{
	int64_t now_ms = clock_boot_ms();

	/* While a content is being written, keep the stamp of the old one: the write may fail. */
	if (!s || (s->state != SNAPSHOT_ON_DISK && s->state != SNAPSHOT_NONE))
		return;
	if (now_ms - s->stamped.at_ms >= STAMP_EVERY_MS || stamp_is_wrong(s, now_ms))
		write_stamp(s);
}

/* --- results of writes -------------------------------------------------------------------- */

static void
on_content_written(struct snapshot *s)
{
	s->written_ms = clock_boot_ms();
	backoff_reset(&s->backoff);
	s->not_before_ms = 0;
	if (s->state == SNAPSHOT_WRITING)
		s->state = SNAPSHOT_ON_DISK;
	else if (s->state == SNAPSHOT_WRITING_OLD)
		seal_at(s, s->written_ms + CONTENT_EVERY_MS);
	snapshot_stamp(s);
}

void
snapshot_on_written(void *env, enum disk_file file, int error, const char *why)
{
	struct snapshot *s = env;

	if (s->state == SNAPSHOT_CLOSED)
		return;
	if (error < 0 && file == DISK_CONTENT)
		snapshot_try_later(s, why);
	else if (error < 0)
		snapshot_complain(
		    s, "stamp of the snapshot not written: the one before stays", why);
	if (error < 0)
		return;
	if (s->trouble.since_ms)
		log_info("snapshot written again");
	s->trouble.since_ms = 0;
	if (file == DISK_CONTENT)
		on_content_written(s);
}

/* --- closing ------------------------------------------------------------------------------ */

void
snapshot_close(struct snapshot *s)
{
	if (!s || s->state == SNAPSHOT_CLOSED)
		return;
	alarm_set(s->alarm, INT64_MAX);
	if (s->state == SNAPSHOT_SEALING_OLD)
		snapshot_seal_drop(s);
	if (s->state == SNAPSHOT_DUE || s->state == SNAPSHOT_SEALING_OLD ||
	    s->state == SNAPSHOT_WRITING_OLD)
		snapshot_seal_begin(s);
	snapshot_seal_finish(s);
	write_stamp(s);
	s->state = SNAPSHOT_CLOSED;
}
