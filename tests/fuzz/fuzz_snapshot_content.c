/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a snapshot and as a stamp: refused with a reason. Only bytes sealed with the key are
 * accepted, so random input never reaches the sealed part; therefore the first byte says whether
 * the rest is a file, or the plain text of a piece that is sealed here.
 */
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "core/snapshot/header.h"
#include "core/snapshot/stamp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/memory_source.h"

static const uint8_t master[SEAL_KEY_SIZE] = { 1 };
static const struct snap_keys keys = { .newest = master };
static const struct snap_owner owner = { .organization = "o", .deployment = "d" };
static const struct moment now = { .boot_ms = 1000, .wall_ms = 1000 };

static void
read_file(struct span file)
{
	struct span left = file;
	struct content_source source = memory_source(&left);
	struct why why = { "" };
	struct content_about about;
	struct stamp stamp;
	struct generation *g;

	if (content_read(&g, &about, &source, &owner, &keys, &now, ARENA_LOCK_OFF, 1 << 20, &why) ==
	    0)
		generation_unref(g);
	else
		must(*why.text);
	*why.text = '\0';
	must(stamp_read(&stamp, file, &owner, &keys, &why) == 0 || *why.text);
}

/* Makes a file of one piece with data as its plain text. */
static void
read_plain(const uint8_t *data, size_t n)
{
	struct snap_header h = {
		.magic = snap_snapshot_magic, .written = now, .pieces = 1, .plain_bytes = n
	};
	uint8_t ad[HASH_SIZE + 5] = { 0 }, key[SEAL_KEY_SIZE];
	struct buf file = BUF_INIT(2 << 20);
	char *to;

	snap_header_write(&file, &h, &owner, master);
	hash_long(ad, NULL, 0, file.data, file.len);
	ad[HASH_SIZE + 4] = 1;
	snap_put(&file, n + SEAL_OVERHEAD, 4);
	to = buf_room(&file, n + SEAL_OVERHEAD);
	must(to);
	snap_derive(key, master, snap_snapshot_magic);
	seal((uint8_t *)to, data, n, ad, sizeof ad, key);
	buf_grown(&file, n + SEAL_OVERHEAD);
	read_file(span_of_buf(&file));
	buf_fini(&file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool ready;

	if (!ready)
		must(base_init() == 0);
	ready = true;
	if (n == 0 || n > (1 << 20))
		return 0;
	if (*data & 1)
		read_plain(data + 1, n - 1);
	else
		read_file((struct span){ (const char *)data + 1, n - 1 });
	must(mem_live() == 0);
	return 0;
}
