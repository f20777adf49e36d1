/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed copy on disk: is its key there, and would a start of connd serve it? */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "core/snapshot/stamp.h"
#include "ctl/doctor/doctor.h"
#include "ctl/output.h"

#define CHECK       "snapshot"
#define CREDENTIAL  DOCTOR_CREDENTIALS "/snapshot-key"
#define STAMP_BYTES ((size_t)64 * 1024)

struct keys {
	uint8_t newest[SEAL_KEY_SIZE], previous[SEAL_KEY_SIZE];
	bool has_previous;
};

/* --- the keys ----------------------------------------------------------------------------- */

/* key_file, or the credential. False: there is none. */
static bool
key_path(const struct config *c, char out[static PATH_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (c->snapshot.key_file)
		return (size_t)snprintf(out, PATH_MAX, "%s", c->snapshot.key_file) < PATH_MAX;
	if (dir && (size_t)snprintf(out, PATH_MAX, "%s/snapshot-key", dir) < PATH_MAX &&
	    access(out, F_OK) == 0)
		return true;
	return (size_t)snprintf(out, PATH_MAX, "%s", CREDENTIAL) < PATH_MAX &&
	       access(out, F_OK) == 0;
}

static const char *
advise_key(struct doctor *d, int error, const char *path)
{
	const struct group *g = getgrgid(d->facts->service.gid);
	const char *group = g ? g->gr_name : "root";

	if (error == -ENOENT)
		return doctor_text(d,
		    "openssl rand -hex 32 | install -o root -g %s -m 0640 /dev/stdin %.300s", group,
		    path);
	return doctor_text(d, "chown root:%s %.200s && chmod 0640 %.200s", group, path, path);
}

/* False: a line says why there is no key. */
static bool
read_keys(struct doctor *d, struct keys *k)
{
	const struct config *c = d->config;
	char path[PATH_MAX];
	struct why why;
	int r;

	if (!key_path(c, path) && doctor_credentials_hidden()) {
		doctor_skip(d, CHECK,
		    "the key is a credential of connd.service, which only a running unit has");
		return false;
	}
	if (!key_path(c, path)) {
		doctor_fail(d, CHECK, "set [snapshot] key_file, then systemctl restart connd",
		    "[snapshot] path is set without a key: neither key_file nor %s", CREDENTIAL);
		return false;
	}
	r = file_read_key(path, k->newest, &why);
	if (r == 0 && c->snapshot.previous_key_file) {
		k->has_previous = true;
		r = file_read_key(c->snapshot.previous_key_file, k->previous, &why);
	}
	if (r < 0)
		doctor_fail(d, CHECK, advise_key(d, r, path), "%s (as user %s)", why.text,
		    d->facts->service.name);
	return r == 0;
}

/* --- the files ---------------------------------------------------------------------------- */

static int
read_stamp(const struct config *c, const struct keys *k, struct stamp *out, struct why *why)
{
	CLEANUP(buf_fini) struct buf file = BUF_INIT(STAMP_BYTES);
	struct snap_owner owner = { c->manager.organization, c->manager.deployment,
		c->manager.workspace };
	struct snap_keys keys = { k->newest, k->has_previous ? k->previous : NULL };
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof path, "%s.stamp", c->snapshot.path);
	r = file_read(path, &file, why);
	return r < 0 ? r : stamp_read(out, span_of_buf(&file), &owner, &keys, why);
}

static void
judge_age(struct doctor *d, const struct stamp *stamp)
{
	CLEANUP(buf_fini) struct buf age = BUF_INIT(64);
	int64_t since_ms = clock_wall_ms() - stamp->written.wall_ms;
	int64_t age_ms = since_ms + stamp->confirmed_ago_ms;
	const char *path = d->config->snapshot.path;

	output_duration(&age, age_ms < 0 ? -age_ms : age_ms);
	if (since_ms < -MOMENT_FUTURE_MS)
		doctor_fail(d, CHECK, "timedatectl set-ntp true",
		    "%s: written %s in the future, so a start does not serve it", path,
		    buf_str(&age));
	else if (age_ms > d->config->freshness.windows.max_stale_ms)
		doctor_warn(d, CHECK, "mend what keeps connd from syncing",
		    "%s: last confirmed %s ago: too old for a start to serve it", path,
		    buf_str(&age));
	else
		doctor_ok(
		    d, CHECK, "%s: last confirmed %s ago; a start serves it", path, buf_str(&age));
}

static void
judge_files(struct doctor *d, const struct keys *k)
{
	struct why why;
	const char *path = d->config->snapshot.path;
	struct stamp stamp;
	int r;

	if (strcmp(d->facts->snapshot, "failing") == 0) {
		doctor_fail(d, CHECK, "systemctl status connd; df and ls -ld of its directory",
		    "%s: %s", path, d->facts->snapshot_error);
		return;
	}
	r = read_stamp(d->config, k, &stamp, &why);
	if (r == 0)
		judge_age(d, &stamp);
	else if (r == -ENOENT && strcmp(d->facts->snapshot, "current") == 0)
		doctor_ok(d, CHECK, "%s: current", path);
	else if (r == -ENOENT)
		doctor_warn(d, CHECK, "systemctl start connd: it writes one after its first sync",
		    "%s: there is none yet", path);
	else if (r == -ENOKEY)
		doctor_fail(d, CHECK,
		    "name the old key in [snapshot] previous_key_file (docs/deploy.md)", "%s: %s",
		    path, why.text);
	else
		doctor_fail(d, CHECK, "systemctl restart connd, while the manager is up", "%s: %s",
		    path, why.text);
}

void
doctor_snapshot(struct doctor *d)
{
	struct keys keys = { .has_previous = false };
	struct why why;

	if (doctor_load_config(d, NULL, &why) < 0)
		return;
	if (!d->config->snapshot.path)
		doctor_skip(d, CHECK,
		    "[snapshot] path is not set: a start without the manager has no data");
	else if (read_keys(d, &keys))
		judge_files(d, &keys);
	mem_wipe(&keys, sizeof keys);
}
