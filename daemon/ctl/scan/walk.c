/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/scan/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define READ_BYTES ((size_t)256 * 1024)
#define MAX_PATH   ((size_t)64 * 1024)
#define MAX_DEPTH  256

struct walk {
	const struct walk_ops *ops;
	void *env;
	char *piece; /* READ_BYTES */
	struct buf path;
	int depth;
};

static void
fail(const struct walk *w, int error)
{
	w->ops->failed(w->env, buf_str(&w->path), strerror(error));
}

static void
read_file(struct walk *w, int fd)
{
	ssize_t n;

	w->ops->begin(w->env, buf_str(&w->path));
	while ((n = read(fd, w->piece, READ_BYTES)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			w->ops->bytes(w->env, (struct span){ w->piece, (size_t)n });
	if (n < 0)
		fail(w, errno);
	w->ops->end(w->env);
}

/* --- directories ----------------------------------------------------------------------- */

static void visit(struct walk *w, int at, const char *name, bool follow);

struct names {
	char **name;
	size_t n, room;
};

static void
names_fini(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->name[i]);
	mem_free(names->name);
}

static int
names_add(struct names *names, const char *name)
{
	size_t room = names->room ? 2 * names->room : 64;
	char **grown, *copy = mem_strdup(name);

	if (copy && names->n == names->room) {
		grown = mem_resize(names->name, room * sizeof *grown);
		if (!grown) {
			mem_free(copy);
			return -ENOMEM;
		}
		names->name = grown;
		names->room = room;
	}
	if (!copy)
		return -ENOMEM;
	names->name[names->n++] = copy;
	return 0;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted. 0 or -errno. */
static int
names_read(struct names *names, int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!stream) {
		r = -errno;
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	for (errno = 0; r == 0 && (d = readdir(stream)); errno = 0)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = names_add(names, d->d_name);
	if (r == 0)
		r = -errno;
	(void)closedir(stream);
	if (names->n)
		qsort(names->name, names->n, sizeof *names->name, by_bytes);
	return r;
}

static void
visit_below(struct walk *w, int dir, const char *name)
{
	size_t before = w->path.len;

	if (before && w->path.data[before - 1] != '/')
		buf_addc(&w->path, '/');
	buf_adds(&w->path, name);
	if (buf_error(&w->path))
		w->ops->failed(w->env, name, "its path is too long");
	else
		visit(w, dir, name, false);
	buf_truncate(&w->path, before);
}

static void
read_directory(struct walk *w, int dir)
{
	CLEANUP(names_fini) struct names names = { 0 };
	int r = w->depth == MAX_DEPTH ? -ELOOP : names_read(&names, dir);

	if (r < 0)
		fail(w, -r);
	w->depth++;
	for (size_t i = 0; i < names.n; i++)
		visit_below(w, dir, names.name[i]);
	w->depth--;
}

/* --- any path -------------------------------------------------------------------------- */

/* A file that is not to be read here is left out below a directory, and an error when named. */
static void
visit(struct walk *w, int at, const char *name, bool follow)
{
	struct stat st;
	int fd;

	if (!follow && (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			   (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))))
		return;
	fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
	if (fd < 0) {
		fail(w, errno);
		return;
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		read_directory(w, fd);
	else
		read_file(w, fd);
	(void)close(fd);
}

void
walk_path(const struct walk_ops *ops, void *env, const char *path)
{
	struct walk w = { .ops = ops, .env = env, .path = BUF_INIT(MAX_PATH) };

	w.piece = mem_alloc(READ_BYTES);
	buf_adds(&w.path, path);
	if (!w.piece || buf_error(&w.path))
		ops->failed(env, path, w.piece ? "its path is too long" : "out of memory");
	else if (strcmp(path, "-") == 0)
		read_file(&w, STDIN_FILENO);
	else
		visit(&w, AT_FDCWD, path, true);
	mem_free(w.piece);
	buf_fini(&w.path);
}
