/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/disk/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "core/backoff.h"
#include "core/snapshot/content.h"
#include "edge/disk/disk.h"

#define STAMP_EVERY_MS    (60 * 1000)
#define CONTENT_EVERY_MS  (2 * 1000)  /* a storm of changes is not a storm of writes */
#define RETRY_MS          (60 * 1000) /* after a disk that failed: the longest pause */
#define RETRY_NEW_MS      (10 * 1000) /* the longest when the content is newer than what failed */
#define COMPLAIN_EVERY_MS (10 * 60 * 1000)
#define STAMP_BYTES       4096
#define FILE_SLACK        (1024 * 1024) /* what sealing adds to max_bytes of records */
#define PATH_SIZE         4096

/* Both keys, in locked memory; the second only to read what an earlier key has sealed. */
struct keys {
	struct arena *arena;
	uint8_t *newest, *previous; /* previous: NULL when there is none */
};

struct snapshot {
	struct loop *loop;
	struct replica *replica;
	const struct config *config;
	struct keys keys;
	struct disk *disk;
	char url[SNAPSHOT_URL_SIZE];

	bool dirty;                     /* what is served is not what was last handed to the disk */
	uint8_t id[SNAPSHOT_ID_SIZE];   /* of what was */
	bool on_disk;                   /* and it is there */
	struct snapshot_writer *writer; /* a content under way; its bytes so far */
	struct buf bytes;
	uint8_t writing_id[SNAPSHOT_ID_SIZE];
	struct later job;
	struct alarm *alarm; /* the next content may begin: at due_ms, INT64_MAX: never */
	int64_t due_ms;
	struct backoff backoff;
	int64_t not_before_ms; /* the disk failed: no content before, however new */
	int64_t begun_ms, stamped_ms;
	bool stamped_refused; /* what the newest stamp says */
	int64_t stamped_floor_ms;
	bool failing;
	int64_t complained_ms;
	bool closed;
};

/* --- keys ---------------------------------------------------------------------------------- */

static struct keys
keys_free(struct keys k)
{
	arena_free(k.arena);
	return (struct keys){ 0 };
}

static int
read_key(struct arena *a, const char *path, uint8_t **out, char why[static SNAPSHOT_ERROR_SIZE])
{
	*out = arena_alloc(a, SEAL_KEY_SIZE, 8);
	if (!*out) {
		(void)snprintf(why, SNAPSHOT_ERROR_SIZE, "no memory for the snapshot's key");
		return arena_error(a);
	}
	return file_read_key(path, *out, why);
}

/* Is it in the directory of the snapshot? Then whoever takes one has the other too. */
static bool
lies_beside(const char *key, const char *path)
{
	const char *a = strrchr(key, '/'), *b = strrchr(path, '/');
	size_t na = a ? (size_t)(a - key) : 0, nb = b ? (size_t)(b - path) : 0;

	return na == nb && memcmp(key, path, na) == 0;
}

/* The one that is configured, or the systemd credential; false: there is none. */
static bool
key_path(const struct config *c, char out[static PATH_SIZE])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (c->snapshot.key_file)
		return (size_t)snprintf(out, PATH_SIZE, "%s", c->snapshot.key_file) < PATH_SIZE;
	return dir && (size_t)snprintf(out, PATH_SIZE, "%s/snapshot-key", dir) < PATH_SIZE &&
	       access(out, F_OK) == 0;
}

static int
keys_read(struct keys *out, const struct config *c, char why[static SNAPSHOT_ERROR_SIZE])
{
	struct keys k = { 0 };
	char path[PATH_SIZE];
	int r;

	if (!key_path(c, path)) {
		(void)snprintf(why, SNAPSHOT_ERROR_SIZE,
		    "[snapshot] path is set and no key: set key_file, or pass a systemd "
		    "credential named snapshot-key");
		return -ENOKEY;
	}
	if (lies_beside(path, c->snapshot.path)) {
		(void)snprintf(why, SNAPSHOT_ERROR_SIZE,
		    "[snapshot] key_file lies in the directory of the snapshot: whoever copies one "
		    "has the other; keep it elsewhere");
		return -EINVAL;
	}
	r = arena_new(&k.arena, 4096, c->memory.lock);
	if (r == 0)
		r = read_key(k.arena, path, &k.newest, why);
	if (r == 0 && c->snapshot.previous_key_file)
		r = read_key(k.arena, c->snapshot.previous_key_file, &k.previous, why);
	if (r == 0)
		r = arena_seal(k.arena);
	if (r < 0)
		keys_free(k);
	else
		*out = k;
	return r;
}

