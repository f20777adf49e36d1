/* SPDX-License-Identifier: Apache-2.0 */
/* edge/disk on a real loop and a real directory, with system calls that fail on request. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "edge/disk/disk.h"
#include "tests/unit/check.h"

/* --- system calls of the disk thread ----------------------------------------------------- */

static struct {
	bool in_pieces; /* write() takes few bytes, and is interrupted before each call */
	ssize_t room;   /* bytes until write() fails; < 0: never */
	int write_error, rename_error, link_error;
	int fsync_error[2]; /* of the next file, of the next directory */
	bool stops;         /* the first fsync waits for `go` */
	int n_fsync;
} fault;
static sem_t stopped, go;
static __thread bool interrupted;

static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (!is_file(fd) || fd <= STDERR_FILENO)
		return syscall(SYS_write, fd, p, n);
	if (fault.in_pieces) {
		interrupted = !interrupted;
		if (interrupted) {
			errno = EINTR;
			return -1;
		}
		n = n > 7 ? 7 : n;
	}
	if (fault.room >= 0) {
		if (fault.room == 0) {
			errno = fault.write_error;
			return fault.write_error ? -1 : 0;
		}
		n = n > (size_t)fault.room ? (size_t)fault.room : n;
		fault.room -= (ssize_t)n;
	}
	return syscall(SYS_write, fd, p, n);
}

int
fsync(int fd)
{
	bool directory = !is_file(fd);

	fault.n_fsync++;
	if (fault.stops) {
		fault.stops = false;
		(void)sem_post(&stopped);
		while (sem_wait(&go) < 0)
			;
	}
	if (fault.fsync_error[directory]) {
		errno = fault.fsync_error[directory];
		fault.fsync_error[directory] = 0;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
	if (fault.rename_error) {
		errno = fault.rename_error;
		return -1;
	}
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
link(const char *from, const char *to)
{
	if (fault.link_error) {
		errno = fault.link_error;
		return -1;
	}
	return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* --- one world per test ------------------------------------------------------------------ */

struct world {
	char dir[TEST_DIR_SIZE], path[TEST_DIR_SIZE + 16];
	struct loop *loop;
	struct disk *disk;
	int n[DISK_N_FILES], awaited;
	int error[DISK_N_FILES];
	char why[512];
};

static void
on_written(void *env, enum disk_file file, int error, const char *why)
{
	struct world *w = env;

	w->n[file]++;
	w->error[file] = error;
	if (error < 0)
		(void)snprintf(w->why, sizeof w->why, "%s", why);
	w->awaited--;
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	memset(&fault, 0, sizeof fault);
	fault.room = -1;
	test_dir_make(w->dir, "disk");
	(void)snprintf(w->path, sizeof w->path, "%s/snap", w->dir);
	*state = w;
	if (sem_init(&stopped, 0, 0) < 0 || sem_init(&go, 0, 0) < 0 || loop_new(&w->loop) < 0)
		return -1;
	return disk_new(&w->disk, w->loop, w->path, on_written, w);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	disk_free(w->disk, 10000);
	loop_free(w->loop);
	test_dir_remove(w->dir);
	free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
hand(struct world *w, enum disk_file file, const char *text)
{
	char *copy = mem_strdup(text);

	assert_non_null(copy);
	disk_write(w->disk, file, copy, strlen(text));
}

static void
await(struct world *w, int outcomes)
{
	int64_t until_ms = clock_boot_ms() + 10000;

	w->awaited = outcomes;
	while (w->awaited > 0 && clock_boot_ms() < until_ms)
		assert_true(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK) >= 0);
	assert_true(w->awaited <= 0);
}

static int
put(struct world *w, const char *text)
{
	hand(w, DISK_CONTENT, text);
	await(w, 1);
	return w->error[DISK_CONTENT];
}

static void
check_file(struct world *w, const char *suffix, const char *want)
{
	struct buf b = BUF_INIT(1 << 20);
	struct why why = { "" };
	int r = disk_read(w->path, suffix, &b, &why);

	if (!want) {
		assert_int_equal(r, -ENOENT);
	} else {
		if (r < 0)
			fail_msg("%s", why.text);
		assert_string_equal(buf_str(&b), want);
	}
	buf_fini(&b);
}

static bool
is_there(struct world *w, const char *suffix)
{
	char name[sizeof w->path + 16];

	(void)snprintf(name, sizeof name, "%s%s", w->path, suffix);
	return access(name, F_OK) == 0;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void
a_file_is_replaced_and_the_one_before_kept(void **state)
{
	struct world *w = *state;
	mode_t old = umask(0);
	struct stat st;

	assert_int_equal(put(w, "one"), 0);
	check_file(w, "", "one");
	check_file(w, ".prev", NULL);
	assert_int_equal(fault.n_fsync, 2); /* the bytes, the name */
	assert_int_equal(put(w, "two"), 0);
	assert_int_equal(put(w, "three"), 0);
	check_file(w, "", "three");
	check_file(w, ".prev", "two");
	hand(w, DISK_STAMP, "stamp");
	await(w, 1);
	check_file(w, ".stamp", "stamp");
	assert_false(is_there(w, ".tmp"));
	(void)umask(old);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
short_and_interrupted_writes_make_a_whole_file(void **state)
{
	struct world *w = *state;
	char text[1001];

	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof text - 1] = '\0';
	fault.in_pieces = true;
	assert_int_equal(put(w, text), 0);
	check_file(w, "", text);
}

/* Any failure before the rename leaves the old file unchanged, and no other file. */
static void
the_old_one_stays(struct world *w, int error)
{
	assert_int_equal(put(w, "newer, and longer"), -error);
	assert_non_null(strstr(w->why, strerror(error)));
	assert_non_null(strstr(w->why, w->path));
	check_file(w, "", "old");
	assert_false(is_there(w, ".tmp"));
	memset(&fault, 0, sizeof fault);
	fault.room = -1;
	assert_int_equal(put(w, "new"), 0);
	check_file(w, "", "new");
	check_file(w, ".prev", "old");
	assert_int_equal(put(w, "old"), 0);
}

static void
what_fails_leaves_the_old_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "old"), 0);
	for (ssize_t room = 0; room < 10; room += 3) {
		fault.room = room;
		fault.write_error = ENOSPC;
		the_old_one_stays(w, ENOSPC);
	}
	fault.room = 3;
	fault.write_error = 0; /* write() returns 0 */
	the_old_one_stays(w, EIO);
	fault.room = 3;
	fault.write_error = EDQUOT;
	the_old_one_stays(w, EDQUOT);
	fault.fsync_error[0] = EIO;
	the_old_one_stays(w, EIO);
	fault.rename_error = EROFS;
	the_old_one_stays(w, EROFS);
}

static void
a_name_that_may_not_last_is_said(void **state)
{
	struct world *w = *state;

	fault.fsync_error[1] = EIO;
	assert_int_equal(put(w, "one"), -EIO);
	assert_non_null(strstr(w->why, "cannot sync"));
	check_file(w, "", "one");
}

static void
without_links_there_is_no_spare(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "one"), 0);
	fault.link_error = EPERM;
	assert_int_equal(put(w, "two"), 0);
	check_file(w, "", "two");
	check_file(w, ".prev", NULL);
}

