/* SPDX-License-Identifier: Apache-2.0 */
/* What survives a restart in a scenario: the snapshot, its stamp, the clocks. */
#include "tests/sim/world.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "tests/lib/memory_source.h"

static struct moment
moment_of(const struct world *w)
{
	struct moment m = {
		.boot_ms = w->now_ms,
		.wall_ms = w->now_ms + w->wall_ahead_ms,
		.has_boot_id = !w->boot_id_hidden,
	};

	memset(m.boot_id, w->boot, sizeof m.boot_id);
	return m;
}

static struct snap_owner
owner_of(const struct world *w)
{
	return (struct snap_owner){ .organization = "org", .deployment = w->deployment };
}

/* Returns the key of a number; NULL for 0. The arrays are static. */
static struct snap_keys
keys_of(const struct world *w)
{
	static uint8_t newest[SEAL_KEY_SIZE], previous[SEAL_KEY_SIZE];

	memset(newest, w->key, sizeof newest);
	memset(previous, w->previous_key, sizeof previous);
	return (struct snap_keys){ newest, w->previous_key ? previous : NULL };
}

void
world_stamp(struct world *w)
{
	struct snap_owner owner = owner_of(w);
	struct snap_keys keys = keys_of(w);
	struct moment now = moment_of(w);
	struct buf b = BUF_INIT(4096);
	struct replica_memory memory;
	struct stamp stamp;

	if (!w->keeps_snapshot ||
	    (!replica_remember(w->replica, &memory) && memory.floor.until_ms <= w->now_ms))
		return;
	stamp_fill(&stamp, w->snapshot_id, &memory, &now);
	stamp_write(&b, &stamp, &owner, &keys);
	if (buf_error(&b)) {
		buf_fini(&b);
		world_short_of_memory(w);
		return;
	}
	buf_fini(&w->stamp);
	w->stamp = b;
}

/* If the snapshot cannot be made, the one before stays. */
void
world_write(struct world *w)
{
	struct content_about about;
	struct snap_owner owner = owner_of(w);
	struct snap_keys keys = keys_of(w);
	struct moment now = moment_of(w);
	struct content_writer *writer = NULL;
	struct buf b = BUF_INIT(16 << 20);
	struct replica_memory memory;
	int r;

	w->to_write = false;
	if (!replica_remember(w->replica, &memory))
		return;
	content_about_fill(&about, &memory, &now, "http://manager");
	r = content_writer_new(&writer, replica_current(w->replica), &about, &owner, &keys);
	if (r == 0)
		r = 1;
	while (r > 0)
		r = content_writer_step(writer, &b);
	content_writer_free(writer);
	if (r < 0) {
		buf_fini(&b);
		world_short_of_memory(w);
		return;
	}
	buf_fini(&w->snapshot);
	w->snapshot = b;
	memcpy(w->snapshot_id, about.id, sizeof w->snapshot_id);
	world_stamp(w);
}

bool
world_read_back(
    struct world *w, struct generation **g, struct replica_memory *memory, struct why *why)
{
	struct snap_owner owner = owner_of(w);
	struct snap_keys keys = keys_of(w);
	struct moment now = moment_of(w);
	struct span left = span_of_buf(&w->snapshot);
	struct content_source source = memory_source(&left);
	struct content_about about;
	struct stamp stamp;
	struct why stamp_why;
	bool stamped = stamp_read(&stamp, span_of_buf(&w->stamp), &owner, &keys, &stamp_why) == 0;
	int r = content_read(
	    g, &about, &source, &owner, &keys, &now, w->config.lock, w->config.max_bytes, why);

	if (r == -ENOMEM)
		world_short_of_memory(w);
	if (r < 0)
		return false;
	memcpy(w->snapshot_id, about.id, sizeof w->snapshot_id);
	r = stamp_recall(
	    memory, &about, stamped ? &stamp : NULL, &now, w->config.windows.max_stale_ms, why);
	if (r < 0)
		*g = generation_unref(*g);
	return r == 0;
}

struct replica_floor
world_floor(const struct world *w)
{
	struct snap_owner owner = owner_of(w);
	struct snap_keys keys = keys_of(w);
	struct moment now = moment_of(w);
	struct stamp stamp;
	struct why why;

	if (stamp_read(&stamp, span_of_buf(&w->stamp), &owner, &keys, &why) < 0)
		return (struct replica_floor){ 0 };
	return stamp_floor(&stamp, &now);
}

void
world_damage(struct world *w, const char *which, const char *how)
{
	struct buf *b = strcmp(which, "stamp") == 0 ? &w->stamp : &w->snapshot;

	if (b->len == 0 && w->ran_short)
		return; /* out of memory when it was made */
	if (b->len == 0)
		world_broken(w, "there is no such file");
	else if (strcmp(how, "truncate") == 0)
		b->len--;
	else if (strcmp(how, "extend") == 0)
		buf_addc(b, 'x');
	else if (strcmp(how, "flip") == 0)
		b->data[b->len / 2] ^= 1;
	else if (strcmp(how, "remove") == 0)
		buf_fini(b);
	else
		world_broken(w, "damage snapshot|stamp truncate|extend|flip|remove");
}
