/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/disk/snapshot: what is written when, with a fake clock and a fake disk that fails on
 * request. No loop; the only file is the key.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "edge/disk/disk.h"
#include "edge/disk/snapshot.h"
#include "edge/process/loop.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_time.h"

#define S INT64_C(1000)
#define M (60 * S)

/* --- the fake edges ------------------------------------------------------------------- */

static struct later *put_off;

void
loop_after_turn(struct loop *l, struct later *job)
{
	(void)l;
	put_off = job;
}

void
loop_forget(struct loop *l, struct later *job)
{
	(void)l;
	(void)job;
	put_off = NULL;
}

/* A disk that writes at once, and the times of its writes. */
static struct {
	disk_written *written;
	void *env;
	int error;
	int n[DISK_N_FILES];
	int64_t last_ms, shortest_ms, longest_ms; /* contents: between two */
	FILE *kept;                               /* the last content, if one is expected */
} the_disk;

int
disk_check_path(const char *path, struct why *why)
{
	(void)path;
	(void)why;
	return 0;
}

int
disk_new(struct disk **out, struct loop *loop, const char *path, disk_written *written, void *env)
{
	(void)loop;
	(void)path;
	the_disk.written = written;
	the_disk.env = env;
	*out = NULL;
	return 0;
}

static void
forget_times(void)
{
	the_disk.n[DISK_CONTENT] = the_disk.n[DISK_STAMP] = 0;
	the_disk.last_ms = -1;
	the_disk.shortest_ms = INT64_MAX;
	the_disk.longest_ms = 0;
}

static bool written[DISK_N_FILES]; /* and not reported yet */

void
disk_write(struct disk *d, enum disk_file file, void *bytes, size_t n)
{
	int64_t gap_ms = now_ms - the_disk.last_ms;

	(void)d;
	if (file == DISK_CONTENT && the_disk.kept)
		assert_int_equal(fwrite(bytes, 1, n, the_disk.kept), n);
	mem_free(bytes);
	written[file] = true;
	the_disk.n[file]++;
	if (file == DISK_STAMP)
		return;
	if (the_disk.last_ms >= 0 && gap_ms < the_disk.shortest_ms)
		the_disk.shortest_ms = gap_ms;
	if (the_disk.last_ms >= 0 && gap_ms > the_disk.longest_ms)
		the_disk.longest_ms = gap_ms;
	the_disk.last_ms = now_ms;
}

struct disk *
disk_free(struct disk *d, int ms)
{
	(void)d;
	(void)ms;
	return NULL;
}

int
disk_read(const char *path, const char *suffix, struct buf *out, struct why *why)
{
	(void)path;
	(void)suffix;
	(void)out;
	(void)why;
	return -ENOENT;
}

int
disk_open(const char *path, const char *suffix, size_t max, size_t *size, struct why *why)
{
	(void)path;
	(void)max;
	(void)why;
	if (!the_disk.kept)
		return -ENOENT;
	*size = (size_t)ftell(the_disk.kept);
	/* The newest file cannot be read, because it is a directory. */
	if (strcmp(suffix, ".prev") != 0)
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rewind(the_disk.kept);
	return dup(fileno(the_disk.kept));
}

/* --- one world per test ------------------------------------------------------------------ */

struct world {
	struct config config;
	struct replica *replica;
	struct snapshot *snapshot;
	char key_path[64], path[64];
};

static void
nothing(void *env)
{
	(void)env;
}

static void
no_note(void *env, const char *event, const char *detail)
{
	(void)env;
	(void)event;
	(void)detail;
}

static int64_t
low(void *env, int64_t from, int64_t to)
{
	(void)env;
	(void)to;
	return from;
}

static void
same_identity(void *env, uint8_t out[static REPLICA_IDENTITY_SIZE])
{
	(void)env;
	memset(out, 1, REPLICA_IDENTITY_SIZE);
}

static const struct replica_ops ops = { .identity = same_identity,
	.start_sync = nothing,
	.published = nothing,
	.note = no_note,
	.jitter = low };

