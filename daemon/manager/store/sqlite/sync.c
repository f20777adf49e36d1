/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that brings commits to the disk, so that no read waits for it.
 *
 * The loop's connection commits without waiting (synchronous = OFF): the log's pages are then in
 * the kernel, and a process that is killed loses nothing. The thread syncs the log after each
 * commit. When the log has grown, or housekeeping asks, it copies the log into the database (a
 * passive checkpoint, on a connection of its own that does sync). The loop empties the log when all
 * of it is copied.
 *
 * SQLite by itself would begin the log anew as soon as all of it is copied, and write over its old
 * frames. Without a sync in between, a power failure could leave the old head with some old frames
 * after it, which would be played back over newer pages. The guard prevents that: a read
 * transaction at the log's end, from before a checkpoint until the log is emptied (truncated, so no
 * old frame is left).
 */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

/* bytes of the log from which on it is copied, even if nobody asked */
#define LOG_MAX (4 * 1024 * 1024)
#define BUSY_MS 5000

struct sync {
	pthread_t thread;
	bool runs;
	int event_fd;    /* readable when a sync or checkpoint has ended */
	int log_fd;      /* the write-ahead log: SQLite takes no locks on it, so it may be closed */
	sqlite3 *copy;   /* the thread's connection, for checkpoints */
	sqlite3 *guard;  /* the loop's connection for the guard: see guard_log() */
	bool head_syncs; /* another process keeps the log from being emptied: see empty_log() */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	uint64_t committed, synced; /* counts of commits */
	/* commits up to this one may be lost: a sync that failed covered them */
	uint64_t failed;
	int error; /* the reason, -errno */
	bool copy_wanted, copying;
	uint64_t copied; /* the whole log is in the database as of this commit; 0: not known */
	bool ending;
};

/* --- the thread ----------------------------------------------------------------------- */

/* Copies the log. True: all of it is in the database. */
static bool
copy_log(struct sync *y)
{
	int frames = -1, copied = -2;
	int rc =
	    sqlite3_wal_checkpoint_v2(y->copy, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);

	if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
		log_error("checkpoint failed", LOG_STR("reason", sqlite3_errstr(rc)));
	return rc == SQLITE_OK && frames == copied;
}

static bool
log_has_grown(const struct sync *y)
{
	struct stat st;

	return fstat(y->log_fd, &st) == 0 && st.st_size > LOG_MAX;
}

/* The caller holds the lock, which is released meanwhile. */
static void
sync_once(struct sync *y)
{
	uint64_t upto = y->committed;
	int r;

	(void)pthread_mutex_unlock(&y->lock);
	r = fdatasync(y->log_fd) < 0 ? -errno : 0;
	if (r < 0)
		log_error("changes not written to the disk", LOG_STR("reason", strerror(-r)));
	(void)pthread_mutex_lock(&y->lock);
	y->synced = upto;
	if (r < 0) {
		y->failed = upto;
		y->error = r;
	}
}

/* As above. */
static void
copy_once(struct sync *y)
{
	uint64_t upto = y->committed;
	bool whole;

	y->copy_wanted = false;
	y->copying = true;
	(void)pthread_mutex_unlock(&y->lock);
	whole = copy_log(y);
	(void)pthread_mutex_lock(&y->lock);
	y->copying = false;
	y->copied = whole ? upto : 0;
}

static void *
run(void *arg)
{
	static const uint64_t one = 1;
	struct sync *y = arg;

	(void)pthread_mutex_lock(&y->lock);
	while (!y->ending || y->synced != y->committed) {
		if (y->synced != y->committed)
			sync_once(y);
		else if (y->copy_wanted)
			copy_once(y);
		else {
			(void)pthread_cond_wait(&y->wake, &y->lock);
			continue;
		}
		/* if it is full, it is readable already */
		(void)!write(y->event_fd, &one, sizeof one);
	}
	(void)pthread_mutex_unlock(&y->lock);
	return NULL;
}

