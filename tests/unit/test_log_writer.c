/* SPDX-License-Identifier: Apache-2.0 */
/* base/log_writer: an unread pipe does not block callers; each line is written or counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log_writer.h"
#include "base/mem.h"

#define A_MINUTE_MS (60 * 1000) /* how long to wait for expected events on a busy machine */

struct world {
	struct log_writer *writer;
	int out, in; /* the ends of the pipe: of the test, and of the writer */
	char text[1 << 20];
	size_t n;
};

static size_t
note(char to[static LOG_LINE_MAX], uint64_t n)
{
	return (size_t)snprintf(to, LOG_LINE_MAX, "dropped %" PRIu64 "\n", n);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	int fds[2];

	*state = w;
	if (!w || pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	w->out = fds[0];
	w->in = fds[1];
	return log_writer_new(&w->writer, w->in, note);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	log_writer_free(w->writer, A_MINUTE_MS);
	close(w->in);
	if (w->out >= 0)
		close(w->out);
	free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
put(struct world *w, const char *line)
{
	log_writer_put(w->writer, line, strlen(line));
}

/* Reads until the text ends with this. */
static void
read_until(struct world *w, const char *end)
{
	struct pollfd p = { .fd = w->out, .events = POLLIN };
	size_t want = strlen(end);
	ssize_t n;

	while (w->n < want || strcmp(w->text + w->n - want, end) != 0) {
		assert_int_equal(poll(&p, 1, A_MINUTE_MS), 1);
		n = read(w->out, w->text + w->n, sizeof w->text - 1 - w->n);
		assert_true(n > 0);
		w->n += (size_t)n;
		w->text[w->n] = '\0';
	}
}

/* Writes numbered lines until one is dropped. Returns the number of lines before it. */
static int
fill(struct world *w)
{
	char line[64];
	int n = 0;

	do {
		snprintf(line, sizeof line, "line %d of some length\n", n++);
		put(w, line);
	} while (log_writer_dropped(w->writer) == 0);
	return n - 1;
}

static void
expect_lines(const char *text, int n, const char *rest)
{
	char line[64];

	for (int i = 0; i < n; i++) {
		snprintf(line, sizeof line, "line %d of some length\n", i);
		if (strncmp(text, line, strlen(line)) != 0)
			fail_msg("after line %d: %.40s", i - 1, text);
		text += strlen(line);
	}
	assert_string_equal(text, rest);
}

static void
test_lines_come_in_order(void **state)
{
	struct world *w = *state;

	put(w, "one\n");
	put(w, "two\n");
	read_until(w, "two\n");
	assert_string_equal(w->text, "one\ntwo\n");
	assert_int_equal(log_writer_dropped(w->writer), 0);
}

static void
test_an_unread_pipe_blocks_nobody_and_the_missing_lines_are_counted(void **state)
{
	struct world *w = *state;
	int taken = fill(w);

	for (int i = 0; i < 9; i++)
		put(w, "late\n");
	assert_int_equal(log_writer_dropped(w->writer), 10);
	read_until(w, "dropped 10\n");
	expect_lines(w->text, taken, "dropped 10\n");
	w->n = 0;
	w->text[0] = '\0';
	/*
	 * The writer may not have noticed yet that the note is written; until then it drops lines.
	 */
	while (!strstr(w->text, "again\n")) {
		put(w, "again\n");
		if (poll(&(struct pollfd){ .fd = w->out, .events = POLLIN }, 1, 10) == 1)
			read_until(w, "\n");
	}
}

static void
test_what_cannot_be_written_is_counted(void **state)
{
	struct world *w = *state;

	close(w->out);
	w->out = -1;
	put(w, "to nobody\n");
	while (log_writer_dropped(w->writer) < 1)
		(void)poll(NULL, 0, 1);
	put(w, "nor this\n");
	while (log_writer_dropped(w->writer) < 2)
		(void)poll(NULL, 0, 1);
}

static struct world *left; /* the thread still uses it */

static void
test_a_stuck_thread_does_not_keep_the_program(void **state)
{
	left = *state;
	(void)fill(left);
	left->writer = log_writer_free(left->writer, 1);
	assert_null(left->writer);
}

static void
test_lines_that_are_queued_are_written_before_the_end(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 100; i++)
		put(w, "line\n");
	w->writer = log_writer_free(w->writer, A_MINUTE_MS);
	read_until(w, "line\n");
	assert_int_equal(w->n, 500);
}

static void
test_a_descriptor_that_does_not_block_is_waited_for(void **state)
{
	struct world *w = *state;
	int taken;

	assert_int_equal(fcntl(w->in, F_SETFL, O_NONBLOCK), 0);
	taken = fill(w);
	read_until(w, "dropped 1\n");
	expect_lines(w->text, taken, "dropped 1\n");
}

struct talker {
	struct world *w;
	char name;
	pthread_t thread;
};

static void *
talk(void *arg)
{
	struct talker *t = arg;
	char line[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof line, "%c %d\n", t->name, i);
		put(t->w, line);
	}
	return NULL;
}

static void
test_each_thread_finds_its_lines_in_order(void **state)
{
	struct world *w = *state;
	struct talker talker[3];
	int next[3] = { 0 }, lines = 0;

	for (int i = 0; i < 3; i++) {
		talker[i] = (struct talker){ .w = w, .name = (char)('a' + i) };
		assert_int_equal(pthread_create(&talker[i].thread, NULL, talk, &talker[i]), 0);
	}
	for (int i = 0; i < 3; i++)
		(void)pthread_join(talker[i].thread, NULL);
	put(w, "end\n");
	read_until(w, "end\n");
	for (const char *p = w->text; *p != 'e'; p = strchr(p, '\n') + 1, lines++)
		assert_int_equal(strtol(p + 2, NULL, 10), next[*p - 'a']++);
	assert_int_equal(lines, 3000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines_come_in_order),
		TEST(test_an_unread_pipe_blocks_nobody_and_the_missing_lines_are_counted),
		TEST(test_what_cannot_be_written_is_counted),
		TEST(test_lines_that_are_queued_are_written_before_the_end),
		TEST(test_a_descriptor_that_does_not_block_is_waited_for),
		TEST(test_each_thread_finds_its_lines_in_order),
		cmocka_unit_test_setup(test_a_stuck_thread_does_not_keep_the_program, set_up),
	};

	return cmocka_run_group_tests_name("log_writer", tests, NULL, NULL);
}
