/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies the whole database to one file, and back. A copy of an open store is made in a thread,
 * from a connection of its own. A copy gets its name only when it is complete and on disk.
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

#include "base/mem.h"

#define PATH_SIZE 4096

/* ---- one copy ---- */

static int
sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd); /* it was only synced */
	return r;
}

/* Creates an empty file that only we can read, for SQLite to fill. 0 or -errno. */
static int
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	(void)close(fd); /* nothing was written */
	return 0;
}

/* Removes the files of a process that was killed: the partial copy and SQLite's journal. */
static void
remove_part(const char *part)
{
	char journal[PATH_SIZE + 16];

	(void)unlink(part); /* usually there is none */
	(void)snprintf(journal, sizeof journal, "%s-journal", part);
	(void)unlink(journal); /* likewise */
}

/* Copies db to `part`, and gives it its final name. */
static int
fill(struct sqlite_db *db, const char *part, const char *path)
{
	int r = make_file(part);

	if (r < 0)
		return r;
	r = db_run(db_query(&db->db, "VACUUM INTO ?", "t", part));
	if (r == 0)
		r = sync_file(part);
	if (r == 0 && renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0)
		remove_part(part);
	return r == 0 ? file_sync_name(path) : r;
}

/*
 * Copies db to a new database at path, which is on disk when this returns. A failed copy leaves
 * nothing.
 */
static int
copy_to(struct sqlite_db *db, const char *path, struct why *why)
{
	char part[PATH_SIZE];
	int r = 0;

	if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
		r = -ENAMETOOLONG;
	else if (access(path, F_OK) == 0)
		r = -EEXIST;
	else
		remove_part(part);
	if (r == 0)
		r = fill(db, part, path);
	if (r < 0)
		why_set(why, "%.300s: %s", path,
		    r == -EEXIST ? "there is a file already; nothing was changed" : strerror(-r));
	return r;
}

/* ---- in a thread ---- */

struct store_copy {
	pthread_t thread;
	int event_fd; /* readable when it has ended */
	const char *from;
	char path[PATH_SIZE];
	struct why why;
	int result;

	pthread_mutex_t lock; /* of the next two members */
	sqlite3 *busy;        /* the connection to interrupt; NULL while none is copied */
	bool cancelled;
};

/* Notes the connection that is copied. False if the copy was cancelled. */
static bool
set_busy(struct store_copy *c, sqlite3 *h)
{
	bool go;

	(void)pthread_mutex_lock(&c->lock);
	c->busy = h;
	go = !c->cancelled;
	(void)pthread_mutex_unlock(&c->lock);
	return go;
}

static int
copy_database(struct store_copy *c)
{
	static struct absent none;
	struct sqlite_db db;
	int r = sqlite_db_open(&db, c->from, SQLITE_OPEN_READWRITE, &none);

	if (r < 0) {
		why_set(&c->why, "%.300s: %s", c->from, strerror(-r));
		return r;
	}
	r = set_busy(c, db.h) ? copy_to(&db, c->path, &c->why) : -ECANCELED;
	(void)set_busy(c, NULL);
	sqlite_db_close(&db);
	return r;
}

static void *
run(void *arg)
{
	static const uint64_t one = 1;
	struct store_copy *c = arg;

	c->result = copy_database(c);
	(void)!write(c->event_fd, &one, sizeof one); /* cannot be full */
	return NULL;
}

/* Signals are handled in other threads. */
static int
start_thread(struct store_copy *c)
{
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&c->thread, NULL, run, c);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static struct store_copy *
copy_free(struct store_copy *c)
{
	if (c->event_fd >= 0)
		(void)close(c->event_fd); /* an eventfd cannot fail to close */
	(void)pthread_mutex_destroy(&c->lock);
	mem_free(c);
	return NULL;
}

int
copy_begin(struct store_copy **out, struct store *s, const char *path)
{
	struct store_copy *c = mem_zalloc(sizeof *c);
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->from = s->name;
	(void)pthread_mutex_init(&c->lock, NULL); /* cannot fail on Linux */
	c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (snprintf(c->path, sizeof c->path, "%s", path) >= (int)sizeof c->path)
		r = -ENAMETOOLONG;
	else if (c->event_fd < 0)
		r = -errno;
	else
		r = start_thread(c);
	if (r < 0)
		c = copy_free(c);
	*out = c;
	return r;
}

int
store_copy_fd(const struct store_copy *c)
{
	return c->event_fd;
}

int
store_copy_end(struct store_copy *c, struct why *why)
{
	int r;

	(void)pthread_join(c->thread, NULL);
	r = c->result;
	if (r < 0)
		why_set(why, "%s", c->why.text);
	(void)copy_free(c);
	return r;
}

void
store_copy_cancel(struct store_copy *c)
{
	if (!c)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->cancelled = true;
	if (c->busy)
		sqlite3_interrupt(c->busy);
	(void)pthread_mutex_unlock(&c->lock);
	(void)pthread_join(c->thread, NULL);
	(void)copy_free(c);
}

/* ---- back ---- */

int
store_copy_in(struct store *s, const char *from, struct why *why)
{
	struct sqlite_db source;
	int r = sqlite_db_open(&source, from, SQLITE_OPEN_READONLY, &s->absent);

	if (r < 0) {
		why_set(why, "%.300s: %s", from,
		    r == -EUCLEAN ? "not a database, or damaged" : strerror(-r));
		return r;
	}
	r = copy_to(&source, s->name, why);
	sqlite_db_close(&source);
	return r;
}