int
snapshot_check(const struct config *config, char why[static SNAPSHOT_ERROR_SIZE])
{
	struct keys k = { 0 };
	int r;

	if (!config->snapshot.path)
		return 0;
	r = keys_read(&k, config, why);
	keys_free(k);
	return r;
}

/* --- what the format wants to know ------------------------------------------------------------- */

static struct snapshot_owner
owner_of(const struct config *c)
{
	return (struct snapshot_owner){ c->manager.organization, c->manager.deployment,
		c->manager.workspace };
}

static struct snapshot_keys
keys_of(const struct snapshot *s)
{
	return (struct snapshot_keys){ s->keys.newest, s->keys.previous };
}

/* 36 characters of hexadecimal digits and dashes; hidden where /proc shows processes only. */
static bool
read_boot_id(uint8_t id[static MOMENT_BOOT_ID_SIZE])
{
	struct buf text = BUF_INIT(256);
	char why[FILE_WHY_SIZE], digits[2 * MOMENT_BOOT_ID_SIZE];
	size_t n = 0;
	bool good;

	good = file_read("/proc/sys/kernel/random/boot_id", &text, why) == 0;
	for (const char *p = buf_str(&text); good && *p && n < sizeof digits; p++)
		if (*p != '-')
			digits[n++] = *p;
	good = good && hex_decode(id, MOMENT_BOOT_ID_SIZE, digits, n);
	buf_fini(&text);
	return good;
}

static struct moment
moment_now(void)
{
	struct moment m = { .boot_ms = clock_boot_ms(), .wall_ms = clock_wall_ms() };

	m.has_boot_id = read_boot_id(m.boot_id);
	return m;
}

/* --- writing ----------------------------------------------------------------------------------------- */

static void
complain(struct snapshot *s, const char *why)
{
	int64_t now_ms = clock_boot_ms();

	if (s->failing && now_ms - s->complained_ms < COMPLAIN_EVERY_MS)
		return;
	log_warn("snapshot not written, the one before stays", LOG_STR("reason", why));
	s->failing = true;
	s->complained_ms = now_ms;
}

/* A content is due then, if not sooner. */
static void
write_at(struct snapshot *s, int64_t at_ms)
{
	if (s->closed || at_ms >= s->due_ms)
		return;
	s->due_ms = at_ms;
	alarm_set(s->alarm, at_ms);
}

static int64_t
jitter(void *env, int64_t low, int64_t high)
{
	(void)env;
	return rnd_between(low, high);
}

/* The same content is tried again with longer and longer pauses; what is new by then has a shorter one. */
static void
try_later(struct snapshot *s, const char *why)
{
	int64_t now_ms = clock_boot_ms(),
		pause_ms = backoff_next(&s->backoff, RETRY_MS, 0, jitter, NULL),
		new_ms = rnd_between(RETRY_NEW_MS / 2, RETRY_NEW_MS);

	complain(s, why);
	s->dirty = true;
	s->not_before_ms = now_ms + (pause_ms < new_ms ? pause_ms : new_ms);
	write_at(s, now_ms + pause_ms);
}

static void
give_up(struct snapshot *s, const char *why)
{
	s->writer = snapshot_writer_free(s->writer);
	buf_fini(&s->bytes);
	try_later(s, why);
}

static void
begin(struct snapshot *s)
{
	struct snapshot_owner owner = owner_of(s->config);
	struct snapshot_keys keys = keys_of(s);
	struct moment now = moment_now();
	struct replica_memory memory;
	struct snapshot_about about;

	if (!replica_remember(s->replica, &memory))
		return;
	s->begun_ms = now.boot_ms;
	s->dirty = false;
	snapshot_about_fill(&about, &memory, &now, s->url);
	memcpy(s->writing_id, about.id, sizeof s->writing_id);
	if (snapshot_writer_new(&s->writer, replica_current(s->replica), &about, &owner, &keys) <
	    0) {
		give_up(s, "memory is out");
		return;
	}
	buf_init(&s->bytes, snapshot_writer_left(s->writer));
	/* Room for all of it at once: growing would copy, and wipe what it copied from. */
	(void)buf_room(&s->bytes, s->bytes.max);
	loop_after_turn(s->loop, &s->job);
}

