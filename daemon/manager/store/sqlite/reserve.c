/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/manager.reserve: disk space that a server keeps for changes that must not fail. They use it
 * when the disk is full; until there is space for a new reserve, no other change is made.
 */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Enough for a hundred revocations in the write-ahead log, and for their copy in the database. */
#define SIZE (4 * 1024 * 1024)

static bool
reserve_path(const struct store *s, char out[static 4096])
{
	size_t dir = strlen(s->name) - (sizeof "manager.db" - 1);

	return snprintf(out, 4096, "%.*smanager.reserve", (int)dir, s->name) < 4096;
}

/* Makes the reserve. 0 or -errno; an incomplete one is deleted. */
static int
allocate(const char *path)
{
	int r, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	r = fallocate(fd, 0, 0, SIZE) < 0 ? -errno : 0;
	(void)close(fd); /* nothing was written */
	if (r < 0)
		(void)unlink(path); /* r says why */
	return r;
}

/* Makes the reserve unless it exists. 0, or -ENOSPC: the disk has no space for it. */
static int
reserve_fill(struct store *s)
{
	char path[4096];
	int r = reserve_path(s, path) ? allocate(path) : -ENAMETOOLONG;

	if (r == -ENOSPC || r == -EDQUOT) {
		sqlite_of(s)->reserve = RESERVE_SPENT;
		return -ENOSPC;
	}
	if (r < 0) /* the file system cannot reserve space; changes are made all the same */
		log_warn(
		    "no disk space can be kept for revocations", LOG_STR("reason", strerror(-r)));
	sqlite_of(s)->reserve = r < 0 ? RESERVE_NONE : RESERVE_KEPT;
	return 0;
}

bool
reserve_release(struct store *s)
{
	char path[4096];

	if (!reserve_path(s, path) || unlink(path) < 0)
		return false;
	log_warn("the disk is full: space that was kept for revocations is used",
	    LOG_INT("bytes", SIZE));
	if (sqlite_of(s)->reserve == RESERVE_KEPT)
		sqlite_of(s)->reserve = RESERVE_SPENT;
	return true;
}

int
reserve_check(struct store *s)
{
	if (sqlite_of(s)->reserve != RESERVE_SPENT || s->urgent || reserve_fill(s) == 0)
		return 0;
	return -ENOSPC;
}

void
reserve_keep(struct store *s)
{
	s->may_defer = true;
	if (reserve_fill(s) < 0)
		log_error("the disk is full: nothing is changed but revocations and the switch");
}

void
reserve_refill(struct store *s)
{
	if (sqlite_of(s)->reserve == RESERVE_SPENT && reserve_fill(s) == 0)
		log_info("the disk has room again: space is kept for revocations");
}
