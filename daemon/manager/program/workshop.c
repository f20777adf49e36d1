/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/workshop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define NAME "manager.init"

static int
refuse(int r, const char *what, char why[static COMMAND_WHY_SIZE])
{
	snprintf(why, COMMAND_WHY_SIZE, "%.300s: %s", what,
	    r == -EWOULDBLOCK ? "another init or restore is at work in it"
	    : r == -EEXIST    ? "there is a database already; nothing was changed"
			      : strerror(-r));
	return r;
}

/* Removes the workshop with all that a process may have left in it, SQLite's own files too. */
static void
clear(const struct workshop *w)
{
	DIR *d = opendir(w->path);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0); /* of "." and ".." this fails */
	if (d)
		(void)closedir(d);
	(void)rmdir(w->path); /* may never have been there */
}

static bool
has_database(const char *dir)
{
	char path[4096];

	return snprintf(path, sizeof path, "%s/manager.db", dir) >= (int)sizeof path ||
	       access(path, F_OK) == 0;
}

static int
take_directory(struct workshop *w, bool make)
{
	int fd, err;

	if (make && mkdir(w->dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = errno;
		(void)close(fd); /* only opened */
		return -err;
	}
	w->lock_fd = fd;
	return 0;
}

int
workshop_open(struct workshop *w, const char *dir, bool make, char why[static COMMAND_WHY_SIZE])
{
	int r;

	*w = (struct workshop){ .dir = dir, .lock_fd = -1 };
	if (snprintf(w->path, sizeof w->path, "%s/" NAME, dir) >= (int)sizeof w->path)
		return refuse(-ENAMETOOLONG, dir, why);
	r = command_check_owner(dir, why);
	if (r < 0)
		return r;
	r = take_directory(w, make);
	if (r == 0) {
		clear(w); /* of one that was killed */
		r = has_database(dir) ? -EEXIST : 0;
	}
	if (r < 0)
		return refuse(r, dir, why);
	if (mkdir(w->path, 0700) == 0)
		return 0;
	r = -errno;
	snprintf(why, COMMAND_WHY_SIZE, "%.300s: %s", w->path, strerror(-r));
	return r;
}

int
workshop_finish(struct workshop *w, char why[static COMMAND_WHY_SIZE])
{
	char from[4096 + 32], to[4096];
	int r;

	(void)snprintf(from, sizeof from, "%s/manager.db", w->path);
	if (snprintf(to, sizeof to, "%s/manager.db", w->dir) >= (int)sizeof to)
		return refuse(-ENAMETOOLONG, w->dir, why);
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
		return refuse(-errno, to, why);
	r = file_sync_name(to);
	return r < 0 ? refuse(r, to, why) : 0;
}

void
workshop_close(struct workshop *w)
{
	if (w->lock_fd < 0)
		return;
	clear(w);
	(void)close(w->lock_fd); /* only locked */
}
