/* SPDX-License-Identifier: Apache-2.0 */
/* Creates and destroys the snapshot, changes its keys on a reload, and holds shared helpers. */
#include "edge/disk/snapshot_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/seal.h"

#define COMPLAIN_EVERY_MS (10 * 60 * 1000)

/* --- shared helpers ----------------------------------------------------------------------- */

struct snap_owner
snapshot_owner(const struct snapshot *s)
{
	const struct config *c = s->config;

	return (struct snap_owner){ c->manager.organization, c->manager.deployment,
		c->manager.workspace };
}

struct snap_keys
snapshot_keys(const struct snapshot *s)
{
	return (struct snap_keys){ s->keys.newest, s->keys.previous };
}

/* Reads the boot id: hex digits and dashes. False if /proc hides it (subset=pid). */
static bool
read_boot_id(uint8_t id[static MOMENT_BOOT_ID_SIZE])
{
	struct buf text = BUF_INIT(256);
	char digits[2 * MOMENT_BOOT_ID_SIZE];
	struct why why;
	size_t n = 0;
	bool good;

	good = file_read("/proc/sys/kernel/random/boot_id", &text, &why) == 0;
	for (const char *p = buf_str(&text); good && *p && n < sizeof digits; p++)
		if (*p != '-')
			digits[n++] = *p;
	good = good && hex_decode(id, MOMENT_BOOT_ID_SIZE, digits, n);
	buf_fini(&text);
	return good;
}

struct moment
snapshot_moment(void)
{
	struct moment m = { .boot_ms = clock_boot_ms(), .wall_ms = clock_wall_ms() };

	m.has_boot_id = read_boot_id(m.boot_id);
	return m;
}

void
snapshot_complain(struct snapshot *s, const char *what, const char *why)
{
	int64_t now_ms = clock_boot_ms();
	bool known = s->trouble.since_ms != 0;

	why_set(&s->trouble.why, "%s", why);
	if (!known)
		s->trouble.since_ms = now_ms;
	if (known && now_ms - s->trouble.said_ms < COMPLAIN_EVERY_MS)
		return;
	s->trouble.said_ms = now_ms;
	log_warn(what, LOG_STR("reason", why));
}

void
snapshot_status(const struct snapshot *s, struct snapshot_status *out)
{
	int64_t now_ms = clock_boot_ms();

	*out = (struct snapshot_status){ .written_ago_ms = -1, .error = "" };
	if (!s)
		return;
	out->current = snapshot_is_current(s);
	if (s->written_ms)
		out->written_ago_ms = now_ms - s->written_ms;
	if (!s->trouble.since_ms)
		return;
	out->error = s->trouble.why.text;
	out->failing_ms = now_ms > s->trouble.since_ms ? now_ms - s->trouble.since_ms : 1;
}

/* --- creation and destruction ------------------------------------------------------------- */

int
snapshot_check(const struct config *config, struct why *why)
{
	struct seal_keys k = { 0 };
	int r;

	if (!config->snapshot.path)
		return 0;
	r = disk_check_path(config->snapshot.path, why);
	if (r == 0)
		r = seal_keys_read(&k, config, why);
	seal_keys_free(k);
	return r;
}

static int
start_disk(struct snapshot *s, struct why *why)
{
	const char *path = s->config->snapshot.path;
	int r = disk_check_path(path, why);

	if (r < 0)
		return r;
	r = disk_new(&s->disk, s->loop, path, snapshot_on_written, s);
	if (r < 0)
		why_set(why, "the thread that writes the snapshot cannot start: %s", strerror(-r));
	return r;
}

int
snapshot_new(struct snapshot **out, struct loop *loop, struct replica *replica,
    const struct config *config, struct why *why)
{
	struct snapshot *s;
	int r;

	*out = NULL;
	if (!config->snapshot.path)
		return 0;
	why_set(why, "out of memory");
	s = mem_zalloc(sizeof *s);
	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->replica = replica;
	s->config = config;
	s->job.run = snapshot_on_job;
	s->stamped.at_ms = clock_boot_ms();
	s->due_ms = INT64_MAX;
	r = alarm_new(&s->alarm, loop, snapshot_on_alarm, s);
	if (r == 0)
		r = seal_keys_read(&s->keys, config, why);
	if (r == 0)
		r = start_disk(s, why);
	if (r < 0)
		snapshot_free(s, 0);
	else
		*out = s;
	return r;
}

int
snapshot_use(struct snapshot *s, const struct config *config, struct why *why)
{
	struct seal_keys k;
	bool other;
	int r = seal_keys_read(&k, config, why);

	if (r < 0)
		return r;
	other = !hash_equal(k.newest, s->keys.newest, SEAL_KEY_SIZE);
	seal_keys_free(s->keys);
	s->keys = k;
	s->config = config;
	if (!other)
		return 0;
	if (s->writer) { /* it uses the old key: start over */
		snapshot_seal_drop(s);
		s->state = SNAPSHOT_DUE;
	}
	if (s->state != SNAPSHOT_NONE)
		snapshot_make_due(s);
	return 0;
}

struct snapshot *
snapshot_free(struct snapshot *s, int ms)
{
	if (!s)
		return NULL;
	snapshot_seal_drop(s);
	s->disk = disk_free(s->disk, ms);
	s->alarm = alarm_free(s->alarm);
	s->keys = seal_keys_free(s->keys);
	mem_free(s);
	return NULL;
}