static void
hand_over(struct snapshot *s)
{
	void *bytes;
	size_t n;

	s->writer = snapshot_writer_free(s->writer);
	bytes = buf_take(&s->bytes, &n);
	if (!bytes) {
		give_up(s, "memory is out");
		return;
	}
	memcpy(s->id, s->writing_id, sizeof s->id);
	s->on_disk = false;
	disk_write(s->disk, DISK_CONTENT, bytes, n);
}

/* True: there is more to do. */
static bool
step(struct snapshot *s)
{
	int r = snapshot_writer_step(s->writer, &s->bytes);

	if (r < 0)
		give_up(s, "memory is out");
	else if (r == 0)
		hand_over(s);
	return r > 0;
}

static void
on_job(struct later *job)
{
	struct snapshot *s = (struct snapshot *)((char *)job - offsetof(struct snapshot, job));

	if (step(s))
		loop_after_turn(s->loop, &s->job);
}

static void
on_alarm(void *arg)
{
	struct snapshot *s = arg;

	s->due_ms = INT64_MAX;
	if (s->dirty && !s->writer)
		begin(s);
}

/* What was handed to the disk is not it any more. */
static void
make_due(struct snapshot *s)
{
	int64_t at_ms = s->begun_ms + CONTENT_EVERY_MS;

	s->dirty = true;
	write_at(s, at_ms > s->not_before_ms ? at_ms : s->not_before_ms);
}

void
snapshot_changed(struct snapshot *s, const char *url)
{
	if (!s || s->closed)
		return;
	(void)snprintf(s->url, sizeof s->url, "%s", url);
	make_due(s);
}

/*
 * Only of what is served: a stamp for older content would make that look confirmed. Without any it is there
 * to say that the manager wants to be left alone.
 */
static void
write_stamp(struct snapshot *s)
{
	struct snapshot_owner owner = owner_of(s->config);
	struct snapshot_keys keys = keys_of(s);
	struct moment now = moment_now();
	struct buf b = BUF_INIT(STAMP_BYTES);
	struct replica_memory memory;
	struct snapshot_stamp stamp;
	bool has_data = replica_remember(s->replica, &memory);
	void *bytes;
	size_t n;

	if (s->dirty || s->writer || (!has_data && memory.floor_ms <= now.boot_ms))
		return;
	snapshot_stamp_fill(&stamp, s->id, &memory, &now);
	snapshot_stamp_write(&b, &stamp, &owner, &keys);
	bytes = buf_take(&b, &n);
	buf_fini(&b);
	if (!bytes)
		return;
	s->stamped_ms = now.boot_ms;
	s->stamped_refused = memory.refused;
	s->stamped_floor_ms = memory.floor_ms;
	disk_write(s->disk, DISK_STAMP, bytes, n);
}

/* What a run after a crash must know: that the manager refuses, or when it may be asked again. */
static bool
stamp_is_wrong(const struct snapshot *s, int64_t now_ms)
{
	struct replica_memory m;

	(void)replica_remember(s->replica, &m);
	return m.refused != s->stamped_refused ||
	       (m.floor_ms > now_ms && m.floor_ms != s->stamped_floor_ms);
}

void
snapshot_stamp(struct snapshot *s)
{
	int64_t now_ms = clock_boot_ms();

	if (!s || s->closed)
		return;
	/* A change that came while the last content was being written. */
	if (s->dirty && !s->writer && s->due_ms == INT64_MAX)
		write_at(s, now_ms + CONTENT_EVERY_MS);
	if (!s->on_disk && replica_current(s->replica))
		return; /* the disk is at its content, and may fail: the stamp of the one before stays */
	if (now_ms - s->stamped_ms >= STAMP_EVERY_MS || stamp_is_wrong(s, now_ms))
		write_stamp(s);
}

static void
on_written(void *env, enum disk_file file, int error, const char *why)
{
	struct snapshot *s = env;

	if (error < 0) {
		if (file == DISK_CONTENT)
			try_later(s, why);
		else
			complain(s, why);
		return;
	}
	if (s->failing)
		log_info("snapshot written again");
	s->failing = false;
	if (file != DISK_CONTENT)
		return;
	s->on_disk = true;
	backoff_reset(&s->backoff);
	s->not_before_ms = 0;
	if (s->dirty)
		write_at(s, clock_boot_ms() + CONTENT_EVERY_MS);
	snapshot_stamp(s);
}

