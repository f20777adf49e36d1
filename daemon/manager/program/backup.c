/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/write.h"
#include "base/mem.h"
#include "manager/program/control.h"

#define PATH_SIZE 4096
#define PIECE     (1024 * 1024)

static int
refuse(int r, const char *path, struct why *why)
{
	why_set(why, "%.300s: %s", path,
	    r == -EEXIST ? "there is a file already; nothing was changed" : strerror(-r));
	return r;
}

/* ---- to a file or stdout ---- */

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0)
			p += done, n -= (size_t)done;
	}
	return 0;
}

static int
copy(int from, int to)
{
	char *piece = mem_alloc(PIECE);
	int r = piece ? 0 : -ENOMEM;

	while (r == 0) {
		ssize_t n = read(from, piece, PIECE);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : write_all(to, piece, (size_t)n);
	}
	mem_free(piece);
	return r;
}

/* The file has a temporary name until it is complete and on disk. */
static int
copy_to_file(int from, const char *path, struct why *why)
{
	char part[PATH_SIZE];
	int to, r = 0;

	if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
		return refuse(-ENAMETOOLONG, path, why);
	(void)unlink(part); /* left by a backup that was killed */
	to = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return refuse(-errno, part, why);
	r = copy(from, to);
	if (r == 0 && fsync(to) < 0)
		r = -errno;
	if (close(to) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(part); /* r says why */
	else
		r = file_sync_name(path);
	return r < 0 ? refuse(r, path, why) : 0;
}

/* ---- where the copy comes from ---- */

/* Copies a store that no server uses; returns the copy's descriptor, after its name was removed. */
static int
copy_here(const struct options *o, int *file, struct why *why)
{
	struct command_env env = { 0 };
	char path[PATH_SIZE];
	int r = 0;

	if (snprintf(path, sizeof path, "%s/" COMMAND_COPY_NAME, o->data) >= (int)sizeof path)
		return refuse(-ENAMETOOLONG, o->data, why);
	r = command_open(&env, o, why);
	if (r == 0) {
		command_remove_copies(o->data);
		r = store_backup(env.store, path, why);
	}
	command_close(&env);
	if (r < 0)
		return r;
	*file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = *file < 0 ? refuse(-errno, path, why) : 0;
	(void)unlink(path); /* the descriptor is enough */
	return r;
}

struct source {
	const struct options *o;
	size_t n;
	char *const *argv;
	int file;
};

static int
ask_server(void *arg, struct buf *out, struct why *why)
{
	struct source *s = arg;

	(void)out;
	return control_ask_file(s->o->data, s->n, s->argv, &s->file, why);
}

static int
do_here(void *arg, struct buf *out, struct why *why)
{
	struct source *s = arg;

	(void)out;
	return copy_here(s->o, &s->file, why);
}

/* Asks the server for the copy. The server does not learn the file's name. */
static int
fetch(const struct options *o, size_t n, char *const *argv, int *file, struct why *why)
{
	static char to_stdout[] = "-";
	char **words = mem_calloc(n, sizeof *words);
	struct source s = { o, n, words, -1 };
	int r;

	if (!words)
		return -ENOMEM;
	memcpy(words, argv, n * sizeof *words);
	for (size_t i = 0; i < n; i++) {
		if (words[i] == o->file) /* points into argv */
			words[i] = to_stdout;
	}
	r = command_settle(ask_server, do_here, &s, NULL, why);
	mem_free(words);
	*file = s.file;
	return r;
}

int
backup_run(const struct options *o, size_t n, char *const *argv, struct buf *out, struct why *why)
{
	bool to_stdout = strcmp(o->file, "-") == 0;
	int file = -1, r;

	if (o->store) {
		why_set(
		    why, "the database is on PostgreSQL: copy it with pg_dump, and keep the key");
		return -1;
	}
	if (to_stdout && isatty(STDOUT_FILENO)) {
		why_set(why,
		    "`backup -` writes the database to stdout: redirect it to a file or a pipe");
		return -1;
	}
	if (!to_stdout && access(o->file, F_OK) == 0)
		return refuse(-EEXIST, o->file, why);
	r = fetch(o, n, argv, &file, why);
	if (r != 0)
		return r;
	if (to_stdout) {
		r = copy(file, STDOUT_FILENO);
		if (r < 0)
			(void)refuse(r, "stdout", why);
	} else {
		r = copy_to_file(file, o->file, why);
		buf_addc(out, '{');
		jtext_member_string(out, "file", span_of(o->file));
		buf_addc(out, '}');
	}
	(void)close(file); /* it was only read */
	return r;
}
