/* SPDX-License-Identifier: Apache-2.0 */
/* The store on SQLite: making, opening and restoring it; its transactions. */
#include "manager/store/sqlite/sqlite.h"
#include "manager/store/sqlite/open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rnd.h"

/* ---- transactions ---- */

/* Prepared when the store opens, so that it needs no memory later. */
static struct statement *
rollback_statement(struct store *s)
{
	return db_query(store_db(s), "ROLLBACK", "");
}

static int
rollback(struct store *s)
{
	return store_in_transaction(s) ? db_run(rollback_statement(s)) : 0;
}

static int
begin(struct store *s)
{
	int r = rollback(s); /* a transaction that could not be rolled back before */

	if (r == 0)
		r = reserve_check(s);
	return r == 0 ? db_run(db_query(store_db(s), "BEGIN IMMEDIATE", "")) : r;
}

static int
commit(struct store *s)
{
	int r = db_run(db_query(store_db(s), "COMMIT", ""));

	if (r != 0)
		return r;
	s->commits++;
	sqlite_of(s)->dirty = true;
	sync_committed(s);
	return 0;
}

/* ---- the end ---- */

static void
tidy(struct store *s)
{
	struct sqlite_store *q = sqlite_of(s);

	if (!q->dirty)
		return;
	if (q->sync) {
		sync_tidy(s);
		return;
	}
	/* While a list is being read this cannot be done, and must not wait for it. */
	(void)sqlite3_busy_timeout(q->db.h, 0);
	if (sqlite3_wal_checkpoint_v2(q->db.h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
	    SQLITE_OK)
		q->dirty = false;
	(void)sqlite3_busy_timeout(q->db.h, 5000);
}

static void
close_store(struct store *s)
{
	struct sqlite_store *q = sqlite_of(s);

	for (size_t i = 0; i < N_ELEMENTS(q->readers); i++)
		reader_close(&q->readers[i]);
	if (q->db.h) {
		store_flush(s);
		q->sync = sync_free(q->sync);
		(void)sqlite_exec(&q->db, "PRAGMA synchronous = FULL");
		tidy(s);
		sqlite_db_close(&q->db);
	}
	/* Closed last: closing it drops SQLite's locks. */
	if (q->database_fd >= 0)
		(void)close(q->database_fd); /* nothing was written to it */
	if (q->lock_fd >= 0)
		(void)close(q->lock_fd); /* nor to it */
	session_fini(&q->session);
	store_fini(s);
	mem_free(q);
}

static uint64_t
file_size(const char *path, const char *suffix)
{
	char name[4096];
	struct stat st;

	if (snprintf(name, sizeof name, "%s%s", path, suffix) >= (int)sizeof name ||
	    stat(name, &st) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

static uint64_t
bytes(struct store *s)
{
	return file_size(s->name, "") + file_size(s->name, "-wal");
}

static const struct engine engine = {
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.take_reader = reader_take,
	.leave_reader = reader_leave,
	.list_statement = reader_statement,
	.leave_statement = reader_leave_statement,
	.rewrap = keys_rewrap_all,
	.tidy = tidy,
	.bytes = bytes,
	.may_wait = rehearsal_may_wait,
	.set_wait = rehearsal_set_wait,
	.session_end = rehearsal_session_end,
	.rehearse_waits = rehearsal_begin,
	.sync_in_thread = sync_start,
	.sync_fd = sync_fd,
	.sync_turn = sync_turn,
	.synced = sync_state,
	.keep_reserve = reserve_keep,
	.copy_begin = copy_begin,
	.use_reserve = reserve_release,
	.fill_reserve = reserve_refill,
	.close = close_store,
};

/* ---- opening ---- */

static int
set_up_connection(struct store *s)
{
	struct sqlite_store *q = sqlite_of(s);
	int r = sqlite_db_open(&q->db, s->name, SQLITE_OPEN_READWRITE, &s->absent);

	if (r == 0)
		r = sqlite_exec(&q->db, "PRAGMA journal_mode = WAL");
	if (r == 0)
		r = store_keys_init(s);
	return r == 0 && !rollback_statement(s) ? -ENOMEM : r;
}

/* make: the file is empty, which SQLite takes for a new database. */
static int
open_database(struct store *s, bool make, struct why *why)
{
	mode_t was = umask(077);
	int r = lock_database(s->name, make, &sqlite_of(s)->database_fd, why);

	if (r == 0) {
		r = set_up_connection(s);
		if (r < 0)
			why_set(why, "%.400s: %s", s->name,
			    r == -EUCLEAN ? "not a database, or damaged" : strerror(-r));
	}
	(void)umask(was);
	return r;
}

static int
store_new(struct store **out, const char *dir, struct keys *keys, struct why *why)
{
	struct sqlite_store *q = mem_zalloc(sizeof *q);
	char path[4096];
	int r;

	*out = NULL;
	if (!q)
		return -ENOMEM;
	q->lock_fd = q->database_fd = -1;
	session_init(&q->session, &q->db.db);
	q->store.session = &q->session;
	r = snprintf(path, sizeof path, "%s/manager.db", dir) < (int)sizeof path ? 0
										 : -ENAMETOOLONG;
	if (r == 0)
		r = store_init(&q->store, &engine, keys, path);
	if (r < 0) {
		why_set(why, "%.300s: %s", dir, strerror(-r));
		session_fini(&q->session);
		mem_free(q);
		return r;
	}
	*out = &q->store;
	r = lock_directory(dir, &q->lock_fd, why);
	if (r < 0)
		*out = store_close(*out);
	return r;
}

int
sqlite_create(struct store **out, const char *dir, struct keys *keys, struct why *why)
{
	struct store *s = NULL;
	int r = store_new(&s, dir, keys, why);

	if (r < 0)
		return r;
	if (access(s->name, F_OK) == 0) {
		why_set(why, "%.400s: there is a database already; nothing was changed", s->name);
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
sqlite_find(const char *dir, struct why *why)
{
	char path[4096];
	int r = 0;

	if (snprintf(path, sizeof path, "%s/manager.db", dir) >= (int)sizeof path)
		r = -ENAMETOOLONG;
	else if (access(path, F_OK) < 0)
		r = -errno;
	if (r < 0)
		why_set(why,
		    "%.300s/manager.db: %s; make the data directory with `connd-manager init`", dir,
		    strerror(-r));
	return r;
}

/* Opens an existing database, migrates it, and checks its key. */
static int
open_whole(struct store *s, struct why *why)
{
	int r = open_database(s, false, why);

	if (r == 0)
		r = migrate(s, why);
	if (r == 0)
		r = state_check(s, false, why);
	return r == 0 ? state_load(s, why) : r;
}

int
sqlite_open(struct store **out, const char *dir, struct keys *keys, struct why *why)
{
	struct store *s = NULL;
	int r = sqlite_find(dir, why);

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
			(void)unlink(name); /* it may never have existed */
	}
}

int
sqlite_restore(
    struct store **out, const char *dir, const char *from, struct keys *keys, struct why *why)
{
	struct store *s = NULL;
	char path[4096];
	uint64_t draw;
	int r = store_new(&s, dir, keys, why);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s", s->name);
	r = store_copy_in(s, from, why);
	if (r < 0)
		goto out;
	r = open_whole(s, why);
	if (r == 0) {
		/*
		 * New random bits, so that no client takes a version of this store for one of the
		 * store before.
		 */
		rnd_bytes(&draw, sizeof draw);
		r = db_run(db_query(store_db(s), "UPDATE change SET draw = ?", "i", (int64_t)draw));
		if (r < 0)
			why_set(why, "%.300s: %s", path, strerror(-r));
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