bool
snapshot_is_current(const struct snapshot *s)
{
	return s && !s->dirty && !s->writer && s->on_disk;
}

/* --- reading ---------------------------------------------------------------------------------------------- */

struct found {
	struct generation *generation;
	struct snapshot_about about;
	bool rewrite; /* it is not the newest file, or not under the newest key */
};

static int
on_more(void *env, void *to, size_t n)
{
	int r = file_take(*(int *)env, to, n);

	if (r == -ENODATA)
		return -EBADMSG; /* it has become shorter */
	return r < 0 ? -EIO : 0;
}

/* One file. 0, or -errno as snapshot_read(); -ENOENT: it is not there. */
static int
read_content(struct snapshot *s, const char *suffix, const struct moment *now, struct found *out,
    char why[static SNAPSHOT_ERROR_SIZE])
{
	const struct config *c = s->config;
	struct snapshot_owner owner = owner_of(c);
	struct snapshot_keys keys = { s->keys.newest, NULL };
	struct snapshot_source file = { .read = on_more };
	int r, fd = disk_open(
		   c->snapshot.path, suffix, c->memory.max_bytes + FILE_SLACK, &file.size, why);

	if (fd < 0)
		return fd;
	file.env = &fd;
	r = snapshot_read(&out->generation, &out->about, &file, &owner, &keys, now, c->memory.lock,
	    c->memory.max_bytes, why);
	if (r == -ENOKEY && s->keys.previous && lseek(fd, 0, SEEK_SET) == 0) {
		keys.previous = s->keys.previous;
		out->rewrite = true;
		r = snapshot_read(&out->generation, &out->about, &file, &owner, &keys, now,
		    c->memory.lock, c->memory.max_bytes, why);
	}
	(void)close(fd); /* only read from */
	return r;
}

/* Then the one before may do: damaged, or lost, or the disk can not bring it back. */
static bool
is_lost(int r)
{
	return r == -EBADMSG || r == -ENOENT || r == -EIO;
}

/* The newest content, or when that is lost the one before. */
static int
find_content(struct snapshot *s, const struct moment *now, struct found *out,
    char why[static SNAPSHOT_ERROR_SIZE])
{
	char newest[SNAPSHOT_ERROR_SIZE] = "";
	int r = read_content(s, "", now, out, newest), prev;

	(void)snprintf(why, SNAPSHOT_ERROR_SIZE, "%s", newest);
	if (!is_lost(r))
		return r;
	prev = read_content(s, ".prev", now, out, why);
	if (prev < 0) {
		(void)snprintf(why, SNAPSHOT_ERROR_SIZE, "%s", newest);
		return r;
	}
	log_warn("snapshot damaged, the one before it is used", LOG_STR("reason", newest));
	out->rewrite = true;
	return 0;
}

/* False: there is none that may be believed. */
static bool
find_stamp(struct snapshot *s, struct snapshot_stamp *out)
{
	struct snapshot_owner owner = owner_of(s->config);
	struct snapshot_keys keys = keys_of(s);
	struct buf file = BUF_INIT(STAMP_BYTES);
	char why[SNAPSHOT_ERROR_SIZE] = "";
	int r = disk_read(s->config->snapshot.path, ".stamp", &file, why);

	if (r == 0)
		r = snapshot_stamp_read(out, span_of_buf(&file), &owner, &keys, why);
	if (r < 0 && r != -ENOENT)
		log_warn("snapshot's stamp ignored", LOG_STR("reason", why));
	buf_fini(&file);
	return r == 0;
}

static void
say_hold_off(int64_t now_ms, int64_t floor_ms)
{
	if (floor_ms > now_ms)
		log_info("the manager is not asked yet: it wanted to be left alone (Retry-After)",
		    LOG_INT("for_ms", floor_ms - now_ms));
}

/* A start without data; the manager's wish to be left alone holds all the same. */
static void
load_nothing(struct snapshot *s, const struct snapshot_stamp *stamp, const struct moment *now)
{
	int64_t floor_ms = stamp ? snapshot_stamp_floor(stamp, now) : now->boot_ms;

	replica_hold_off(s->replica, now->boot_ms, floor_ms);
	say_hold_off(now->boot_ms, floor_ms);
}

