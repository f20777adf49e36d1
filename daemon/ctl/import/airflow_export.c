/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/airflow_export.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* Airflow's command takes seconds to start; many keys and a far database some more. */
#define EXPORT_TIMEOUT_MS ((int64_t)10 * 60 * 1000)
#define CANNOT_RUN        127

/*
 * Runs in the child. Its output goes to standard error, since standard output is for our report.
 * No other user may read the file it writes: the umask sees to that.
 */
static _Noreturn void
become(const char *command, enum import_kind kind, const char *path, const sigset_t *mask)
{
	char *argv[] = { (char *)command,
		(char *)(kind == IMPORT_CONNECTION ? "connections" : "variables"), (char *)"export",
		(char *)path, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		(void)execvp(command, argv);
	_exit(CANNOT_RUN);
}

/*
 * Until the child ends, a signal asks us to end, or time is up: then it is killed. Returns that
 * signal or 0.
 */
static int
child_wait(pid_t child, const sigset_t *set, int *status)
{
	int64_t deadline_ms = clock_boot_ms() + EXPORT_TIMEOUT_MS;
	pid_t ended;
	int sig = 0;

	while ((ended = waitpid(child, status, WNOHANG)) == 0) {
		int64_t left_ms = deadline_ms - clock_boot_ms();
		struct timespec left = { .tv_sec = left_ms / 1000 + 1 };

		sig = left_ms <= 0 ? SIGALRM : sigtimedwait(set, NULL, &left);
		if (sig > 0 && sig != SIGCHLD)
			break;
		sig = 0;
	}
	if (ended == 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, status, 0);
	}
	return sig;
}

/* Runs it. 0; -EIO with why; a signal that asked us to end is raised again by the caller: *sig. */
static int
run(const char *command, enum import_kind kind, const char *path, int *sig, struct why *why)
{
	sigset_t set, old;
	int status = 0;
	pid_t child;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	child = fork();
	if (child == 0)
		become(command, kind, path, &old);
	if (child > 0)
		*sig = child_wait(child, &set, &status);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (child > 0 && !*sig && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (child < 0)
		why_set(why, "no new process: %s", strerror(errno));
	else if (*sig == SIGALRM)
		why_set(why, "\"%.200s\" took longer than %d minutes", command,
		    (int)(EXPORT_TIMEOUT_MS / 60000));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
		why_set(why, "\"%.200s\" cannot be run", command);
	else
		why_set(why, "\"%.200s %s export\" failed", command,
		    kind == IMPORT_CONNECTION ? "connections" : "variables");
	return -EIO;
}

int
export_run(const char *command, enum import_kind kind, struct buf *out, struct why *why)
{
	const char *tmp = getenv("TMPDIR");
	char dir[PATH_MAX - 16], path[PATH_MAX];
	int r, sig = 0;

	if ((size_t)snprintf(dir, sizeof dir, "%s/connctl-XXXXXX", tmp && *tmp ? tmp : "/tmp") >=
		sizeof dir ||
	    !mkdtemp(dir)) {
		why_set(why, "no temporary directory: %s", strerror(errno));
		return -EIO;
	}
	(void)snprintf(path, sizeof path, "%s/export.json", dir);
	r = run(command, kind, path, &sig, why);
	if (r == 0)
		r = file_read(path, out, why);
	(void)unlink(path);
	(void)rmdir(dir);
	if (sig && sig != SIGALRM)
		(void)raise(sig);
	return r;
}
