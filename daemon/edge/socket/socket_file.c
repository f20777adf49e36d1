/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/config/value.h"

#define BACKLOG     65535         /* the kernel cuts it to net.core.somaxconn */
#define LOCKS_BYTES (1024 * 1024) /* of /proc/locks */
#define LOCK_TRIES  100 /* each one needs another process that removes the file in between */
#define PATH_ROOM   (LIMIT_SOCKET_PATH + 16)

static int PRINTF(3, 4) fail(int err, struct why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	why_set_args(why, fmt, ap);
	va_end(ap);
	return -err;
}

bool
file_id_of(const char *path, struct file_id *out)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return false;
	*out = (struct file_id){ st.st_dev, st.st_ino };
	return true;
}

bool
file_id_equal(struct file_id a, struct file_id b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/* The length of "DIR/" in front of the file's name; 0: the path is a bare name. */
static size_t
directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static void
directory_of(const char *path, char out[static PATH_ROOM])
{
	size_t n = directory_length(path);

	(void)snprintf(out, PATH_ROOM, "%.*s", n > 1 ? (int)n - 1 : 1, n > 0 ? path : ".");
}

/* --- the lock ---------------------------------------------------------------------------- */

static int
lock_path(const char *path, char out[static PATH_ROOM], struct why *why)
{
	int dir = (int)directory_length(path);
	int n = snprintf(out, PATH_ROOM, "%.*s.%s.lock", dir, path, path + dir);

	if (n >= PATH_ROOM)
		return fail(ENAMETOOLONG, why, "[socket] path %.120s is too long: %d bytes at most",
		    path, LIMIT_SOCKET_PATH);
	return 0;
}

static bool
leads_to(const char *path, int fd)
{
	struct file_id at_path;
	struct stat st;

	return fstat(fd, &st) == 0 && file_id_of(path, &at_path) &&
	       file_id_equal(at_path, (struct file_id){ st.st_dev, st.st_ino });
}

/* The holder writes its pid into the file, for the message below. */
static void
write_pid(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text, (size_t)n, 0); /* only a message is poorer without it */
}

static int
refuse_second(int fd, const char *path, const char *lock, struct why *why)
{
	char pid[16];
	ssize_t n = fd < 0 ? -1 : pread(fd, pid, sizeof pid - 1, 0);

	pid[n < 0 ? 0 : n] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	if (!*pid)
		return fail(
		    EADDRINUSE, why, "another connd serves %s: it holds the lock %s", path, lock);
	return fail(EADDRINUSE, why, "another connd serves %s: process %s holds the lock %s", path,
	    pid, lock);
}

/* One try. The descriptor; -errno; -ESTALE: the file was removed meanwhile. */
static int
try_lock(const char *path, const char *lock, struct why *why)
{
	int r, fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	if (fd < 0)
		return fail(errno, why,
		    "cannot make the lock %s: %s; the directory must exist and be writable by "
		    "connd",
		    lock, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK
			? refuse_second(fd, path, lock, why)
			: fail(errno, why, "cannot lock %s: %s", lock, strerror(errno));
	else
		r = leads_to(lock, fd) ? 0
				       : fail(ESTALE, why, "%s is removed again and again", lock);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	write_pid(fd);
	return fd;
}

/*
 * Makes the directory of a person's own connd in $XDG_RUNTIME_DIR, which is new with each login.
 * Root's connd makes none: a misspelt path is an error there.
 */
static void
make_directory(const char *path)
{
	char dir[PATH_ROOM];

	if (geteuid() == 0)
		return;
	directory_of(path, dir);
	(void)mkdir(dir, 0700); /* taking the lock shows what failed */
}

int
socket_file_lock(const char *path, struct why *why)
{
	char lock[PATH_ROOM];
	int r = lock_path(path, lock, why);

	if (r < 0)
		return r;
	make_directory(path);
	for (int i = 0; i < LOCK_TRIES; i++) {
		r = try_lock(path, lock, why);
		if (r != -ESTALE)
			break;
	}
	return r;
}

bool
socket_file_is_locked(const char *path, int fd)
{
	char lock[PATH_ROOM];
	struct why why;

	return lock_path(path, lock, &why) == 0 && leads_to(lock, fd);
}

/* Is a file with this inode locked? Trying the lock would take it for a moment. */
static bool
is_locked(ino_t ino)
{
	struct buf table = BUF_INIT(LOCKS_BYTES);
	char end[32];
	struct why why;
	bool locked = false;

	(void)snprintf(end, sizeof end, ":%ju 0 EOF", (uintmax_t)ino);
	if (file_read("/proc/locks", &table, &why) < 0)
		buf_reset(&table);
	for (const char *row = buf_str(&table), *next; (next = strchr(row, '\n')); row = next + 1) {
		size_t n = (size_t)(next - row), m = strlen(end);

		locked = locked ||
			 (memmem(row, n, " FLOCK ", 7) && n > m && memcmp(next - m, end, m) == 0);
	}
	buf_fini(&table);
	return locked;
}

/* Reports a held lock as a start would, without taking it. */
static int
check_lock(const char *path, struct why *why)
{
	char lock[PATH_ROOM];
	struct stat st;
	int fd, r = lock_path(path, lock, why);

	if (r < 0 || lstat(lock, &st) < 0 || !is_locked(st.st_ino))
		return r;
	fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	r = refuse_second(fd, path, lock, why);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

/* --- the group --------------------------------------------------------------------------- */

/* *gid: -1 without a group. */
static int
find_group(const char *group, gid_t *gid, struct why *why)
{
	int64_t number = -1;
	const char *wrong;
	struct group *g;

	*gid = (gid_t)-1;
	if (!group)
		return 0;
	wrong = value_group(group, &number);
	if (wrong)
		return fail(EINVAL, why, "[socket] group \"%.64s\": %s", group, wrong);
	if (number >= 0) {
		*gid = (gid_t)number;
		return 0;
	}
	errno = 0;
	g = getgrnam(group);
	if (!g && errno && errno != ENOENT)
		return fail(errno, why, "[socket] group \"%.64s\" cannot be looked up: %s", group,
		    strerror(errno));
	if (!g)
		return fail(ENOENT, why,
		    "[socket] group \"%.64s\": there is no such group; create it, or give a number",
		    group);
	*gid = g->gr_gid;
	return 0;
}

bool
socket_file_has_group(const struct stat *st, const char *group)
{
	struct why why;
	gid_t gid;

	return find_group(group, &gid, &why) == 0 && st->st_gid == gid;
}

/* May this process give a file of its own to the group? */
static bool
may_give_to(gid_t gid)
{
	int n = getgroups(0, NULL);
	gid_t *own = mem_calloc((size_t)(n > 0 ? n : 1), sizeof *own);
	bool may = geteuid() == 0 || gid == getegid();

	n = own && n > 0 ? getgroups(n, own) : 0;
	for (int i = 0; i < n; i++)
		may = may || own[i] == gid;
	mem_free(own);
	return may;
}

static int
refuse_group(const struct socket_file *f, int err, struct why *why)
{
	if (err != EPERM)
		return fail(err, why, "cannot give %s to group %.64s: %s", f->path, f->group,
		    strerror(err));
	return fail(EPERM, why,
	    "cannot give %s to group %.64s: the user that runs connd (uid %ld) is not a member",
	    f->path, f->group, (long)geteuid());
}

/* --- what is at the path ----------------------------------------------------------------- */

static struct sockaddr_un
address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return a;
}

static int
new_socket(struct why *why)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(errno, why, "cannot make a socket: %s", strerror(errno));
	return fd;
}