static void
what_a_crash_left_is_in_nobodys_way(void **state)
{
	struct world *w = *state;
	char tmp[sizeof w->path + 8];
	FILE *f;

	(void)snprintf(tmp, sizeof tmp, "%s.tmp", w->path);
	f = fopen(tmp, "w");
	assert_non_null(f);
	fputs("half of somethi", f);
	fclose(f);
	assert_int_equal(chmod(tmp, 0666), 0);
	assert_int_equal(put(w, "one"), 0);
	check_file(w, "", "one");
	/* An old temporary file that cannot be removed is an error; it is not written to. */
	assert_int_equal(mkdir(tmp, 0700), 0);
	assert_int_equal(put(w, "two"), -EEXIST);
	check_file(w, "", "one");
	assert_int_equal(rmdir(tmp), 0);
}

/* Lets the thread start writing `text`, and blocks it there. */
static void
hold_with(struct world *w, const char *text)
{
	fault.stops = true;
	hand(w, DISK_CONTENT, text);
	while (sem_wait(&stopped) < 0)
		;
}

static void
while_the_disk_is_busy_only_the_newest_waits(void **state)
{
	struct world *w = *state;

	hold_with(w, "one");
	hand(w, DISK_CONTENT, "two");
	hand(w, DISK_STAMP, "of two");
	hand(w, DISK_CONTENT, "three");
	hand(w, DISK_STAMP, "of three");
	(void)sem_post(&go);
	while (w->n[DISK_STAMP] < 1)
		await(w, 1);
	assert_in_range(w->n[DISK_CONTENT], 1, 2); /* two outcomes may be reported as one */
	check_file(w, "", "three");
	check_file(w, ".prev", "one");
	check_file(w, ".stamp", "of three");
}

