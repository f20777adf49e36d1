/* SPDX-License-Identifier: Apache-2.0 */
/* The store on SQLite: making, opening and restoring it; the manager's own secrets. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rnd.h"

/* An object with links to every Deployment of a large Workspace. */
#define MAC_TEXT_MAX (16 * 1024 * 1024)

/* ---- small things ---- */

void
store_new_id(struct id *out)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	out->s[0] = 'c';
	for (int i = 1; i < ID_LENGTH; i++)
		out->s[i] = digits[rnd_below(36)];
	out->s[ID_LENGTH] = '\0';
}

struct span
actor_name(const struct store_actor *by)
{
	return by->name.p ? by->name : SPAN_LITERAL("");
}

int64_t
store_now(void)
{
	return clock_wall_ms();
}

/* ---- opening ---- */

static int
set_up_connection(struct store *s)
{
	int r = db_open(&s->db, s->path, SQLITE_OPEN_READWRITE, &s->absent);

	if (r == 0)
		r = db_error(sqlite3_exec(s->db.h, "PRAGMA journal_mode = WAL", NULL, NULL, NULL));
	if (r == 0)
		r = store_keys_init(s);
	return r == 0 ? tx_init(s) : r;
}

/* make: an empty file, which SQLite takes for a new database. */
static int
open_database(struct store *s, bool make, char why[static STORE_WHY_SIZE])
{
	mode_t was = umask(077);
	int r = lock_database(s->path, make, &s->database_fd, why);

	if (r == 0) {
		r = set_up_connection(s);
		if (r < 0)
			snprintf(why, STORE_WHY_SIZE, "%.400s: %s", s->path,
			    r == -EUCLEAN ? "not a database, or damaged" : strerror(-r));
	}
	(void)umask(was);
	return r;
}