void
snapshot_load(struct snapshot *s)
{
	struct moment now = moment_now();
	char why[SNAPSHOT_ERROR_SIZE] = "";
	struct snapshot_stamp stamp, *stamped = NULL;
	struct replica_memory memory;
	struct found found = { 0 };
	int r;

	if (!s)
		return;
	r = find_content(s, &now, &found, why);
	/* Of a content that is another's, or under another key, the stamp is too. */
	if ((r == 0 || is_lost(r)) && find_stamp(s, &stamp))
		stamped = &stamp;
	if (r == 0)
		r = snapshot_recall(&memory, &found.about, stamped, &now,
		    s->config->freshness.windows.max_stale_ms, why);
	if (r < 0) {
		generation_unref(found.generation);
		if (r == -ENOENT)
			log_info("no snapshot yet");
		else
			log_warn("snapshot refused", LOG_STR("reason", why));
		load_nothing(s, stamped, &now);
		return;
	}
	memcpy(s->id, found.about.id, sizeof s->id);
	s->on_disk = true;
	s->stamped_refused = memory.refused;
	s->stamped_floor_ms = memory.floor_ms;
	(void)snprintf(s->url, sizeof s->url, "%s", found.about.url);
	replica_load(s->replica, now.boot_ms, found.generation, &memory);
	log_info("snapshot loaded", LOG_INT("generation", (int64_t)memory.generation),
	    LOG_INT("age_ms", now.boot_ms - memory.confirmed_ms), LOG_STR("manager", s->url));
	say_hold_off(now.boot_ms, memory.floor_ms);
	if (found.rewrite)
		snapshot_changed(s, found.about.url);
}

/* --- birth and end --------------------------------------------------------------------------------------------- */

int
snapshot_new(struct snapshot **out, struct loop *loop, struct replica *replica,
    const struct config *config, char why[static SNAPSHOT_ERROR_SIZE])
{
	struct snapshot *s;
	int r;

	*out = NULL;
	if (!config->snapshot.path)
		return 0;
	(void)snprintf(why, SNAPSHOT_ERROR_SIZE, "memory is out");
	s = mem_zalloc(sizeof *s);
	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->replica = replica;
	s->config = config;
	s->job.run = on_job;
	s->begun_ms = -CONTENT_EVERY_MS;
	s->stamped_ms = clock_boot_ms();
	s->due_ms = INT64_MAX;
	r = alarm_new(&s->alarm, loop, on_alarm, s);
	if (r == 0)
		r = keys_read(&s->keys, config, why);
	if (r == 0) {
		r = disk_new(&s->disk, loop, config->snapshot.path, on_written, s);
		if (r < 0)
			(void)snprintf(
			    why, SNAPSHOT_ERROR_SIZE, "the snapshot's thread: %s", strerror(-r));
	}
	if (r < 0)
		snapshot_free(s, 0);
	else
		*out = s;
	return r;
}

int
snapshot_use(struct snapshot *s, const struct config *config, char why[static SNAPSHOT_ERROR_SIZE])
{
	struct keys k;
	bool other;
	int r = keys_read(&k, config, why);

	if (r < 0)
		return r;
	other = !hash_equal(k.newest, s->keys.newest, SEAL_KEY_SIZE);
	/* A content under way is of the old key: it is begun anew below. */
	s->dirty = s->dirty || s->writer;
	s->writer = snapshot_writer_free(s->writer);
	buf_fini(&s->bytes);
	loop_forget(s->loop, &s->job);
	keys_free(s->keys);
	s->keys = k;
	s->config = config;
	if (other || s->dirty)
		make_due(s);
	return 0;
}

void
snapshot_close(struct snapshot *s)
{
	if (!s || s->closed)
		return;
	alarm_set(s->alarm, INT64_MAX);
	loop_forget(s->loop, &s->job);
	if (s->dirty && !s->writer)
		begin(s);
	loop_forget(s->loop, &s->job);
	while (s->writer && step(s))
		;
	write_stamp(s);
	s->closed = true;
}

struct snapshot *
snapshot_free(struct snapshot *s, int ms)
{
	if (!s)
		return NULL;
	loop_forget(s->loop, &s->job);
	s->writer = snapshot_writer_free(s->writer);
	buf_fini(&s->bytes);
	s->disk = disk_free(s->disk, ms);
	s->alarm = alarm_free(s->alarm);
	s->keys = keys_free(s->keys);
	mem_free(s);
	return NULL;
}