static void
a_stamp_of_a_content_that_failed_is_not_written(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "one"), 0);
	hand(w, DISK_STAMP, "of one");
	await(w, 1);
	hold_with(w, "two");
	hand(w, DISK_STAMP, "of two");
	fault.fsync_error[0] = EIO;
	(void)sem_post(&go);
	await(w, 1);
	assert_int_equal(w->error[DISK_CONTENT], -EIO);
	w->disk = disk_free(w->disk, 10000);
	check_file(w, "", "one");
	check_file(w, ".stamp", "of one");
}

static void
the_end_writes_what_waits(void **state)
{
	struct world *w = *state;

	hold_with(w, "one");
	hand(w, DISK_CONTENT, "two");
	hand(w, DISK_STAMP, "of two");
	(void)sem_post(&go);
	w->disk = disk_free(w->disk, 10000);
	check_file(w, "", "two");
	check_file(w, ".stamp", "of two");
	assert_int_equal(w->n[DISK_CONTENT], 0);
}

/* A long directory below w->dir, so that `path` has n bytes; removed with w->dir. */
static void
make_long_path(struct world *w, char *path, size_t n)
{
	size_t len = (size_t)sprintf(path, "%s/", w->dir);

	while (n - len > 210) {
		memset(path + len, 'd', 200);
		path[len + 200] = '\0';
		assert_int_equal(mkdir(path, 0700), 0);
		strcpy(path + len + 200, "/");
		len += 201;
	}
	memset(path + len, 'f', n - len);
	path[n] = '\0';
}

static int
try_path(struct world *w, const char *path)
{
	w->disk = disk_free(w->disk, 10000);
	return disk_new(&w->disk, w->loop, path, on_written, w);
}

/* Names are never truncated: a truncated name could be another file, which would be unlinked. */
static void
a_path_is_used_whole_or_refused(void **state)
{
	size_t most = PATH_MAX - 1 - strlen(".stamp.tmp");
	char path[PATH_MAX + 1], other[PATH_MAX];
	struct why why = { "" };
	struct world *w = *state;
	struct buf b = BUF_INIT(100);

	make_long_path(w, path, most);
	snprintf(other, sizeof other, "%.4000s.prev", path);
	close(creat(other, 0600));
	assert_int_equal(disk_check_path(path, &why), 0);
	assert_int_equal(try_path(w, path), 0);
	assert_int_equal(put(w, "one"), 0);
	assert_int_equal(put(w, "two"), 0);
	hand(w, DISK_STAMP, "stamp");
	await(w, 1);
	assert_int_equal(disk_read(path, ".prev", &b, &why), 0);
	assert_int_equal(disk_read(path, ".stamp", &b, &why), 0);
	assert_string_equal(buf_str(&b), "onestamp");
	assert_int_equal(access(other, F_OK), 0);
	buf_fini(&b);

	strcat(path, "f");
	assert_int_equal(try_path(w, path), -ENAMETOOLONG);
	assert_int_equal(disk_check_path(path, &why), -ENAMETOOLONG);
	assert_non_null(
	    strstr(why.text, "too long for a snapshot's path: expected at most 4085 bytes"));
}

static void
what_others_can_read_is_not_read(void **state)
{
	struct world *w = *state;
	struct buf b = BUF_INIT(4096);
	char suffix[5000];
	struct why why = { "" };

	assert_int_equal(put(w, "one"), 0);
	assert_int_equal(chmod(w->path, 0644), 0);
	assert_int_equal(disk_read(w->path, "", &b, &why), -EACCES);
	assert_int_equal(b.len, 0);
	memset(suffix, 'x', sizeof suffix - 1);
	suffix[sizeof suffix - 1] = '\0';
	assert_int_equal(disk_read(w->path, suffix, &b, &why), -ENAMETOOLONG);
	assert_non_null(strstr(why.text, "too long"));
	buf_fini(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_replaced_and_the_one_before_kept),
		TEST(short_and_interrupted_writes_make_a_whole_file),
		TEST(what_fails_leaves_the_old_one),
		TEST(a_name_that_may_not_last_is_said),
		TEST(without_links_there_is_no_spare),
		TEST(what_a_crash_left_is_in_nobodys_way),
		TEST(while_the_disk_is_busy_only_the_newest_waits),
		TEST(a_stamp_of_a_content_that_failed_is_not_written),
		TEST(the_end_writes_what_waits),
		TEST(a_path_is_used_whole_or_refused),
		TEST(what_others_can_read_is_not_read),
	};

	if (base_init() < 0)
		return 1;
	loop_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
