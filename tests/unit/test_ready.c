/* SPDX-License-Identifier: Apache-2.0 */
/* edge/process/ready: when READY=1 is sent, and the reasons why not; read from a real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/replica.h"
#include "edge/process/notify.h"
#include "edge/process/ready.h"
#include "tests/unit/check.h"

struct fixture {
	char dir[TEST_DIR_SIZE];
	int fd; /* what systemd would read */
	char said[4096];
	struct config config;
	struct config_require key[2];
	struct loop *loop;
	struct replica *replica;
	struct ready *ready;
	struct why why;
};

static void
ignore(void *env)
{
	(void)env;
}

static void
ignore_probe(void *env, enum record_kind kind, struct span key)
{
	(void)env;
	(void)kind;
	(void)key;
}

static void
ignore_note(void *env, const char *event, const char *detail)
{
	(void)env;
	(void)event;
	(void)detail;
}

static int64_t
lowest(void *env, int64_t low, int64_t high)
{
	(void)env;
	(void)high;
	return low;
}

static const struct replica_ops ops = {
	.start_sync = ignore,
	.start_probe = ignore_probe,
	.wake = ignore,
	.published = ignore,
	.note = ignore_note,
	.jitter = lowest,
};

static int
set_up(void **state)
{
	static const struct replica_config config = {
		.windows = { 60000, 120000, 600000, 300000 },
		.refresh_ms = 30000,
		.cold_wait_ms = 2000,
		.deletion_guard_percent = 50,
		.lock = ARENA_LOCK_OFF,
		.max_bytes = 1 << 20,
	};
	struct fixture *f = mem_zalloc(sizeof *f);
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	assert_non_null(f);
	test_dir_make(f->dir, "test_ready");
	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", f->dir);
	f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", at.sun_path, 1), 0);
	notify_init();
	f->config.require.max_age_ms = -1;
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(replica_new(&f->replica, &config, &ops, f, 7), 0);
	(void)replica_turn(f->replica, clock_boot_ms());
	assert_int_equal(ready_new(&f->ready, f->loop, f->replica, &f->config), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	ready_free(f->ready);
	replica_free(f->replica);
	loop_free(f->loop);
	(void)close(f->fd);
	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

static void
require(struct fixture *f, const char *first, const char *second)
{
	f->key[0] = (struct config_require){ .kind = KIND_CONNECTION, .key = (char *)first };
	f->key[1] = (struct config_require){ .kind = KIND_VARIABLE, .key = (char *)second };
	f->config.require.key = f->key;
	f->config.require.n_keys = 2;
}

/* Ends a sync with the connection db. */
static void
sync_db(struct fixture *f)
{
	struct generation_builder *b = builder(ARENA_LOCK_OFF);
	struct sync_result result = { 0 };
	struct sync_basis basis;

	add(b, KIND_CONNECTION, RECORD_VALUE, "db", "\"1\"");
	replica_basis(f->replica, clock_boot_ms(), &basis);
	sync_list_finish(&result, b, &basis);
	(void)replica_sync_done(f->replica, clock_boot_ms(), &result);
}

/* What has been sent since the last call, in lines. */
static const char *
said(struct fixture *f)
{
	size_t n = 0;
	ssize_t got;

	while ((got = recv(f->fd, f->said + n, sizeof f->said - n - 2, 0)) > 0) {
		n += (size_t)got;
		f->said[n++] = '\n';
	}
	f->said[n] = '\0';
	return f->said;
}

static void
test_ready_is_sent_once_when_there_is_data_and_requests_can_be_sent(void **state)
{
	struct fixture *f = *state;

	sync_db(f);
	ready_check(f->ready);
	assert_null(strstr(said(f), "READY=1"));
	ready_begin(f->ready);
	ready_check(f->ready);
	assert_non_null(strstr(said(f), "READY=1"));
	assert_true(ready_is(f->ready));
	ready_check(f->ready);
	assert_null(strstr(said(f), "READY=1"));
}

static void
test_without_data_the_reason_is_what_the_last_sync_said(void **state)
{
	struct fixture *f = *state;
	struct sync_result failed = { .outcome = SYNC_FAILED, .reason = "no route to host" };
	const struct config_require *lacks;

	ready_begin(f->ready);
	(void)replica_sync_done(f->replica, clock_boot_ms(), &failed);
	ready_check(f->ready);
	assert_false(ready_is(f->ready));
	assert_non_null(strstr(said(f), "not ready: 0 connections, 0 variables; no route to host"));
	assert_false(ready_now(f->ready, &lacks));
	assert_null(lacks);
	assert_true(ready_why_not(f->ready, &f->why));
	assert_non_null(strstr(f->why.text, "no route to host"));
}

static void
test_a_required_key_that_is_missing_is_named(void **state)
{
	struct fixture *f = *state;
	const struct config_require *lacks;

	require(f, "db", "retries");
	ready_begin(f->ready);
	assert_true(ready_why_not(f->ready, &f->why));
	assert_string_equal(f->why.text, "conn:db var:retries are missing or too old");
	sync_db(f);
	ready_check(f->ready);
	assert_false(ready_is(f->ready));
	assert_non_null(strstr(said(f), "waiting for var:retries"));
	assert_false(ready_now(f->ready, &lacks));
	assert_ptr_equal(lacks, &f->key[1]);
	assert_true(ready_why_not(f->ready, &f->why));
	assert_string_equal(f->why.text, "var:retries is missing or too old");

	f->config.require.n_keys = 1;
	ready_check(f->ready);
	assert_true(ready_is(f->ready));
	assert_false(ready_why_not(f->ready, &f->why));
}

static void
test_more_missing_keys_than_fit_are_counted(void **state)
{
	struct fixture *f = *state;
	struct config_require *key = calloc(1000, sizeof *key);
	char name[20] = "a_rather_long_name";

	assert_non_null(key);
	for (size_t i = 0; i < 1000; i++)
		key[i] = (struct config_require){ .kind = KIND_CONNECTION, .key = name };
	f->config.require.key = key;
	f->config.require.n_keys = 1000;
	assert_true(ready_why_not(f->ready, &f->why));
	assert_non_null(strstr(f->why.text, "a_rather_long_name and 9"));
	assert_non_null(strstr(f->why.text, " more are missing or too old"));
	f->config.require = (typeof(f->config.require)){ .max_age_ms = -1 };
	free(key);
}

static void
test_a_socket_that_nobody_can_reach_is_a_reason_before_all_others(void **state)
{
	struct fixture *f = *state;
	const struct config_require *lacks;

	require(f, "db", "retries");
	ready_hinder(f->ready, "the file of the socket has gone");
	assert_non_null(strstr(said(f), "STATUS=the file of the socket has gone"));
	assert_true(ready_why_not(f->ready, &f->why));
	assert_string_equal(f->why.text, "the file of the socket has gone");
	f->config.require.n_keys = 0;
	sync_db(f);
	assert_false(ready_now(f->ready, &lacks));
	ready_hinder(f->ready, NULL);
	assert_true(ready_now(f->ready, &lacks));
}

static void
test_nothing_is_sent_after_a_stop(void **state)
{
	struct fixture *f = *state;

	ready_begin(f->ready);
	sync_db(f);
	ready_stop(f->ready);
	(void)said(f);
	ready_check(f->ready);
	assert_string_equal(said(f), "");
	assert_false(ready_is(f->ready));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ready_is_sent_once_when_there_is_data_and_requests_can_be_sent),
		TEST(test_without_data_the_reason_is_what_the_last_sync_said),
		TEST(test_a_required_key_that_is_missing_is_named),
		TEST(test_more_missing_keys_than_fit_are_counted),
		TEST(test_a_socket_that_nobody_can_reach_is_a_reason_before_all_others),
		TEST(test_nothing_is_sent_after_a_stop),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
