/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process at a time has a data directory. Two locks ensure that, and end with the process
 * however it ends: DIR/manager.lock, which every version of this program takes; and one on the
 * database file itself, in case the lock file was deleted. flock() and SQLite's own (POSIX) locks
 * do not see each other, but closing any descriptor of the database would drop SQLite's locks: ours
 * stays open as long as the store.
 */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns a descriptor of the locked file, or -errno; -EBUSY: another process has it. */
static int
open_locked(const char *path, int flags)
{
	int err, fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err = errno == EWOULDBLOCK ? EBUSY : errno;
	(void)close(fd); /* nothing was written */
	return -err;
}

static int
refuse(int r, const char *path, struct why *why)
{
	if (r == -EBUSY)
		why_set(why, "%.300s: another connd-manager has this data directory", path);
	else
		why_set(why, "%.400s: %s", path, strerror(-r));
	return r;
}

int
lock_directory(const char *dir, int *out, struct why *why)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof path, "%s/manager.lock", dir) >= (int)sizeof path)
		return refuse(-ENAMETOOLONG, dir, why);
	fd = open_locked(path, O_CREAT | O_NOFOLLOW);
	if (fd < 0)
		return refuse(fd, fd == -EBUSY ? dir : path, why);
	*out = fd;
	return 0;
}

/* True if the name still leads to the locked file. */
static bool
is_file_of(int fd, const char *path)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
	       here.st_dev == there.st_dev;
}

int
lock_database(const char *path, bool make, int *out, struct why *why)
{
	int fd = open_locked(path, make ? O_CREAT | O_EXCL : 0);

	if (fd >= 0 && !is_file_of(fd, path)) {
		(void)close(fd); /* another file has replaced it */
		fd = -EBUSY;
	}
	if (fd < 0)
		return refuse(fd, path, why);
	*out = fd;
	return 0;
}
