/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/output.h"

#define CANNOT_RUN 127
#define KILLED     255
#define READ_SIZE  ((size_t)64 * 1024)

/* In the child. */
static _Noreturn void
become(const struct program *c, int output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    (c->quiet && dup2(null, STDERR_FILENO) < 0) || (c->user && user_stay(c->user) < 0))
		_exit(CANNOT_RUN);
	if (c->name && setenv(c->name, c->value, 1) < 0)
		_exit(CANNOT_RUN);
	(void)execvp(c->argv[0], c->argv);
	_exit(CANNOT_RUN);
}

/* out is full: -EMSGSIZE unless this is the end. */
static int
expect_end(int fd)
{
	char more;
	ssize_t n = read(fd, &more, 1);

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	return n > 0 ? -EMSGSIZE : 0;
}

/* One piece of its output. 1: there may be more; 0: its end; -errno. */
static int
read_piece(int fd, int64_t deadline_ms, struct buf *out)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left_ms = deadline_ms - clock_boot_ms();
	size_t size = out->max - out->len;
	char *room;
	ssize_t n;

	if (left_ms <= 0)
		return -ETIMEDOUT;
	if (poll(&p, 1, left_ms < OUTPUT_WAIT_MS ? (int)left_ms : OUTPUT_WAIT_MS) <= 0) {
		output_waiting("waiting for another program");
		return 1;
	}
	if (!size)
		return expect_end(fd);
	if (size > READ_SIZE)
		size = READ_SIZE;
	room = buf_room(out, size);
	if (!room)
		return buf_error(out);
	n = read(fd, room, size);
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	buf_grown(out, (size_t)n);
	return n > 0;
}

static int
read_output(const struct program *c, int fd, struct buf *out)
{
	int64_t deadline_ms = clock_boot_ms() + c->timeout_ms;
	int r = 1;

	while (r > 0)
		r = read_piece(fd, deadline_ms, out);
	return r;
}

/* The exit status, or -errno with why. */
static int
conclude(const struct program *c, int r, int status, struct why *why)
{
	if (r == -ETIMEDOUT)
		why_set(
		    why, "\"%.200s\" did not end in %d s", c->argv[0], (int)(c->timeout_ms / 1000));
	else if (r < 0)
		why_set(why, "the output of \"%.200s\": %s", c->argv[0], strerror(-r));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
		r = -ENOENT;
	if (r == -ENOENT)
		why_set(why, "\"%.200s\" cannot be run", c->argv[0]);
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}

int
program_run(const struct program *c, struct buf *out, struct why *why)
{
	int fd[2], status = 0, r;
	pid_t child;

	if (pipe2(fd, O_CLOEXEC) < 0) {
		why_set(why, "no pipe: %s", strerror(errno));
		return -EIO;
	}
	child = fork();
	if (child == 0)
		become(c, fd[1]);
	(void)close(fd[1]);
	r = child < 0 ? -errno : read_output(c, fd[0], out);
	(void)close(fd[0]);
	if (child < 0)
		return conclude(c, r, 0, why);
	if (r < 0)
		(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	return conclude(c, r, status, why);
}
