/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/data_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int
data_lock(const char *dir, struct why *why)
{
	char path[4096];
	int fd = -1, r = -ENAMETOOLONG;

	if (snprintf(path, sizeof path, "%s/manager.lock", dir) < (int)sizeof path) {
		fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : flock(fd, LOCK_EX | LOCK_NB) == 0 ? fd : -errno;
	}
	if (r >= 0)
		return r;
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	if (r == -EWOULDBLOCK) {
		why_set(why, "%.300s: another connd-manager has this data directory", dir);
		return -EBUSY;
	}
	why_set(why, "%.300s: %s", dir, strerror(-r));
	return r;
}
