/* SPDX-License-Identifier: Apache-2.0 */
/* Commits that a thread syncs to the disk, and checkpoints of the write-ahead log meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tests/unit/store_fixture.h"

#define PATIENCE_MS 10000
#define HEAD_SIZE   32 /* bytes of the log file */

/* Runs the store like the API, whenever its descriptor is readable, until done(f). */
static void
turn_until(struct fixture *f, bool (*done)(struct fixture *f))
{
	int64_t deadline = clock_boot_ms() + PATIENCE_MS;
	struct pollfd p = { .fd = store_sync_fd(f->s), .events = POLLIN };

	while (!done(f)) {
		assert_true(clock_boot_ms() < deadline);
		(void)poll(&p, 1, 10);
		if (p.revents)
			store_sync_turn(f->s);
	}
}

static bool
all_synced(struct fixture *f)
{
	return store_synced(f->s).upto == store_commits(f->s);
}

static off_t
log_size(const struct fixture *f)
{
	char path[TEST_DIR_SIZE + 32];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/manager.db-wal", f->dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
read_log_head(const struct fixture *f, char head[static HEAD_SIZE])
{
	char path[TEST_DIR_SIZE + 32];
	int fd;

	(void)snprintf(path, sizeof path, "%s/manager.db-wal", f->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, head, HEAD_SIZE), HEAD_SIZE);
	close(fd);
}

static bool
log_is_empty(struct fixture *f)
{
	store_tidy(f->s);
	return log_size(f) == 0;
}

static void
change(struct fixture *f, const char *key)
{
	struct id id;

	assert_int_equal(CREATE(f, &id, .type = VAR, .key = key, .value = V("1"),
			     .scope = SCOPE_DEPLOYMENT, .at = &f->dep[0]),
	    0);
}

static void
a_commit_is_counted_and_reaches_the_disk(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	assert_int_equal(store_sync_fd(f->s), -1);
	assert_int_equal(store_synced(f->s).upto, store_commits(f->s));
	assert_int_equal(store_sync_in_thread(f->s), 0);
	before = store_commits(f->s);
	change(f, "a");
	assert_int_equal(store_commits(f->s), before + 1);
	turn_until(f, all_synced);
	assert_int_equal(store_synced(f->s).failed, 0);
	reopen(f);
	assert_list(f, &VIEW(f->dep[0]), 1, "a=1");
}

static void
the_log_is_emptied_at_a_quiet_moment(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_sync_in_thread(f->s), 0);
	change(f, "a");
	assert_true(log_size(f) > 0);
	turn_until(f, log_is_empty);
	change(f, "b");
	assert_true(log_size(f) > 0);
	turn_until(f, log_is_empty);
	assert_list(f, &VIEW(f->dep[0]), 2, "a=1 b=1");
}

/*
 * A log that is fully copied cannot be reset while a list reads it. When the list ends, the next
 * change must not overwrite what the log contains.
 */
static void
the_log_never_begins_anew_with_old_frames_in_it(void **state)
{
	struct fixture *f = *state;
	struct store_query q = VIEW(f->dep[0]);
	char first[HEAD_SIZE], now[HEAD_SIZE], key[16];
	struct store_cursor *c;
	struct store_version version;
	off_t size;

	assert_int_equal(store_sync_in_thread(f->s), 0);
	change(f, "a");
	read_log_head(f, first);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_list(f->s, &q, &c, &version), 0);
		turn_until(f, all_synced);
		store_tidy(f->s);
		usleep(5000); /* time for the copy; the test passes whenever it happens */
		size = log_size(f);
		c = store_list_close(c);
		(void)snprintf(key, sizeof key, "k%02d", i);
		change(f, key);
		assert_true(log_size(f) > size);
		read_log_head(f, now);
		assert_memory_equal(first, now, HEAD_SIZE);
	}
	turn_until(f, log_is_empty);
	assert_list(f, &q, 21,
	    "a=1 k00=1 k01=1 k02=1 k03=1 k04=1 k05=1 k06=1 k07=1 k08=1 k09=1 k10=1 k11=1 k12=1 "
	    "k13=1 k14=1 k15=1 k16=1 k17=1 k18=1 k19=1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_commit_is_counted_and_reaches_the_disk),
		STORE_TEST(the_log_is_emptied_at_a_quiet_moment),
		STORE_TEST(the_log_never_begins_anew_with_old_frames_in_it),
	};

	return cmocka_run_group_tests_name("store sync", tests, store_start, NULL);
}
