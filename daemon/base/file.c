/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

#define TOO_LARGE "is larger than allowed"

static int
fail(int err, struct why *why, const char *path, const char *what)
{
	why_set(why, "%.380s: %s", path, what ? what : strerror(err));
	return -err;
}

/*
 * size: a hint from fstat(); the file may change meanwhile, and /proc says 0. Returns 0 or errno.
 */
static int
read_all(int fd, struct buf *out, size_t size)
{
	size_t room, want;
	char *to, more;
	ssize_t n;

	for (;;) {
		room = out->max - out->len;
		want = size > out->len ? size - out->len : 4096;
		if (want > room)
			want = room;
		/* The buffer is full: one more byte shows whether the file is larger. */
		to = want ? buf_room(out, want) : &more;
		if (!to)
			return -buf_error(out);
		n = read(fd, to, want ? want : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		if (!want)
			return EMSGSIZE;
		buf_grown(out, (size_t)n);
	}
}

/* Returns why a secret file must not be used, or NULL. */
static const char *
distrust(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "is owned by another user: chown it to the user that reads it";
	if (st->st_mode & 07)
		return "is accessible to other users: chmod o= it (a Kubernetes "
		       "Secret volume: defaultMode: 0440)";
	if (st->st_mode & 020)
		return "is writable by its group: chmod g-w it";
	return NULL;
}

/* Returns the descriptor, or -errno. */
static int
open_file(const char *path, bool secret, struct stat *st, struct why *why)
{
	const char *fault = NULL;
	int fd, err = 0;

	/* O_NONBLOCK: opening a FIFO must not block. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail(errno, why, path, NULL);
	if (fstat(fd, st) < 0)
		err = errno;
	else if (!S_ISREG(st->st_mode))
		fault = "is not a regular file";
	else if (secret)
		fault = distrust(st);
	if (!err && !fault)
		return fd;
	(void)close(fd);
	return fail(fault ? EACCES : err, why, path, fault);
}

static int
read_file(const char *path, struct buf *out, bool secret, struct why *why)
{
	struct stat st;
	int err, fd = open_file(path, secret, &st, why);

	if (fd < 0)
		return fd;
	err = read_all(fd, out, st.st_size > 0 ? (size_t)st.st_size : 0);
	(void)close(fd);
	return err ? fail(err, why, path, err == EMSGSIZE ? TOO_LARGE : NULL) : 0;
}

int
file_open_secret(const char *path, size_t max, size_t *size, struct why *why)
{
	struct stat st;
	int fd = open_file(path, true, &st, why);

	if (fd < 0)
		return fd;
	*size = (size_t)st.st_size;
	if (*size <= max)
		return fd;
	(void)close(fd);
	return fail(EMSGSIZE, why, path, TOO_LARGE);
}

int
file_take(int fd, void *to, size_t n)
{
	char *p = to;
	ssize_t got;

	for (; n > 0; p += got, n -= (size_t)got) {
		got = read(fd, p, n);
		if (got < 0 && errno == EINTR)
			got = 0;
		else if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
	}
	return 0;
}

int
file_read(const char *path, struct buf *out, struct why *why)
{
	return read_file(path, out, false, why);
}

int
file_read_secret(const char *path, struct buf *out, struct why *why)
{
	return read_file(path, out, true, why);
}

int
file_read_key(const char *path, uint8_t key[static SEAL_KEY_SIZE], struct why *why)
{
	struct buf text = BUF_INIT(2 * SEAL_KEY_SIZE + 1);
	int r = file_read_secret(path, &text, why);

	if (r == 0 && text.len == SEAL_KEY_SIZE)
		memcpy(key, text.data, SEAL_KEY_SIZE);
	else if (r == 0) {
		size_t n = text.len;

		if (n == 2 * SEAL_KEY_SIZE + 1 && text.data[n - 1] == '\n')
			n--;
		if (!hex_decode(key, SEAL_KEY_SIZE, buf_str(&text), n))
			r = fail(EINVAL, why, path,
			    "not a key file: expected 32 raw bytes or 64 hex digits");
	}
	buf_fini(&text);
	return r;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		if (done == 0)
			return EIO; /* must not loop for ever */
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int
file_sync_name(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, r;

	if (snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir)
		return -ENAMETOOLONG;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}

int
file_create(const char *path, const void *p, size_t n, struct why *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), err;

	if (fd < 0)
		return fail(errno, why, path, NULL);
	err = write_all(fd, p, n);
	if (!err && fsync(fd) < 0)
		err = errno;
	if (close(fd) < 0 && !err)
		err = errno;
	if (err) {
		(void)unlink(path); /* leave no incomplete file behind */
		return fail(err, why, path, NULL);
	}
	return 0;
}
