/* SPDX-License-Identifier: Apache-2.0 */
/* base/log_journal: what a journal receives, and that one that does not read blocks nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_journal.h"

static struct sockaddr_un journal = { .sun_family = AF_UNIX };
static char directory[] = "/tmp/connd-journal-XXXXXX";
static int fd = -1, real_stderr;

/* A journal that listens; stderr becomes a file that $JOURNAL_STREAM names. */
static int
set_up(void **state)
{
	char stream[64];
	struct stat st;
	int file = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)unlink(journal.sun_path);
	if (bind(fd, (struct sockaddr *)&journal, sizeof journal) < 0 || file < 0)
		return -1;
	real_stderr = dup(STDERR_FILENO);
	(void)dup2(file, STDERR_FILENO);
	(void)close(file);
	(void)fstat(STDERR_FILENO, &st);
	(void)snprintf(
	    stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_setup(LOG_FORMAT_AUTO, LOG_INFO);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	(void)close(fd);
	(void)unlink(journal.sun_path);
	return 0;
}

/* The next record, its bytes of zero (of lengths) shown as '.'. NULL: there is none. */
static const char *
received(void)
{
	static char text[64 * 1024];
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

	if (n < 0)
		return NULL;
	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '.';
	text[n] = '\0';
	return text;
}

static void
a_record_has_its_fields(void **state)
{
	(void)state;
	log_warn("sync failed", LOG_STR("reason", "no\nroute"), LOG_INT("retry_ms", -12));
	assert_string_equal(received(),
	    "PRIORITY=4\nSYSLOG_IDENTIFIER=test_log_journal\n"
	    "MESSAGE=level=warn event=\"sync failed\" reason=\"no\\nroute\" retry_ms=-12\n"
	    "CONND_EVENT\n\x0b.......sync failed\n"
	    "CONND_REASON\n\x08.......no\nroute\n"
	    "CONND_RETRY_MS\n\x03.......-12\n");
	assert_null(received());
}

static void
a_long_text_is_cut_and_stays_a_record(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_error("long", LOG_STR("a", text), LOG_STR("b", text));
	assert_int_equal(strncmp(received(), "PRIORITY=3\n", 11), 0);
	assert_null(received());
}

static void
a_journal_that_does_not_read_blocks_nobody_and_lines_are_counted(void **state)
{
	uint64_t before = log_dropped(), lines = 0;
	const char *record;
	char note[64];

	(void)state;
	while (log_dropped() == before) {
		log_info("many");
		lines++;
	}
	for (int i = 0; i < 4; i++)
		log_info("dropped");
	assert_int_equal(log_dropped() - before, 5);
	for (uint64_t i = 1; i < lines; i++)
		assert_non_null(strstr(received(), "event=many"));
	assert_null(received());
	log_info("after");
	(void)snprintf(note, sizeof note, "the journal did not take them\" lines=%d\n", 5);
	record = received();
	assert_non_null(record);
	assert_non_null(strstr(record, note));
	assert_non_null(strstr(received(), "event=after"));
	assert_int_equal(log_dropped() - before, 5);
}

static void
without_a_journal_the_line_goes_to_stderr(void **state)
{
	char line[256] = "";
	int pipe_fds[2];

	(void)state;
	(void)unlink(journal.sun_path);
	assert_int_equal(pipe(pipe_fds), 0);
	(void)dup2(pipe_fds[1], STDERR_FILENO);
	log_info("by hand", LOG_INT("n", 1));
	assert_true(read(pipe_fds[0], line, sizeof line - 1) > 0);
	assert_string_equal(line, "<6>level=info event=\"by hand\" n=1\n");
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
}

static void
another_stderr_gets_lines_and_the_journal_nothing(void **state)
{
	(void)state;
	(void)setenv("JOURNAL_STREAM", "1:1", 1);
	log_setup(LOG_FORMAT_AUTO, LOG_INFO);
	log_info("elsewhere");
	log_setup(LOG_FORMAT_JOURNAL, LOG_INFO);
	log_info("elsewhere");
	assert_null(received());
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_has_its_fields),
		TEST(a_long_text_is_cut_and_stays_a_record),
		TEST(a_journal_that_does_not_read_blocks_nobody_and_lines_are_counted),
		TEST(without_a_journal_the_line_goes_to_stderr),
		TEST(another_stderr_gets_lines_and_the_journal_nothing),
	};
	int failed;

	if (!mkdtemp(directory))
		return 1;
	(void)snprintf(journal.sun_path, sizeof journal.sun_path, "%s/socket", directory);
	log_journal_use(journal.sun_path);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(directory);
	return failed;
}