/* Signals are handled in the loop's thread. */
static int
start_thread(struct sync *y)
{
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&y->thread, NULL, run, y);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	y->runs = r == 0;
	return -r;
}

/* --- begin and end -------------------------------------------------------------------- */

static int
open_connection(const char *path, sqlite3 **out)
{
	int rc = sqlite3_open_v2(
	    path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(*out,
		    "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
		    "PRAGMA busy_timeout = 0; PRAGMA cache_size = -64",
		    NULL, NULL, NULL);
	return db_error(rc);
}

/* The log's file exists since the store was opened, but its name may not be on disk yet. */
static int
open_log(struct sync *y, const char *path)
{
	char name[4096];
	int r;

	if (snprintf(name, sizeof name, "%s-wal", path) >= (int)sizeof name)
		return -ENAMETOOLONG;
	y->log_fd = open(name, O_RDONLY | O_CLOEXEC);
	if (y->log_fd < 0)
		return -errno;
	r = fsync(y->log_fd) < 0 ? -errno : 0;
	return r < 0 ? r : file_sync_name(name);
}

struct sync *
sync_free(struct sync *y)
{
	if (!y)
		return NULL;
	if (y->runs) {
		(void)pthread_mutex_lock(&y->lock);
		y->ending = true;
		(void)pthread_cond_signal(&y->wake);
		(void)pthread_mutex_unlock(&y->lock);
		(void)pthread_join(y->thread, NULL);
	}
	(void)sqlite3_close(y->copy);
	(void)sqlite3_close(y->guard);
	if (y->log_fd >= 0)
		(void)close(y->log_fd); /* it was only read */
	if (y->event_fd >= 0)
		(void)close(y->event_fd); /* a counter */
	(void)pthread_mutex_destroy(&y->lock);
	(void)pthread_cond_destroy(&y->wake);
	mem_free(y);
	return NULL;
}

static int
sync_new(struct sync **out, const char *path, uint64_t commits)
{
	struct sync *y = mem_zalloc(sizeof *y);
	int r;

	if (!y)
		return -ENOMEM;
	y->log_fd = -1;
	y->committed = y->synced = commits;
	(void)pthread_mutex_init(&y->lock, NULL); /* cannot fail on Linux */
	(void)pthread_cond_init(&y->wake, NULL);  /* this cannot, either */
	y->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = y->event_fd < 0 ? -errno : open_log(y, path);
	if (r == 0)
		r = open_connection(path, &y->copy);
	if (r == 0)
		r = open_connection(path, &y->guard);
	if (r == 0)
		r = start_thread(y);
	if (r < 0)
		y = sync_free(y);
	*out = y;
	return r;
}

int
sync_start(struct store *s)
{
	int rc, r = sync_new(&sqlite_of(s)->sync, s->name, s->commits);

	if (r < 0)
		return r;
	rc = sqlite3_exec(sqlite_of(s)->db.h,
	    "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		sqlite_of(s)->sync = sync_free(sqlite_of(s)->sync);
	return db_error(rc);
}

/* --- the loop's side ------------------------------------------------------------------ */

void
sync_committed(struct store *s)
{
	struct sync *y = sqlite_of(s)->sync;

	if (!y)
		return;
	(void)pthread_mutex_lock(&y->lock);
	y->committed = s->commits;
	(void)pthread_cond_signal(&y->wake);
	(void)pthread_mutex_unlock(&y->lock);
}

int
sync_fd(const struct store *s)
{
	return sqlite_of(s)->sync ? sqlite_of(s)->sync->event_fd : -1;
}

/*
 * Makes the guard, a read transaction, read the end of the log: SQLite does not overwrite a log
 * that is being read. Not when all of the log is copied: then the transaction would read the
 * database file, and guard nothing.
 */
static bool
guard_log(struct sync *y)
{
	int rc;

	/* there may be no transaction */
	(void)sqlite3_exec(y->guard, "ROLLBACK", NULL, NULL, NULL);
	rc = sqlite3_exec(y->guard, "BEGIN; SELECT 1 FROM state", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		log_error("the read transaction that protects the write-ahead log cannot begin",
		    LOG_STR("reason", sqlite3_errstr(rc)));
	return rc == SQLITE_OK;
}

static bool
is_being_read(const struct store *s)
{
	for (size_t i = 0; i < N_ELEMENTS(sqlite_of(s)->readers); i++)
		if (sqlite_of(s)->readers[i].reader.n_cursors > 0)
			return true;
	return false;
}

int
sync_at_commit(struct store *s, bool on)
{
	const char *level = on || !sqlite_of(s)->sync        ? "PRAGMA synchronous = FULL"
			    : sqlite_of(s)->sync->head_syncs ? "PRAGMA synchronous = NORMAL"
							     : "PRAGMA synchronous = OFF";

	return db_error(sqlite3_exec(sqlite_of(s)->db.h, level, NULL, NULL, NULL));
}

/*
 * Call it when all of the log is copied and nothing was written since: empties the log. If another
 * process that reads the database prevents that, each commit that begins the log anew syncs its
 * head, as SQLite does by itself, until the log can be emptied. That mode is set before the guard
 * ends, and unset when the log is empty.
 */
static void
empty_log(struct store *s)
{
	struct sync *y = sqlite_of(s)->sync;

	y->head_syncs = true;
	if (sync_at_commit(s, false) < 0)
		return; /* out of memory: the guard stays */
	(void)sqlite3_exec(y->guard, "ROLLBACK", NULL, NULL, NULL); /* the transaction exists */
	(void)sqlite3_busy_timeout(sqlite_of(s)->db.h, 0);
	y->head_syncs = sqlite3_wal_checkpoint_v2(sqlite_of(s)->db.h, NULL,
			    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK;
	(void)sqlite3_busy_timeout(sqlite_of(s)->db.h, BUSY_MS);
	sqlite_of(s)->dirty = y->head_syncs;
	if (sync_at_commit(s, false) < 0)
		log_warn(
		    "out of memory: commits that begin the write-ahead log anew wait for the disk");
}

static void
copy_log_soon(struct sync *y)
{
	(void)pthread_mutex_lock(&y->lock);
	if (!y->copying && !y->copy_wanted && guard_log(y)) {
		y->copy_wanted = true;
		(void)pthread_cond_signal(&y->wake);
	}
	(void)pthread_mutex_unlock(&y->lock);
}

static uint64_t
copied_upto(struct sync *y)
{
	uint64_t copied;

	(void)pthread_mutex_lock(&y->lock);
	copied = y->copying || y->copy_wanted ? 0 : y->copied;
	(void)pthread_mutex_unlock(&y->lock);
	return copied;
}

void
sync_tidy(struct store *s)
{
	if (!sqlite_of(s)->dirty)
		return;
	if (copied_upto(sqlite_of(s)->sync) != s->commits)
		copy_log_soon(sqlite_of(s)->sync);
	else if (!is_being_read(s))
		empty_log(s);
}

struct store_synced
sync_state(const struct store *s)
{
	struct sync *y = sqlite_of(s)->sync;
	struct store_synced now = { .upto = s->commits };

	if (!y)
		return now;
	(void)pthread_mutex_lock(&y->lock);
	now = (struct store_synced){ y->synced, y->failed, y->error };
	(void)pthread_mutex_unlock(&y->lock);
	return now;
}

void
sync_turn(struct store *s)
{
	struct sync *y = sqlite_of(s)->sync;
	uint64_t n;

	if (!y)
		return;
	(void)!read(y->event_fd, &n, sizeof n); /* only the wake-up matters */
	if (copied_upto(y) == s->commits || log_has_grown(y))
		sync_tidy(s);
}
