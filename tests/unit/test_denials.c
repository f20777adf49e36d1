/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/socket/denials: which denied requests are logged. stderr goes to a file; the clock is fake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/socket/denials.h"

#define NOW    100000
#define MINUTE 60000

static FILE *captured;
static int real_stderr;

static int
set_up(void **state)
{
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	captured = tmpfile();
	assert_non_null(captured);
	real_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
	*state = loop;
	return 0;
}

static int
tear_down(void **state)
{
	(void)dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(captured);
	loop_free(*state);
	assert_int_equal(mem_live(), 0);
	return 0;
}

/* Counts the log lines so far that contain `text`. */
static int
lines(const char *text)
{
	char line[2048];
	int n = 0;

	rewind(captured);
	while (fgets(line, sizeof line, captured))
		n += strstr(line, text) != NULL;
	(void)fseek(captured, 0, SEEK_END);
	return n;
}

static struct denials *
denials(void **state)
{
	struct denials *d;

	assert_int_equal(denials_new(&d, *state), 0);
	return d;
}

static void
deny(struct denials *d, uid_t uid, const char *what, const char *key, int64_t now_ms)
{
	struct caller c = { .fd = -1, .uid = uid };

	denials_note(d, &c, what, span_of(key), now_ms);
}

static void
a_user_and_key_are_logged_once(void **state)
{
	struct denials *d = denials(state);

	for (int i = 0; i < 5; i++)
		deny(d, 1000, "connection", "a", NOW + i * MINUTE);
	assert_int_equal(lines("event=denied"), 1);
	assert_int_equal(lines("uid=1000 pid=0 what=connection key=a"), 1);
	deny(d, 1000, "variable", "a", NOW);
	deny(d, 1001, "connection", "a", NOW);
	deny(d, 1000, "status", NULL, NOW);
	assert_int_equal(lines("event=denied"), 4);
	denials_free(d);
	assert_int_equal(lines("further denials"), 0);
}

static void
a_user_has_ten_lines_a_minute_and_then_a_count(void **state)
{
	struct denials *d = denials(state);
	char key[16];

	for (int i = 0; i < 25; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		deny(d, 1000, "connection", key, NOW);
	}
	deny(d, 1001, "connection", "k0", NOW);
	assert_int_equal(lines("uid=1000 pid=0"), DENIALS_A_MINUTE);
	assert_int_equal(lines("uid=1001 pid=0"), 1);
	deny(d, 1000, "connection", "k24", NOW + MINUTE - 1);
	assert_int_equal(lines("further denials"), 0);
	deny(d, 1000, "connection", "k24", NOW + MINUTE);
	assert_int_equal(lines("event=\"further denials\" uid=1000 not_logged=16"), 1);
	assert_int_equal(lines("uid=1000 pid=0"), DENIALS_A_MINUTE + 1);
	denials_free(d);
}

static void
counts_that_are_left_are_logged_at_the_end(void **state)
{
	struct denials *d = denials(state);
	char key[16];

	for (int i = 0; i < DENIALS_A_MINUTE + 3; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		deny(d, 1000, "connection", key, NOW);
	}
	denials_free(d);
	assert_int_equal(lines("uid=1000 not_logged=3"), 1);
}

static void
more_users_than_there_are_entries_share_one_allowance(void **state)
{
	struct denials *d = denials(state);

	for (uid_t uid = 0; uid < 3 * DENIALS_USERS; uid++)
		deny(d, 1000 + uid, "connection", "a", NOW);
	assert_int_equal(lines("event=denied"), DENIALS_USERS + DENIALS_A_MINUTE);
	denials_free(d);
	assert_int_equal(lines("event=\"further denials, of several users\""), 1);
}

static void
a_flood_of_keys_is_bounded_and_old_ones_are_forgotten(void **state)
{
	struct denials *d = denials(state);
	int64_t now_ms = NOW;
	char key[16];

	for (int i = 0; i < 2 * DENIALS_KEYS; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		now_ms += MINUTE / DENIALS_A_MINUTE;
		deny(d, 1000, "connection", key, now_ms);
	}
	deny(d, 1000, "connection", "k0", now_ms + MINUTE);
	assert_int_equal(lines("key=k0\n"), 2);
	deny(d, 1000, "connection", key, now_ms + MINUTE);
	(void)snprintf(key, sizeof key, "key=k%d\n", 2 * DENIALS_KEYS - 1);
	assert_int_equal(lines(key), 1);
	denials_free(d);
}

static void
nowhere_to_note_is_fine(void **state)
{
	(void)state;
	deny(NULL, 1000, "connection", "a", NOW);
	assert_int_equal(lines("denied"), 0);
	assert_null(denials_free(NULL));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_user_and_key_are_logged_once),
		TEST(a_user_has_ten_lines_a_minute_and_then_a_count),
		TEST(counts_that_are_left_are_logged_at_the_end),
		TEST(more_users_than_there_are_entries_share_one_allowance),
		TEST(a_flood_of_keys_is_bounded_and_old_ones_are_forgotten),
		TEST(nowhere_to_note_is_fine),
	};

	if (base_init() < 0)
		return 1;
	loop_global_init();
	log_setup(LOG_FORMAT_KV, LOG_INFO);
	return cmocka_run_group_tests_name("denials", tests, NULL, NULL);
}