static int
store_new(struct store **out, const char *dir, struct keys *keys, char why[static STORE_WHY_SIZE])
{
	struct store *s = mem_zalloc(sizeof *s);
	size_t n = strlen(dir) + sizeof "/manager.db";
	int r = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->lock_fd = s->database_fd = -1;
	s->keys = keys;
	buf_init(&s->entity_text, 4096);
	buf_init(&s->mac_text, MAC_TEXT_MAX);
	rnd_bytes(s->read_key, sizeof s->read_key);
	s->path = mem_alloc(n);
	if (s->path) {
		snprintf(s->path, n, "%s/manager.db", dir);
		r = lock_directory(dir, &s->lock_fd, why);
	}
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

int
store_create(
    struct store **out, const char *dir, struct keys *keys, char why[static STORE_WHY_SIZE])
{
	struct store *s = NULL;
	int r = store_new(&s, dir, keys, why);

	if (r < 0)
		return r;
	if (access(s->path, F_OK) == 0) {
		snprintf(why, STORE_WHY_SIZE,
		    "%.400s: there is a database already; nothing was changed", s->path);
		(void)store_close(s);
		return -EEXIST;
	}
	r = open_database(s, true, why);
	if (r == 0)
		r = migrate(s, why);
	if (r == 0)
		r = state_make(s);
	if (r == 0)
		r = authentic_load_key(s);
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

int
store_find(const char *dir, char why[static STORE_WHY_SIZE])
{
	char path[4096];
	int r = 0;

	if (snprintf(path, sizeof path, "%s/manager.db", dir) >= (int)sizeof path)
		r = -ENAMETOOLONG;
	else if (access(path, F_OK) < 0)
		r = -errno;
	if (r < 0)
		snprintf(why, STORE_WHY_SIZE,
		    "%.300s/manager.db: %s; make the data directory with `connd-manager init`", dir,
		    strerror(-r));
	return r;
}

/* Opens an existing database, migrates it, and checks its key. */
static int
open_whole(struct store *s, char why[static STORE_WHY_SIZE])
{
	int r = open_database(s, false, why);

	if (r == 0)
		r = migrate(s, why);
	if (r == 0)
		r = state_check(s, why);
	if (r < 0)
		return r;
	r = authentic_load_key(s);
	if (r == -EBADMSG)
		snprintf(why, STORE_WHY_SIZE,
		    "%.300s: the key of its rows' MACs is missing or damaged; restore a backup",
		    s->path);
	else if (r < 0)
		snprintf(why, STORE_WHY_SIZE, "%.300s: %s", s->path, strerror(-r));
	return r;
}

int
store_open(struct store **out, const char *dir, struct keys *keys, char why[static STORE_WHY_SIZE])
{
	struct store *s = NULL;
	int r = store_find(dir, why);

	if (r == 0)
		r = store_new(&s, dir, keys, why);
	if (r < 0)
		return r;
	r = open_whole(s, why);
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

static void
remove_database(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char name[4096];

	for (size_t i = 0; i < N_ELEMENTS(suffixes); i++) {
		if (snprintf(name, sizeof name, "%s%s", path, suffixes[i]) < (int)sizeof name)
			(void)unlink(name); /* may never have been there */
	}
}

int
store_restore(struct store **out, const char *dir, const char *from, struct keys *keys,
    char why[static STORE_WHY_SIZE])
{
	struct store *s = NULL;
	char path[4096];
	uint64_t draw;
	int r = store_new(&s, dir, keys, why);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s", s->path);
	r = store_copy_in(s, from, why);
	if (r < 0)
		goto out;
	r = open_whole(s, why);
	if (r == 0) {
		/* Nobody who knows the store of before takes this one for it. */
		rnd_bytes(&draw, sizeof draw);
		r = db_run(db_query(&s->db, "UPDATE change SET draw = ?", "i", (int64_t)draw));
		if (r < 0)
			snprintf(why, STORE_WHY_SIZE, "%.300s: %s", path, strerror(-r));
	}
	if (r < 0) {
		s = store_close(s);
		remove_database(path);
	}
out:
	if (r < 0)
		s = store_close(s);
	*out = s;
	return r;
}

struct store *
store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < N_ELEMENTS(s->readers); i++)
		reader_close(&s->readers[i]);
	if (s->db.h) {
		deferred_write(s);
		audit_flush(s);
		s->sync = sync_free(s->sync);
		(void)sqlite3_exec(s->db.h, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
		store_tidy(s);
		db_close(&s->db);
	}
	/* Only now: it would drop SQLite's locks. */
	if (s->database_fd >= 0)
		(void)close(s->database_fd); /* nothing was written to it */
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd); /* nor to this one */
	buf_fini(&s->entity_text);
	buf_fini(&s->mac_text);
	mem_free(s->absent.ids);
	(void)arena_free(s->arena);
	mem_free(s->path);
	mem_free(s);
	return NULL;
}

void
store_tidy(struct store *s)
{
	deferred_write(s);
	audit_flush(s);
	if (!s->dirty)
		return;
	if (s->sync) {
		sync_tidy(s);
		return;
	}
	/* With a list being read it cannot be done now, and must not be waited for. */
	(void)sqlite3_busy_timeout(s->db.h, 0);
	if (sqlite3_wal_checkpoint_v2(s->db.h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
	    SQLITE_OK)
		s->dirty = false;
	(void)sqlite3_busy_timeout(s->db.h, 5000);
}

/* ---- the manager's own secrets ---- */

int
store_secret_get(struct store *s, const char *name, struct buf *out)
{
	sqlite3_stmt *st = db_query(&s->db, "SELECT sealed FROM secret WHERE name = ?", "t", name);
	int r = db_row(st);

	if (r == 0)
		return STORE_NOT_FOUND;
	if (r < 0)
		return r;
	r = column_open(s->keys, "secret", name, "sealed", 0, db_blob(st, 0), out);
	(void)sqlite3_reset(st); /* was fine */
	return r;
}

int
secret_insert(struct store *s, const char *name, struct span secret)
{
	struct buf sealed = BUF_INIT(KEYS_OVERHEAD + LIMIT_VALUE);
	int r = column_seal(s->keys, "secret", name, "sealed", 0, secret, &sealed);

	if (r == 0)
		r = db_run(db_query(
		    &s->db, "INSERT INTO secret VALUES (?, ?)", "tb", name, span_of_buf(&sealed)));
	buf_fini(&sealed);
	return r;
}

int
store_secret_put(struct store *s, const char *name, struct span secret)
{
	int r = tx_begin(s);

	return r == 0 ? tx_end(s, secret_insert(s, name, secret)) : r;
}
