/* SPDX-License-Identifier: Apache-2.0 */
#include "core/snapshot/stamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/snapshot/header.h"

#define STAMP_BODY 48

void
stamp_write(struct buf *out, const struct stamp *stamp, const struct snap_owner *owner,
    const struct snap_keys *keys)
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
	buf_add(&body, stamp->identity, sizeof stamp->identity);
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
stamp_read(struct stamp *out, struct span file, const struct snap_owner *owner,
    const struct snap_keys *keys, struct why *why)
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
		return snap_refuse(why, -EBADMSG, "the file is truncated");
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
	*out = (struct stamp){
		.generation = h.generation,
		.written = h.written,
		.confirmed_ago_ms = h.confirmed_ago_ms,
		.refused_ago_ms = refused ? refused_ago_ms : -1,
		.due_in_ms = due_in_ms,
		.floor_in_ms = floor_in_ms,
	};
	snap_get_bytes(&body, out->identity, sizeof out->identity);
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
stamp_fill(struct stamp *out, const uint8_t id[static SNAP_ID_SIZE],
    const struct replica_memory *memory, const struct moment *now)
{
	*out = (struct stamp){
		.generation = memory->generation,
		.written = *now,
		.confirmed_ago_ms = not_negative(now->boot_ms - memory->confirmed_ms),
		.refused_ago_ms =
		    memory->refused ? not_negative(now->boot_ms - memory->refused_ms) : -1,
		.due_in_ms = memory->next_sync_ms - now->boot_ms,
		.floor_in_ms = not_negative(memory->floor.until_ms - now->boot_ms),
	};
	memcpy(out->id, id, sizeof out->id);
	memcpy(out->identity, memory->floor.identity, sizeof out->identity);
}

/* Converts `written` to the boot clock of now. */
static int
date(const struct moment *written, const struct moment *now, int64_t *boot_ms, struct why *why)
{
	int64_t age_ms, ahead_ms;

	if (moment_age(written, now, &age_ms, &ahead_ms) < 0)
		return snap_refuse(why, -ERANGE, "the file comes from the future, by %" PRId64 " s",
		    ahead_ms / 1000);
	*boot_ms = now->boot_ms - age_ms;
	return 0;
}

/* written_ms: when the stamp was written, on the current boot clock. */
static struct replica_floor
floor_of(const struct stamp *stamp, int64_t written_ms)
{
	struct replica_floor floor = { .until_ms = written_ms + stamp->floor_in_ms };

	memcpy(floor.identity, stamp->identity, sizeof floor.identity);
	return floor;
}

struct replica_floor
stamp_floor(const struct stamp *stamp, const struct moment *now)
{
	struct why why;
	int64_t at_ms = 0;

	if (date(&stamp->written, now, &at_ms, &why) < 0)
		return (struct replica_floor){ 0 };
	return floor_of(stamp, at_ms);
}

int
stamp_recall(struct replica_memory *out, const struct content_about *about,
    const struct stamp *stamp, const struct moment *now, int64_t max_stale_ms, struct why *why)
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
		/* A content confirmed after the refusal proves that the refusal has ended. */
		m.refused = stamp->refused_ago_ms >= 0 && m.confirmed_ms <= m.refused_ms;
		m.next_sync_ms = at_ms + stamp->due_in_ms;
		m.floor = floor_of(stamp, at_ms);
	}
	if (now->boot_ms - m.confirmed_ms >= max_stale_ms)
		return snap_refuse(why, -ESTALE,
		    "the data is too old: last confirmed %" PRId64
		    " s ago, and max_stale is %" PRId64 " s",
		    (now->boot_ms - m.confirmed_ms) / 1000, max_stale_ms / 1000);
	*out = m;
	return 0;
}
