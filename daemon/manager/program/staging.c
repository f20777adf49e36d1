/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "manager/program/owner.h"

#define NAME "manager.init"

static int
refuse(int r, const char *what, struct why *why)
{
	why_set(why, "%.300s: %s", what,
	    r == -EWOULDBLOCK ? "another init or restore is at work in it"
	    : r == -EEXIST    ? "there is a database already; nothing was changed"
			      : strerror(-r));
	return r;
}

/* Removes the staging directory with all its files. */
static void
clear(const struct staging *stage)
{
	DIR *d = opendir(stage->path);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0); /* fails for "." and ".." */
	if (d)
		(void)closedir(d);
	(void)rmdir(stage->path); /* it may never have existed */
}

static bool
has_database(const char *dir)
{
	char path[4096];

	return snprintf(path, sizeof path, "%s/manager.db", dir) >= (int)sizeof path ||
	       access(path, F_OK) == 0;
}

static int
take_directory(struct staging *stage, bool make)
{
	int fd, err;

	if (make && mkdir(stage->dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(stage->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = errno;
		(void)close(fd); /* it was only opened */
		return -err;
	}
	stage->lock_fd = fd;
	return 0;
}

int
staging_open(struct staging *stage, const char *dir, bool make, struct why *why)
{
	int r;

	*stage = (struct staging){ .dir = dir, .lock_fd = -1 };
	if (snprintf(stage->path, sizeof stage->path, "%s/" NAME, dir) >= (int)sizeof stage->path)
		return refuse(-ENAMETOOLONG, dir, why);
	r = owner_check(dir, why);
	if (r < 0)
		return r;
	r = take_directory(stage, make);
	if (r == 0) {
		clear(stage); /* left by a process that was killed */
		r = has_database(dir) ? -EEXIST : 0;
	}
	if (r < 0)
		return refuse(r, dir, why);
	if (mkdir(stage->path, 0700) == 0)
		return 0;
	r = -errno;
	why_set(why, "%.300s: %s", stage->path, strerror(-r));
	return r;
}

int
staging_finish(struct staging *stage, struct why *why)
{
	char from[4096 + 32], to[4096];
	int r;

	(void)snprintf(from, sizeof from, "%s/manager.db", stage->path);
	if (snprintf(to, sizeof to, "%s/manager.db", stage->dir) >= (int)sizeof to)
		return refuse(-ENAMETOOLONG, stage->dir, why);
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
		return refuse(-errno, to, why);
	r = file_sync_name(to);
	return r < 0 ? refuse(r, to, why) : 0;
}

void
staging_close(struct staging *stage)
{
	if (stage->lock_fd < 0)
		return;
	clear(stage);
	(void)close(stage->lock_fd); /* it was only locked */
}
