/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/disk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define LONGEST_SUFFIX ".stamp.tmp"

/* The bytes to write to one file. */
struct parcel {
	void *bytes; /* NULL: nothing to write */
	size_t n;
};

/* The result of the last write of one file. */
struct outcome {
	bool news; /* not reported yet */
	int error;
	struct why why;
};

/* The names of one file: current, temporary, and the one before (`spare`, only of the content). */
struct names {
	char *now, *next, *spare;
};

struct disk {
	struct names names[DISK_N_FILES];
	disk_written *written;
	void *env;
	struct event *event;
	int fd; /* eventfd: signals outcomes to the loop */
	pthread_t thread;
	bool thread_runs;

	pthread_mutex_t lock; /* protects all members below */
	pthread_cond_t wake;
	struct parcel waiting[DISK_N_FILES];
	struct outcome outcome[DISK_N_FILES];
	bool ending;
};

/* --- the disk ------------------------------------------------------------------------------- */

static int
fail(struct why *why, const char *what, const char *path)
{
	int err = errno;

	why_set(why, "cannot %s %.300s: %s", what, path, strerror(err));
	return -err;
}

/*
 * Replaces one file atomically. file_create() syncs the bytes, file_sync_name() the name. The old
 * content is linked to its spare name before the rename, so it always has a name.
 */
static int
replace(const struct names *name, const struct parcel *parcel, struct why *why)
{
	int r;

	/* A crash may have left a temporary file; file_create() refuses an existing one. */
	(void)unlink(name->next);
	r = file_create(name->next, parcel->bytes, parcel->n, why);
	if (r < 0)
		return r;
	if (name->spare) {
		(void)unlink(name->spare);
		/* Fails without a content, or on a file system without hard links. */
		(void)!link(name->now, name->spare);
	}
	if (rename(name->next, name->now) < 0) {
		r = fail(why, "replace", name->now);
		(void)unlink(name->next);
		return r;
	}
	r = file_sync_name(name->now);
	if (r < 0) {
		errno = -r;
		(void)fail(why, "sync the directory of", name->now);
	}
	return r;
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Returns the next file to write; DISK_N_FILES if there is none. The caller holds the lock. */
static enum disk_file
next_file(const struct disk *d)
{
	for (enum disk_file f = DISK_CONTENT; f < DISK_N_FILES; f++)
		if (d->waiting[f].bytes)
			return f;
	return DISK_N_FILES;
}

static void
report(struct disk *d, enum disk_file file, int error, const char *why)
{
	static const uint64_t one = 1;
	struct outcome *o = &d->outcome[file];

	o->news = true;
	o->error = error;
	why_set(&o->why, "%s", why);
	(void)!write(d->fd, &one, sizeof one); /* fails only when the loop is already signalled */
}

/*
 * Drops the waiting stamp after its content could not be written: the stamp on disk belongs to the
 * content on disk.
 */
static void
drop_stamp(struct disk *d)
{
	mem_free(d->waiting[DISK_STAMP].bytes);
	d->waiting[DISK_STAMP].bytes = NULL;
}

static void *
run(void *arg)
{
	struct disk *d = arg;
	struct why why;
	enum disk_file file;
	struct parcel parcel;
	int r;

	(void)pthread_mutex_lock(&d->lock);
	for (;;) {
		file = next_file(d);
		if (file == DISK_N_FILES && d->ending)
			break;
		if (file == DISK_N_FILES) {
			(void)pthread_cond_wait(&d->wake, &d->lock);
			continue;
		}
		parcel = d->waiting[file];
		d->waiting[file].bytes = NULL;
		(void)pthread_mutex_unlock(&d->lock);
		why.text[0] = '\0';
		r = replace(&d->names[file], &parcel, &why);
		mem_free(parcel.bytes);
		(void)pthread_mutex_lock(&d->lock);
		report(d, file, r, why.text);
		if (file == DISK_CONTENT && r < 0 && !d->waiting[DISK_CONTENT].bytes)
			drop_stamp(d);
	}
	(void)pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* Blocks all signals in the new thread: the loop handles them. */
static int
start_thread(struct disk *d)
{
	sigset_t all, old;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&d->thread, NULL, run, d);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	d->thread_runs = err == 0;
	return -err;
}

/* --- the loop's side ---------------------------------------------------------------------- */

static void
on_outcome(evutil_socket_t fd, short what, void *arg)
{
	struct disk *d = arg;
	struct outcome o;
	uint64_t n;

	(void)what;
	(void)!read(fd, &n, sizeof n); /* resets the eventfd */
	for (enum disk_file f = DISK_CONTENT; f < DISK_N_FILES; f++) {
		(void)pthread_mutex_lock(&d->lock);
		o = d->outcome[f];
		d->outcome[f].news = false;
		(void)pthread_mutex_unlock(&d->lock);
		if (o.news)
			d->written(d->env, f, o.error, o.why.text);
	}
}

void
disk_write(struct disk *d, enum disk_file file, void *bytes, size_t n)
{
	(void)pthread_mutex_lock(&d->lock);
	mem_free(d->waiting[file].bytes);
	d->waiting[file] = (struct parcel){ .bytes = bytes, .n = n };
	(void)pthread_cond_signal(&d->wake);
	(void)pthread_mutex_unlock(&d->lock);
}

int
disk_check_path(const char *path, struct why *why)
{
	size_t most = PATH_MAX - sizeof LONGEST_SUFFIX;

	if (strlen(path) <= most)
		return 0;
	why_set(why, "%.200s...: too long for a snapshot's path: expected at most %zu bytes", path,
	    most);
	return -ENAMETOOLONG;
}

static char *
name_with(const char *path, const char *suffix)
{
	char name[PATH_MAX];

	/* Fits: see disk_check_path(). */
	(void)snprintf(name, sizeof name, "%s%s", path, suffix);
	return mem_strdup(name);
}

static int
name_files(struct disk *d, const char *path)
{
	struct names *content = &d->names[DISK_CONTENT], *stamp = &d->names[DISK_STAMP];

	content->now = name_with(path, "");
	content->next = name_with(path, ".tmp");
	content->spare = name_with(path, ".prev");
	stamp->now = name_with(path, ".stamp");
	stamp->next = name_with(path, LONGEST_SUFFIX);
	return content->now && content->next && content->spare && stamp->now && stamp->next
		   ? 0
		   : -ENOMEM;
}

int
disk_new(struct disk **out, struct loop *loop, const char *path, disk_written *written, void *env)
{
	struct why why;
	struct disk *d;
	int r = disk_check_path(path, &why);

	if (r < 0)
		return r;
	d = mem_zalloc(sizeof *d);
	if (!d)
		return -ENOMEM;
	r = -ENOMEM;
	d->written = written;
	d->env = env;
	(void)pthread_mutex_init(&d->lock, NULL);
	(void)pthread_cond_init(&d->wake, NULL);
	d->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->fd < 0) {
		r = -errno;
		goto fail;
	}
	d->event = event_new(loop_base(loop), d->fd, EV_READ | EV_PERSIST, on_outcome, d);
	if (name_files(d, path) < 0 || !d->event || event_add(d->event, NULL) < 0)
		goto fail;
	r = start_thread(d);
	if (r < 0)
		goto fail;
	*out = d;
	return 0;
fail:
	disk_free(d, 0);
	return r;
}

