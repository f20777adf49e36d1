/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/mem.h"

#define CHECK_S    15 /* a check that takes longer is considered hung */
#define ONLINE_S   60 /* the same when several URLs may have to time out */
#define POLL_MS    20 /* interval for checking whether it has ended */
#define LISTEN_FD  3
#define WORDS_SIZE 4096

static char program[PATH_MAX]; /* "": not known */

struct reexec_check {
	struct event *poll;
	pid_t pid;
	int stderr_fd; /* what it says */
	int polls, max_polls;
	void (*done)(void *env, const char *why);
	void *env;
};

/* Keeps the path as given, symbolic links included: an upgrade puts the new program there. */
void
reexec_init(const char *argv0)
{
	char dir[PATH_MAX];
	size_t n;
	ssize_t linked;

	if (argv0 && argv0[0] == '/') {
		n = (size_t)snprintf(program, sizeof program, "%s", argv0);
	} else if (argv0 && strchr(argv0, '/') && getcwd(dir, sizeof dir)) {
		n = (size_t)snprintf(program, sizeof program, "%s/%s", dir, argv0);
	} else {
		linked = readlink("/proc/self/exe", program, sizeof program - 1);
		n = linked < 0 ? 0 : (size_t)linked;
	}
	program[n < sizeof program ? n : 0] = '\0'; /* one that was cut is not known */
}

/* --- the check -------------------------------------------------------------------------------- */

/* True if the line names a fault, and is neither the heading nor a warning. */
static bool
is_fault(const char *line)
{
	static const char heading[] = "connd: checking ", warning[] = "connd: warning: ";

	return strncmp(line, heading, strlen(heading)) != 0 &&
	       strncmp(line, warning, strlen(warning)) != 0;
}

/* Puts the faults that the check reported into one line. */
static void
read_words(const struct reexec_check *c, char words[static WORDS_SIZE])
{
	char said[WORDS_SIZE], *rest = said;
	ssize_t n = read(c->stderr_fd, said, sizeof said - 1);
	size_t len = 0;

	said[n < 0 ? 0 : n] = '\0';
	words[0] = '\0';
	for (const char *line; (line = strsep(&rest, "\n"));)
		if (*line && is_fault(line) && len < WORDS_SIZE)
			len += (size_t)snprintf(
			    words + len, WORDS_SIZE - len, "%s%s", len ? "; " : "", line);
	if (len == 0)
		(void)snprintf(words, WORDS_SIZE, "it ended without a message");
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct reexec_check *c = arg;
	char words[WORDS_SIZE];
	int status = 0;
	pid_t r = waitpid(c->pid, &status, WNOHANG);

	(void)fd;
	(void)what;
	if (r == 0 && ++c->polls < c->max_polls)
		return;
	(void)event_del(c->poll);
	if (r == 0) {
		c->done(c->env, "it does not end");
		return;
	}
	c->pid = 0;
	if (r > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		c->done(c->env, NULL);
		return;
	}
	read_words(c, words);
	c->done(c->env, words);
}

/* Only its stderr is read. */
static int
spawn(struct reexec_check *c, const char *config_path, bool online)
{
	char check[] = "--check", config[] = "--config", ask[] = "--online", path[PATH_MAX];
	char *argv[] = { program, check, config, path, online ? ask : NULL, NULL };
	posix_spawn_file_actions_t actions;
	int err, fds[2];

	if ((size_t)snprintf(path, sizeof path, "%s", config_path) >= sizeof path)
		return -ENAMETOOLONG;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	c->stderr_fd = fds[0];
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		goto out;
	err = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(&actions, LISTEN_FD);
	if (!err)
		err = posix_spawn(&c->pid, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
out:
	(void)close(fds[1]);
	if (err)
		c->pid = 0;
	return -err;
}

int
reexec_check_new(struct reexec_check **out, struct loop *loop, const char *config_path, bool online,
    void (*done)(void *env, const char *why), void *env)
{
	static const struct timeval poll = { .tv_usec = POLL_MS * 1000 };
	struct reexec_check *c;
	int r;

	if (!*program)
		return -ENOENT;
	c = mem_zalloc(sizeof *c);
	if (!c)
		return -ENOMEM;
	c->stderr_fd = -1;
	c->done = done;
	c->env = env;
	c->poll = event_new(loop_base(loop), -1, EV_PERSIST, on_poll, c);
	if (!c->poll || event_add(c->poll, &poll) < 0) {
		reexec_check_free(c);
		return -ENOMEM;
	}
	c->max_polls = (online ? ONLINE_S : CHECK_S) * 1000 / POLL_MS;
	r = spawn(c, config_path, online);
	if (r < 0) {
		reexec_check_free(c);
		return r;
	}
	*out = c;
	return 0;
}

struct reexec_check *
reexec_check_free(struct reexec_check *c)
{
	if (!c)
		return NULL;
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	if (c->poll)
		event_free(c->poll);
	if (c->stderr_fd >= 0)
		(void)close(c->stderr_fd);
	mem_free(c);
	return NULL;
}

/* --- the change -------------------------------------------------------------------------- */

static void
withdraw(void)
{
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

int
reexec_announce(int n, const char *names)
{
	char pid[32], count[32];

	(void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
	(void)snprintf(count, sizeof count, "%d", n);
	if (setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", count, 1) == 0 &&
	    setenv("LISTEN_FDNAMES", names, 1) == 0)
		return 0;
	withdraw();
	return -ENOMEM;
}

/*
 * Moves them to descriptors 3 and 4, whatever those are now; they live on over execve(). 0 or
 * -errno.
 */
static int
place(int fd[static REEXEC_FDS])
{
	int aside[REEXEC_FDS] = { -1, -1 };

	for (int i = 0; i < REEXEC_FDS && fd[i] >= 0; i++) {
		aside[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, LISTEN_FD + REEXEC_FDS);
		if (aside[i] < 0)
			return -errno;
	}
	for (int i = 0; i < REEXEC_FDS && fd[i] >= 0; i++) {
		(void)close(fd[i]);
		fd[i] = aside[i];
	}
	for (int i = 0; i < REEXEC_FDS && fd[i] >= 0; i++) {
		if (dup2(aside[i], LISTEN_FD + i) < 0)
			return -errno;
		fd[i] = LISTEN_FD + i;
		(void)close(aside[i]);
	}
	return 0;
}

/* Descriptors of libraries are closed by execve(), not before: it may fail. */
static void
close_others_on_exec(const int fd[static REEXEC_FDS])
{
	unsigned first = LISTEN_FD + (fd[1] >= 0 ? 2 : 1);

	if (close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		(void)close_range(first, ~0U, 0); /* Linux 5.9 and 5.10 */
}

int
reexec_now(int fd[static REEXEC_FDS], const char *config_path)
{
	char config[] = "--config", path[PATH_MAX];
	char *argv[] = { program, config, path, NULL };
	int r;

	if ((size_t)snprintf(path, sizeof path, "%s", config_path) >= sizeof path)
		return -ENAMETOOLONG;
	r = place(fd);
	if (r == 0) {
		close_others_on_exec(fd);
		(void)execve(program, argv, environ);
		r = -errno;
	}
	for (int i = 0; i < REEXEC_FDS && fd[i] >= 0; i++)
		(void)fcntl(fd[i], F_SETFD, FD_CLOEXEC);
	withdraw();
	return r;
}
