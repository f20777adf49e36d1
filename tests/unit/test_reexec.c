/* SPDX-License-Identifier: Apache-2.0 */
/* edge/process/reexec: what the new program's check reports, and an execve() that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "edge/process/loop.h"
#include "edge/process/reexec.h"
#include "tests/unit/check.h"

struct world {
	char dir[TEST_DIR_SIZE], program[TEST_DIR_SIZE + 16];
	struct loop *loop;
	int n_done;
	bool good;
	char why[4096];
};

static int
set_up(void **state)
{
	struct world *w = mem_zalloc(sizeof *w);

	assert_non_null(w);
	test_dir_make(w->dir, "test_reexec");
	(void)snprintf(w->program, sizeof w->program, "%s/program", w->dir);
	reexec_init(w->program);
	*state = w;
	return loop_new(&w->loop);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	w->loop = loop_free(w->loop);
	test_dir_remove(w->dir);
	mem_free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

/* Replaces the program at the path by a shell script. */
static void
write_program(struct world *w, const char *commands)
{
	char text[2048];
	struct why why;
	int n = snprintf(text, sizeof text, "#!/bin/sh\n%s\n", commands);

	(void)unlink(w->program);
	assert_int_equal(file_create(w->program, text, (size_t)n, &why), 0);
	assert_int_equal(chmod(w->program, 0700), 0);
}

static void
on_done(void *env, const char *why)
{
	struct world *w = env;

	w->n_done++;
	w->good = !why;
	(void)snprintf(w->why, sizeof w->why, "%s", why ? why : "");
	loop_stop(w->loop);
}

static void
check_with(struct world *w, const char *commands, bool online)
{
	struct reexec_check *c;

	write_program(w, commands);
	w->n_done = 0;
	w->loop = loop_free(w->loop); /* one that was stopped does not run again */
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(reexec_check_new(&c, w->loop, "/etc/some.conf", online, on_done, w), 0);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->n_done, 1);
	reexec_check_free(c);
}

static void
the_faults_of_a_check_are_one_line(void **state)
{
	static const struct {
		const char *commands, *why;
	} rows[] = {
		{ "echo connd: checking FILE as user u >&2; echo connd: one >&2; exit 1",
		    "connd: one" },
		{ "echo connd: one >&2; echo connd: warning: odd >&2; echo connd: two >&2; exit 1",
		    "connd: one; connd: two" },
		{ "echo connd: checking FILE >&2; exit 1", "it ended without a message" },
		{ "echo to stdout; exit 3", "it ended without a message" },
		{ "kill -9 $$", "it ended without a message" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		check_with(w, rows[i].commands, false);
		assert_false(w->good);
		assert_string_equal(w->why, rows[i].why);
	}
}

static void
a_report_that_is_too_long_is_cut(void **state)
{
	struct world *w = *state;

	check_with(
	    w, "for i in 1 2 3 4 5 6 7 8 9; do printf '%0999d\\n' $i >&2; done; exit 1", false);
	assert_false(w->good);
	assert_in_range(strlen(w->why), 4000, sizeof w->why - 1);
}

static void
a_good_check_names_the_file_and_asks_the_manager_only_if_told(void **state)
{
	struct world *w = *state;

	check_with(w, "test \"$*\" = '--check --config /etc/some.conf' || exit 1", false);
	assert_true(w->good);
	check_with(w, "test \"$*\" = '--check --config /etc/some.conf --online' || exit 1", true);
	assert_true(w->good);
}

static void
a_program_that_is_missing_is_not_checked(void **state)
{
	struct reexec_check *c;
	struct world *w = *state;

	assert_int_equal(reexec_check_new(&c, w->loop, "f", false, on_done, w), -ENOENT);
	assert_int_equal(w->n_done, 0);
}

static void
a_freed_check_is_ended_and_not_reported(void **state)
{
	struct reexec_check *c;
	struct world *w = *state;

	write_program(w, "exec sleep 1000");
	assert_int_equal(reexec_check_new(&c, w->loop, "f", false, on_done, w), 0);
	c = reexec_check_free(c);
	assert_null(c);
	assert_int_equal(w->n_done, 0);
}

static bool
leads_to(int fd, ino_t inode)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == inode && (fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* Runs in a child: it moves descriptors. Returns 0 when all is as it should be. */
static int
fail_to_execute(struct world *w)
{
	struct stat first, second;
	int fd[REEXEC_FDS] = { open(w->dir, O_RDONLY | O_CLOEXEC),
		open("/", O_RDONLY | O_CLOEXEC) };

	if (fstat(fd[0], &first) < 0 || fstat(fd[1], &second) < 0)
		return 1;
	if (reexec_announce(2, "a:b") < 0 || !getenv("LISTEN_FDS"))
		return 2;
	if (reexec_now(fd, "/etc/some.conf") != -ENOENT)
		return 3;
	if (!leads_to(fd[0], first.st_ino) || !leads_to(fd[1], second.st_ino))
		return 4;
	return getenv("LISTEN_FDS") || getenv("LISTEN_PID") || getenv("LISTEN_FDNAMES") ? 5 : 0;
}

static void
an_execve_that_fails_leaves_the_descriptors(void **state)
{
	struct world *w = *state;
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fail_to_execute(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_path_that_is_too_long_is_not_executed_cut(void **state)
{
	char path[PATH_MAX + 8];
	struct reexec_check *c;
	struct world *w = *state;

	memset(path, '/', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	reexec_init(path);
	assert_int_equal(reexec_check_new(&c, w->loop, "f", false, on_done, w), -ENOENT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_faults_of_a_check_are_one_line),
		TEST(a_report_that_is_too_long_is_cut),
		TEST(a_good_check_names_the_file_and_asks_the_manager_only_if_told),
		TEST(a_program_that_is_missing_is_not_checked),
		TEST(a_freed_check_is_ended_and_not_reported),
		TEST(an_execve_that_fails_leaves_the_descriptors),
		TEST(a_path_that_is_too_long_is_not_executed_cut),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
