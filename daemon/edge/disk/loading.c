/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the snapshot of an earlier run, checks it, and passes it to the replica. */
#include "edge/disk/snapshot_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "core/snapshot/stamp.h"

#define FILE_SLACK  (1024 * 1024) /* a file may be this much larger than max_bytes */
#define STAMP_BYTES 4096

struct found {
	struct generation *generation;
	struct content_about about;
	bool rewrite; /* write it again: it is the older file, or sealed with the previous key */
};

static int
on_more(void *env, void *to, size_t n)
{
	int r = file_take(*(int *)env, to, n);

	if (r == -ENODATA)
		return -EBADMSG; /* the file has become shorter */
	return r < 0 ? -EIO : 0;
}

static int
read_under(struct snapshot *s, const struct content_source *file, const struct snap_keys *keys,
    const struct moment *now, struct found *out, struct why *why)
{
	struct snap_owner owner = snapshot_owner(s);

	return content_read(&out->generation, &out->about, file, &owner, keys, now,
	    s->config->memory.lock, s->config->memory.max_bytes, why);
}

/* Reads one file. 0, or -errno as content_read(); -ENOENT if it does not exist. */
static int
read_content(struct snapshot *s, const char *suffix, const struct moment *now, struct found *out,
    struct why *why)
{
	const struct config *c = s->config;
	struct snap_keys keys = { s->keys.newest, NULL };
	struct content_source file = { .read = on_more };
	int r, fd = disk_open(
		   c->snapshot.path, suffix, c->memory.max_bytes + FILE_SLACK, &file.size, why);

	if (fd < 0)
		return fd;
	file.env = &fd;
	r = read_under(s, &file, &keys, now, out, why);
	if (r == -ENOKEY && s->keys.previous && lseek(fd, 0, SEEK_SET) == 0) {
		keys.previous = s->keys.previous;
		out->rewrite = true;
		r = read_under(s, &file, &keys, now, out, why);
	}
	(void)close(fd);
	return r;
}

/* True if the file is damaged, missing or unreadable, so that the one before is tried. */
static bool
is_lost(int r)
{
	return r == -EBADMSG || r == -ENOENT || r == -EIO;
}

/* Reads the newest content, or, if that is lost, the one before. */
static int
find_content(struct snapshot *s, const struct moment *now, struct found *out, struct why *why)
{
	struct why newest = { "" };
	int r = read_content(s, "", now, out, &newest), prev;

	why_set(why, "%s", newest.text);
	if (!is_lost(r))
		return r;
	prev = read_content(s, ".prev", now, out, why);
	if (prev < 0) {
		why_set(why, "%s", newest.text);
		return r;
	}
	log_warn("snapshot damaged: using the one before", LOG_STR("reason", newest.text));
	out->rewrite = true;
	return 0;
}

/* Reads the stamp. False if there is no valid one. */
static bool
find_stamp(struct snapshot *s, struct stamp *out)
{
	struct snap_owner owner = snapshot_owner(s);
	struct snap_keys keys = snapshot_keys(s);
	struct buf file = BUF_INIT(STAMP_BYTES);
	struct why why = { "" };
	int r = disk_read(s->config->snapshot.path, ".stamp", &file, &why);

	if (r == 0)
		r = stamp_read(out, span_of_buf(&file), &owner, &keys, &why);
	if (r < 0 && r != -ENOENT)
		log_warn("stamp of the snapshot ignored", LOG_STR("reason", why.text));
	buf_fini(&file);
	return r == 0;
}

static void
say_hold_off(const struct snapshot *s, int64_t now_ms)
{
	struct replica_memory m;

	(void)replica_remember(s->replica, &m);
	if (m.floor.until_ms > now_ms)
		log_info("the first sync waits for the manager's Retry-After",
		    LOG_INT("for_ms", m.floor.until_ms - now_ms));
}

/* Starts without data, but applies the Retry-After of the stamp. */
static void
load_nothing(struct snapshot *s, const struct stamp *stamp, const struct moment *now)
{
	struct replica_floor floor = { 0 };

	if (stamp)
		floor = stamp_floor(stamp, now);
	replica_hold_off(s->replica, now->boot_ms, &floor);
}

static void
load_found(struct snapshot *s, const struct found *found, const struct replica_memory *memory,
    const struct moment *now)
{
	memcpy(s->id, found->about.id, sizeof s->id);
	s->state = SNAPSHOT_ON_DISK;
	s->stamped.refused = memory->refused;
	s->stamped.floor_ms = memory->floor.until_ms;
	(void)snprintf(s->url, sizeof s->url, "%s", found->about.url);
	replica_load(s->replica, now->boot_ms, found->generation, memory);
	log_info("snapshot loaded", LOG_INT("generation", (int64_t)memory->generation),
	    LOG_INT("age_ms", now->boot_ms - memory->confirmed_ms), LOG_STR("manager", s->url));
	if (found->rewrite)
		snapshot_make_due(s);
}

void
snapshot_load(struct snapshot *s)
{
	struct moment now = snapshot_moment();
	struct why why = { "" };
	struct stamp stamp, *stamped = NULL;
	struct replica_memory memory;
	struct found found = { 0 };
	int r;

	if (!s)
		return;
	r = find_content(s, &now, &found, &why);
	/* If the content has another owner or key, so has its stamp; then do not read it. */
	if ((r == 0 || is_lost(r)) && find_stamp(s, &stamp))
		stamped = &stamp;
	if (r == 0)
		r = stamp_recall(&memory, &found.about, stamped, &now,
		    s->config->freshness.windows.max_stale_ms, &why);
	if (r == 0) {
		load_found(s, &found, &memory, &now);
	} else {
		generation_unref(found.generation);
		if (r == -ENOENT)
			log_info("no snapshot yet");
		else
			snapshot_complain(s, "snapshot refused", why.text);
		load_nothing(s, stamped, &now);
	}
	say_hold_off(s, now.boot_ms);
}