/* False if the thread is still blocked in a write; it then goes on using d. */
static bool
end_thread(struct disk *d, int ms)
{
	int64_t until_us = clock_monotonic_us() + (int64_t)ms * 1000;
	struct timespec until = { .tv_sec = until_us / 1000000,
		.tv_nsec = until_us % 1000000 * 1000 };

	(void)pthread_mutex_lock(&d->lock);
	d->ending = true;
	(void)pthread_cond_signal(&d->wake);
	(void)pthread_mutex_unlock(&d->lock);
	return pthread_clockjoin_np(d->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

struct disk *
disk_free(struct disk *d, int ms)
{
	if (!d)
		return NULL;
	if (d->event)
		event_free(d->event);
	d->event = NULL;
	if (d->thread_runs && !end_thread(d, ms))
		return NULL;
	for (size_t i = 0; i < DISK_N_FILES; i++) {
		mem_free(d->waiting[i].bytes);
		mem_free(d->names[i].now);
		mem_free(d->names[i].next);
		mem_free(d->names[i].spare);
	}
	if (d->fd >= 0)
		(void)close(d->fd);
	(void)pthread_cond_destroy(&d->wake);
	(void)pthread_mutex_destroy(&d->lock);
	mem_free(d);
	return NULL;
}

static int
name_of(char name[static PATH_MAX], const char *path, const char *suffix, struct why *why)
{
	int r = disk_check_path(path, why);

	if (r == 0)
		(void)snprintf(name, PATH_MAX, "%s%s", path, suffix);
	return r;
}

int
disk_read(const char *path, const char *suffix, struct buf *out, struct why *why)
{
	char name[PATH_MAX];
	int r = name_of(name, path, suffix, why);

	return r < 0 ? r : file_read_secret(name, out, why);
}

int
disk_open(const char *path, const char *suffix, size_t max, size_t *size, struct why *why)
{
	char name[PATH_MAX];
	int r = name_of(name, path, suffix, why);

	return r < 0 ? r : file_open_secret(name, max, size, why);
}