/* Runs what is due until then, in order. */
static void
pass(int64_t ms)
{
	int64_t end_ms = now_ms + ms;

	for (;;) {
		struct later *job = put_off;

		if (job) {
			put_off = NULL;
			job->run(job);
			continue;
		}
		for (enum disk_file f = DISK_CONTENT; f < DISK_N_FILES; f++)
			if (written[f]) {
				written[f] = false;
				the_disk.written(the_disk.env, f, the_disk.error, "no space");
			}
		if (put_off)
			continue;
		if (the_alarm.at_ms > end_ms)
			break;
		if (the_alarm.at_ms > now_ms)
			now_ms = the_alarm.at_ms;
		the_alarm.at_ms = INT64_MAX;
		the_alarm.fn(the_alarm.arg);
	}
	now_ms = end_ms;
}

static void
sync_ends(struct world *w, enum sync_outcome outcome, int64_t retry_after_ms)
{
	struct sync_result result = {
		.outcome = outcome, .reason = "as told", .retry_after_ms = retry_after_ms
	};
	struct generation_builder *b;
	struct sync_basis basis;

	replica_sync_soon(w->replica, now_ms);
	(void)replica_turn(w->replica, now_ms);
	if (outcome == SYNC_OK) {
		assert_int_equal(generation_builder_new(&b, ARENA_LOCK_OFF, 1 << 20), 0);
		add(b, KIND_CONNECTION, RECORD_VALUE, "db", "\"1\"");
		replica_basis(w->replica, now_ms, &basis);
		sync_list_finish(&result, b, &basis);
	}
	(void)replica_sync_done(w->replica, now_ms, &result);
	snapshot_stamp(w->snapshot);
}

static const struct windows the_windows = { 60 * S, 10 * M, 60 * M, 15 * M };