/*
 * 0: the path is free, or nobody listens there; 1: somebody does, and *client is connected; -errno.
 */
static int
look_at(const char *path, int *client, struct why *why)
{
	struct sockaddr_un a = address_of(path);
	struct stat st;
	int fd, err;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail(errno, why, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(EEXIST, why, "%s is not a socket: move it out of the way", path);
	fd = new_socket(why);
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EAGAIN) {
		*client = fd;
		return 1;
	}
	err = errno;
	(void)close(fd);
	if (err == ECONNREFUSED || err == ENOENT)
		return 0;
	return fail(err, why, "cannot tell whether %s is in use: %s", path, strerror(err));
}

/* --- listening --------------------------------------------------------------------------- */

static int
bind_and_listen(int fd, const struct socket_file *f, gid_t gid, struct why *why)
{
	struct sockaddr_un a = address_of(f->path);
	int r = bind(fd, (struct sockaddr *)&a, sizeof a);

	if (r < 0)
		return fail(errno, why, "cannot bind %s: %s", f->path, strerror(errno));
	if (gid != (gid_t)-1 && chown(f->path, (uid_t)-1, gid) < 0)
		r = refuse_group(f, errno, why);
	else if (chmod(f->path, f->mode) < 0)
		r = fail(errno, why, "cannot set the mode of %s: %s", f->path, strerror(errno));
	else if (listen(fd, BACKLOG) < 0)
		r = fail(errno, why, "cannot listen at %s: %s", f->path, strerror(errno));
	if (r < 0)
		(void)unlink(f->path);
	return r;
}

int
socket_file_listen(const struct socket_file *f, struct why *why)
{
	int client, fd, r;
	gid_t gid;

	r = find_group(f->group, &gid, why);
	if (r == 0)
		r = look_at(f->path, &client, why);
	if (r > 0) {
		(void)close(client);
		return fail(EADDRINUSE, why, "another process listens at %s", f->path);
	}
	if (r < 0)
		return r;
	if (unlink(f->path) < 0 && errno != ENOENT)
		return fail(
		    errno, why, "cannot remove the old socket %s: %s", f->path, strerror(errno));
	fd = new_socket(why);
	if (fd < 0)
		return fd;
	r = bind_and_listen(fd, f, gid, why);
	if (r < 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

/* --- judging ----------------------------------------------------------------------------- */

/* Would make_directory() make it? */
static bool
may_make(const char *dir)
{
	char parent[PATH_ROOM];

	directory_of(dir, parent);
	return geteuid() != 0 && access(dir, F_OK) < 0 && errno == ENOENT &&
	       faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) == 0;
}

static int
check_directory(const char *path, struct why *why)
{
	char dir[PATH_ROOM];
	struct stat st;

	directory_of(path, dir);
	if (may_make(dir))
		return 0;
	if (stat(dir, &st) < 0)
		return fail(
		    errno, why, "[socket] path: the directory %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(ENOTDIR, why, "[socket] path: %s is not a directory", dir);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0)
		return fail(errno, why,
		    "[socket] path: connd cannot make its socket and its lock in %s: %s", dir,
		    strerror(errno));
	return 0;
}

int
socket_file_check(const struct socket_file *f, int *client, struct why *why)
{
	gid_t gid;
	int r;

	*client = -1;
	r = look_at(f->path, client, why);
	if (r > 0)
		return 0; /* the directory and the group are the listener's business */
	if (r == 0)
		r = check_lock(f->path, why);
	if (r == 0)
		r = find_group(f->group, &gid, why);
	if (r == 0 && gid != (gid_t)-1 && !may_give_to(gid))
		r = refuse_group(f, EPERM, why);
	return r == 0 ? check_directory(f->path, why) : r;
}
