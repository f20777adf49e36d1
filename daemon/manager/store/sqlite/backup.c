/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the whole database into one file, and back. */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file, and its name in its directory. */
static int
sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd); /* only synced */
	return r < 0 ? r : file_sync_name(path);
}

/* What db holds, as a new database at path, on disk when this returns; nothing when it fails. */
static int
copy_to(struct db *db, const char *path, char why[static STORE_WHY_SIZE])
{
	mode_t was;
	int fd, r;

	/*
	 * Made here, so that it is nobody else's before it has content: SQLite takes an empty
	 * file.
	 */
	was = umask(077);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : 0;
	(void)umask(was);
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	if (r == 0) {
		r = db_run(db_query(db, "VACUUM INTO ?", "t", path));
		if (r == 0)
			r = sync_file(path);
		if (r < 0)
			(void)unlink(path); /* r tells */
	}
	if (r < 0)
		snprintf(why, STORE_WHY_SIZE, "%.300s: %s", path,
		    r == -EEXIST ? "there is a file already; nothing was changed" : strerror(-r));
	return r;
}

int
store_backup(struct store *s, const char *path, char why[static STORE_WHY_SIZE])
{
	audit_flush(s);
	return copy_to(&s->db, path, why);
}

int
store_copy_in(struct store *s, const char *from, char why[static STORE_WHY_SIZE])
{
	struct db source;
	int r = db_open(&source, from, SQLITE_OPEN_READONLY, &s->absent);

	if (r < 0) {
		snprintf(why, STORE_WHY_SIZE, "%.300s: %s", from,
		    r == -EUCLEAN ? "is no database, or damaged" : strerror(-r));
		return r;
	}
	r = copy_to(&source, s->path, why);
	db_close(&source);
	return r;
}
