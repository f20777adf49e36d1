/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a content: seals the served data, one piece per turn of the loop, and passes it to disk.c.
 */
#include "edge/disk/snapshot_internal.h"

#include <string.h>

#define NO_MEMORY "out of memory"

void
snapshot_seal_drop(struct snapshot *s)
{
	loop_forget(s->loop, &s->job);
	s->writer = content_writer_free(s->writer);
	buf_fini(&s->bytes);
}

static void
give_up(struct snapshot *s)
{
	snapshot_seal_drop(s);
	snapshot_try_later(s, NO_MEMORY);
}

void
snapshot_seal_begin(struct snapshot *s)
{
	struct snap_owner owner = snapshot_owner(s);
	struct snap_keys keys = snapshot_keys(s);
	struct moment now = snapshot_moment();
	struct replica_memory memory;
	struct content_about about;

	if (!replica_remember(s->replica, &memory)) {
		s->state = SNAPSHOT_NONE;
		return;
	}
	s->state = SNAPSHOT_SEALING;
	s->begun_ms = now.boot_ms;
	content_about_fill(&about, &memory, &now, s->url);
	memcpy(s->id, about.id, sizeof s->id);
	if (content_writer_new(&s->writer, replica_current(s->replica), &about, &owner, &keys) <
	    0) {
		give_up(s);
		return;
	}
	buf_init(&s->bytes, content_writer_left(s->writer));
	/* Reserve all at once: growing would copy and wipe again and again. */
	(void)buf_room(&s->bytes, s->bytes.max);
	loop_after_turn(s->loop, &s->job);
}

static void
hand_over(struct snapshot *s)
{
	void *bytes;
	size_t n;

	s->writer = content_writer_free(s->writer);
	bytes = buf_take(&s->bytes, &n);
	if (!bytes) {
		give_up(s);
		return;
	}
	s->state = s->state == SNAPSHOT_SEALING ? SNAPSHOT_WRITING : SNAPSHOT_WRITING_OLD;
	disk_write(s->disk, DISK_CONTENT, bytes, n);
}

/* True if there is more to do. */
static bool
step(struct snapshot *s)
{
	int r = content_writer_step(s->writer, &s->bytes);

	if (r < 0)
		give_up(s);
	else if (r == 0)
		hand_over(s);
	return r > 0;
}

void
snapshot_on_job(struct later *job)
{
	struct snapshot *s = CONTAINER_OF(job, struct snapshot, job);

	if (step(s))
		loop_after_turn(s->loop, &s->job);
}

void
snapshot_seal_finish(struct snapshot *s)
{
	loop_forget(s->loop, &s->job);
	while (s->writer && step(s))
		;
}