static int
new_replica(struct world *w)
{
	const struct replica_config rc = {
		.windows = the_windows,
		.refresh_ms = 30 * S,
		.max_bytes = 1 << 20,
	};

	return replica_new(&w->replica, &rc, &ops, w, 7);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct why why;
	FILE *f;
	int fd;

	now_ms = 1000 * S;
	put_off = NULL;
	the_disk.error = 0;
	forget_times();
	strcpy(w->key_path, "/tmp/connd-test-XXXXXX");
	fd = mkstemp(w->key_path);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return -1;
	for (int i = 0; i < 32; i++)
		fputs("5a", f);
	fclose(f);
	strcpy(w->path, "/tmp/connd-test-elsewhere/snapshot");
	w->config.snapshot.path = w->path;
	w->config.snapshot.key_file = w->key_path;
	w->config.memory.max_bytes = 1 << 20;
	w->config.manager.organization = (char *)"org";
	w->config.manager.deployment = (char *)"dep";
	if (new_replica(w) < 0 ||
	    snapshot_new(&w->snapshot, NULL, w->replica, &w->config, &why) < 0)
		return -1;
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	w->snapshot = snapshot_free(w->snapshot, 0);
	w->replica = replica_free(w->replica);
	unlink(w->key_path);
	free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
change(struct world *w)
{
	snapshot_changed(w->snapshot, "https://m");
}

/* Writes a first content. */
static void
begun(struct world *w)
{
	sync_ends(w, SYNC_OK, 0);
	change(w);
	pass(10 * S);
	assert_int_equal(the_disk.n[DISK_CONTENT], 1);
	assert_true(snapshot_is_current(w->snapshot));
	forget_times();
}

/* --- contents ------------------------------------------------------------------------------ */

static void
a_content_is_written_when_it_changed_and_two_seconds_after_the_last(void **state)
{
	struct world *w = *state;

	begun(w);
	pass(60 * M);
	assert_int_equal(the_disk.n[DISK_CONTENT], 0);
	for (int i = 0; i < 100; i++) {
		change(w);
		pass(100);
	}
	pass(10 * S);
	assert_in_range(the_disk.n[DISK_CONTENT], 5, 6);
	assert_true(the_disk.shortest_ms >= 2 * S);
	assert_true(snapshot_is_current(w->snapshot));
}

static void
a_disk_that_fails_is_tried_again_with_longer_pauses(void **state)
{
	struct world *w = *state;

	begun(w);
	the_disk.error = -ENOSPC;
	change(w);
	pass(60 * M);
	assert_false(snapshot_is_current(w->snapshot));
	/* For an hour, with pauses of a minute at most; the first ones are short. */
	assert_in_range(the_disk.n[DISK_CONTENT], 60, 400);
	assert_true(the_disk.shortest_ms >= 1 * S);
	assert_in_range(the_disk.longest_ms, 20 * S, 60 * S);
	the_disk.error = 0;
	pass(1 * M);
	assert_true(snapshot_is_current(w->snapshot));
}

/* Fails until the next attempt is some time away. */
static void
wait_for_a_long_pause(void)
{
	while (the_alarm.at_ms == INT64_MAX || the_alarm.at_ms - now_ms < 30 * S)
		pass(1 * S);
}

static void
new_content_does_not_wait_for_the_long_pause(void **state)
{
	struct world *w = *state;

	begun(w);
	the_disk.error = -ENOSPC;
	change(w);
	for (int i = 0; i < 20; i++) {
		wait_for_a_long_pause();
		forget_times();
		change(w);
		pass(10 * S);
		assert_in_range(the_disk.n[DISK_CONTENT], 1, 10);
	}
	wait_for_a_long_pause();
	the_disk.error = 0;
	change(w);
	pass(10 * S);
	assert_true(snapshot_is_current(w->snapshot));
	/* Then the state is as before. */
	change(w);
	pass(2 * S);
	assert_true(snapshot_is_current(w->snapshot));
}

static void
a_full_disk_and_a_storm_of_changes_is_no_storm_of_writes(void **state)
{
	struct world *w = *state;

	begun(w);
	the_disk.error = -ENOSPC;
	for (int i = 0; i < 6000; i++) {
		change(w);
		sync_ends(w, SYNC_OK, 0);
		pass(100);
	}
	assert_true(the_disk.shortest_ms >= 1 * S);
	assert_in_range(the_disk.n[DISK_CONTENT], 60, 240); /* in ten minutes */
	assert_int_equal(the_disk.n[DISK_STAMP], 0);
}

static void
the_end_writes_what_is_left_whatever_the_pause(void **state)
{
	struct world *w = *state;

	begun(w);
	the_disk.error = -ENOSPC;
	change(w);
	wait_for_a_long_pause();
	forget_times();
	snapshot_close(w->snapshot);
	assert_int_equal(the_disk.n[DISK_CONTENT], 1);
	assert_int_equal(the_disk.n[DISK_STAMP], 1);
	change(w);
	pass(60 * M);
	assert_int_equal(the_disk.n[DISK_CONTENT], 1);
}

static void
status_tells_of_trouble_until_it_is_over(void **state)
{
	struct snapshot_status st;
	struct world *w = *state;

	snapshot_status(w->snapshot, &st);
	assert_false(st.current);
	assert_int_equal(st.written_ago_ms, -1);
	begun(w);
	pass(5 * S);
	snapshot_status(w->snapshot, &st);
	assert_true(st.current);
	assert_in_range(st.written_ago_ms, 5 * S, 15 * S);
	assert_string_equal(st.error, "");
	the_disk.error = -ENOSPC;
	change(w);
	pass(60 * S);
	snapshot_status(w->snapshot, &st);
	assert_false(st.current);
	assert_string_equal(st.error, "no space");
	assert_in_range(st.failing_ms, 50 * S, 60 * S);
	the_disk.error = 0;
	pass(60 * S);
	snapshot_status(w->snapshot, &st);
	assert_true(st.current);
	assert_string_equal(st.error, "");
	assert_int_equal(st.failing_ms, 0);
	snapshot_status(NULL, &st);
	assert_false(st.current);
	assert_string_equal(st.error, "");
}

/* --- stamps ----------------------------------------------------------------------------------- */

static void
a_stamp_is_renewed_once_a_minute_at_most(void **state)
{
	struct world *w = *state;

	begun(w);
	for (int i = 0; i < 600; i++) {
		sync_ends(w, SYNC_NOT_MODIFIED, 0);
		pass(1 * S);
	}
	assert_in_range(the_disk.n[DISK_STAMP], 9, 10);
	assert_int_equal(the_disk.n[DISK_CONTENT], 0);
}

static void
what_a_crash_must_not_forget_is_stamped_at_once(void **state)
{
	struct world *w = *state;

	begun(w);
	sync_ends(w, SYNC_UNREACHABLE, 0);
	assert_int_equal(the_disk.n[DISK_STAMP], 0);
	sync_ends(w, SYNC_UNAUTHORIZED, 0);
	assert_int_equal(the_disk.n[DISK_STAMP], 1);
	sync_ends(w, SYNC_UNAUTHORIZED, 0);
	assert_int_equal(the_disk.n[DISK_STAMP], 1);
	sync_ends(w, SYNC_NOT_MODIFIED, 0);
	assert_int_equal(the_disk.n[DISK_STAMP], 2);
	sync_ends(w, SYNC_UNREACHABLE, 10 * M);
	assert_int_equal(the_disk.n[DISK_STAMP], 3);
	snapshot_stamp(w->snapshot);
	assert_int_equal(the_disk.n[DISK_STAMP], 3);
}

static void
a_stamp_of_a_content_under_way_waits_for_it(void **state)
{
	struct world *w = *state;

	begun(w);
	change(w);
	sync_ends(w, SYNC_UNREACHABLE, 10 * M);
	assert_int_equal(the_disk.n[DISK_STAMP], 0);
	pass(10 * S);
	assert_int_equal(the_disk.n[DISK_CONTENT], 1);
	assert_int_equal(the_disk.n[DISK_STAMP], 1);
}

static void
without_data_only_a_retry_after_is_stamped(void **state)
{
	struct world *w = *state;

	sync_ends(w, SYNC_UNREACHABLE, 0);
	sync_ends(w, SYNC_UNAUTHORIZED, 0);
	pass(60 * M);
	snapshot_stamp(w->snapshot);
	assert_int_equal(the_disk.n[DISK_STAMP], 0);
	sync_ends(w, SYNC_UNREACHABLE, 10 * M);
	assert_int_equal(the_disk.n[DISK_STAMP], 1);
	assert_int_equal(the_disk.n[DISK_CONTENT], 0);
}

static void
what_the_disk_can_not_bring_back_is_replaced_by_the_one_before(void **state)
{
	struct world *w = *state;
	struct why why;
	struct snapshot *next = NULL;

	the_disk.kept = tmpfile();
	assert_non_null(the_disk.kept);
	begun(w);
	w->snapshot = snapshot_free(w->snapshot, 0);
	w->replica = replica_free(w->replica);
	w->config.freshness.windows = the_windows;
	assert_int_equal(new_replica(w), 0);
	assert_int_equal(snapshot_new(&next, NULL, w->replica, &w->config, &why), 0);
	w->snapshot = next;
	snapshot_load(w->snapshot);
	fclose(the_disk.kept);
	the_disk.kept = NULL;
	assert_non_null(replica_current(w->replica));
	pass(10 * S);
	assert_int_equal(
	    the_disk.n[DISK_CONTENT], 1); /* written again, so that the newest file is valid */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_content_is_written_when_it_changed_and_two_seconds_after_the_last),
		TEST(a_disk_that_fails_is_tried_again_with_longer_pauses),
		TEST(new_content_does_not_wait_for_the_long_pause),
		TEST(a_full_disk_and_a_storm_of_changes_is_no_storm_of_writes),
		TEST(the_end_writes_what_is_left_whatever_the_pause),
		TEST(status_tells_of_trouble_until_it_is_over),
		TEST(a_stamp_is_renewed_once_a_minute_at_most),
		TEST(what_a_crash_must_not_forget_is_stamped_at_once),
		TEST(a_stamp_of_a_content_under_way_waits_for_it),
		TEST(without_data_only_a_retry_after_is_stamped),
		TEST(what_the_disk_can_not_bring_back_is_replaced_by_the_one_before),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
