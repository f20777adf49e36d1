/* SPDX-License-Identifier: Apache-2.0 */
#include "core/snapshot/content.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rnd.h"
#include "core/snapshot/header.h"

#define STAMP_BODY 32

void
snapshot_stamp_write(struct buf *out, const struct snapshot_stamp *stamp,
    const struct snapshot_owner *owner, const struct snapshot_keys *keys)
{
	struct snap_header h = {
		.magic = snap_stamp_magic,
		.generation = stamp->generation,
		.written = stamp->written,
		.confirmed_ago_ms = stamp->confirmed_ago_ms,
	};
	struct buf body = BUF_INIT(STAMP_BODY);
	uint8_t key[SEAL_KEY_SIZE];
	size_t start = out->len;
	char *to;

	memcpy(h.id, stamp->id, sizeof h.id);
	snap_header_write(out, &h, owner, keys->newest);
	snap_put(&body, stamp->refused_ago_ms >= 0, 8);
	snap_put(&body, (uint64_t)stamp->refused_ago_ms, 8);
	snap_put(&body, (uint64_t)stamp->due_in_ms, 8);
	snap_put(&body, (uint64_t)stamp->floor_in_ms, 8);
	to = buf_room(out, STAMP_BODY + SEAL_OVERHEAD);
	if (buf_error(&body) && !out->error)
		out->error = buf_error(&body);
	if (to && !out->error) {
		snap_derive(key, keys->newest, snap_stamp_magic);
		seal((uint8_t *)to, body.data, body.len, out->data + start, out->len - start, key);
		buf_grown(out, STAMP_BODY + SEAL_OVERHEAD);
		mem_wipe(key, sizeof key);
	}
	buf_fini(&body);
}

int
snapshot_stamp_read(struct snapshot_stamp *out, struct span file,
    const struct snapshot_owner *owner, const struct snapshot_keys *keys,
    char why[static SNAPSHOT_WHY_SIZE])
{
	struct snap_cursor c = { (const uint8_t *)file.p, file.n, false },
			   body = { .n = STAMP_BODY };
	uint8_t key[SEAL_KEY_SIZE], plain[STAMP_BODY];
	struct snap_header h = { .magic = snap_stamp_magic };
	const uint8_t *master;
	int64_t refused_ago_ms, due_in_ms, floor_in_ms;
	bool refused;
	int r = snap_header_read(&h, &c, owner, keys, &master, why);

	if (r < 0)
		return r;
	if (c.n < STAMP_BODY + SEAL_OVERHEAD)
		return snap_refuse(why, -EBADMSG, "it is truncated");
	snap_derive(key, master, snap_stamp_magic);
	r = c.n == STAMP_BODY + SEAL_OVERHEAD
		? seal_open(plain, c.p, c.n, file.p, file.n - c.n, key)
		: -EBADMSG;
	mem_wipe(key, sizeof key);
	if (r < 0 || h.confirmed_ago_ms < 0 || h.confirmed_ago_ms > SNAP_MAX_AGO_MS)
		return snap_refuse(why, -EBADMSG, SNAP_DAMAGED);
	body.p = plain;
	refused = snap_get(&body, 8) != 0;
	refused_ago_ms = (int64_t)snap_get(&body, 8);
	due_in_ms = (int64_t)snap_get(&body, 8);
	floor_in_ms = (int64_t)snap_get(&body, 8);
	*out = (struct snapshot_stamp){
		.generation = h.generation,
		.written = h.written,
		.confirmed_ago_ms = h.confirmed_ago_ms,
		.refused_ago_ms = refused ? refused_ago_ms : -1,
		.due_in_ms = due_in_ms,
		.floor_in_ms = floor_in_ms,
	};
	memcpy(out->id, h.id, sizeof out->id);
	return 0;
}

/* --- from one run to the next -------------------------------------------------------- */

static int64_t
not_negative(int64_t ms)
{
	return ms > 0 ? ms : 0;
}

void
snapshot_about_fill(struct snapshot_about *out, const struct replica_memory *memory,
    const struct moment *now, const char *url)
{
	rnd_bytes(out->id, sizeof out->id);
	out->generation = memory->generation;
	out->written = *now;
	out->confirmed_ago_ms = not_negative(now->boot_ms - memory->confirmed_ms);
	snprintf(out->url, sizeof out->url, "%s", url);
}

void
snapshot_stamp_fill(struct snapshot_stamp *out, const uint8_t id[static SNAPSHOT_ID_SIZE],
    const struct replica_memory *memory, const struct moment *now)
{
	*out = (struct snapshot_stamp){
		.generation = memory->generation,
		.written = *now,
		.confirmed_ago_ms = not_negative(now->boot_ms - memory->confirmed_ms),
		.refused_ago_ms =
		    memory->refused ? not_negative(now->boot_ms - memory->refused_ms) : -1,
		.due_in_ms = memory->next_sync_ms - now->boot_ms,
		.floor_in_ms = not_negative(memory->floor_ms - now->boot_ms),
	};
	memcpy(out->id, id, sizeof out->id);
}

/* When `written` was on now's boot clock. */
static int
date(const struct moment *written, const struct moment *now, int64_t *boot_ms, char *why)
{
	int64_t age_ms, ahead_ms;

	if (moment_age(written, now, &age_ms, &ahead_ms) < 0)
		return snap_refuse(
		    why, -ERANGE, "it comes from the future, by %" PRId64 " s", ahead_ms / 1000);
	*boot_ms = now->boot_ms - age_ms;
	return 0;
}

int64_t
snapshot_stamp_floor(const struct snapshot_stamp *stamp, const struct moment *now)
{
	char why[SNAPSHOT_WHY_SIZE];
	int64_t at_ms = 0;

	return date(&stamp->written, now, &at_ms, why) < 0 ? now->boot_ms
							   : at_ms + stamp->floor_in_ms;
}

int
snapshot_recall(struct replica_memory *out, const struct snapshot_about *about,
    const struct snapshot_stamp *stamp, const struct moment *now, int64_t max_stale_ms,
    char why[static SNAPSHOT_WHY_SIZE])
{
	struct replica_memory m = { .generation = about->generation };
	int64_t at_ms = 0;
	int r = date(&about->written, now, &at_ms, why);

	if (r < 0)
		return r;
	m.confirmed_ms = at_ms - about->confirmed_ago_ms;
	m.next_sync_ms = now->boot_ms;
	if (stamp) {
		r = date(&stamp->written, now, &at_ms, why);
		if (r < 0)
			return r;
		if (memcmp(stamp->id, about->id, sizeof stamp->id) == 0)
			m.confirmed_ms = at_ms - stamp->confirmed_ago_ms;
		if (stamp->generation > m.generation)
			m.generation = stamp->generation;
		m.refused_ms = at_ms - stamp->refused_ago_ms;
		/* A content that was confirmed since is a good list: it ended the refusal. */
		m.refused = stamp->refused_ago_ms >= 0 && m.confirmed_ms <= m.refused_ms;
		m.next_sync_ms = at_ms + stamp->due_in_ms;
		m.floor_ms = at_ms + stamp->floor_in_ms;
	}
	if (now->boot_ms - m.confirmed_ms >= max_stale_ms)
		return snap_refuse(why, -ESTALE,
		    "it is too old: last confirmed %" PRId64 " s ago, and max_stale is %" PRId64
		    " s",
		    (now->boot_ms - m.confirmed_ms) / 1000, max_stale_ms / 1000);
	*out = m;
	return 0;
}
