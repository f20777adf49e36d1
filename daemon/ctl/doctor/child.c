/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/program.h"
#include "ctl/doctor/doctor.h"

#define OUTPUT_MS (5 * 60 * 1000) /* the child that calls child_output() is killed earlier */

static int
become(const struct doctor_user *as)
{
	if (!as || as->uid == geteuid())
		return 0;
	if (setgroups((size_t)as->n_groups, as->groups) < 0 ||
	    setresgid(as->gid, as->gid, as->gid) < 0 || setresuid(as->uid, as->uid, as->uid) < 0)
		return -errno;
	return 0;
}

/* Its own process group: what it starts is killed with it. It does not outlive the parent. */
static _Noreturn void
child_main(struct doctor *d, const struct doctor_user *as, void (*run)(struct doctor *d))
{
	(void)setpgid(0, 0);
	if (become(as) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(CTL_UNAVAILABLE);
	run(d);
	_exit(CTL_YES);
}

/* Waits until the child's end of the pipe is closed. False: time is up. */
static bool
await_end(int fd, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd };
		int64_t left_ms = deadline_ms - clock_boot_ms();

		if (left_ms <= 0)
			return false;
		if (poll(&p, 1, (int)left_ms) > 0)
			return true;
	}
}

/* A child in an uninterruptible call is left behind: it ends when the call does. */
static int
reap(pid_t child, bool ended)
{
	int status = 0;

	if (!ended) {
		(void)kill(-child, SIGKILL);
		(void)kill(child, SIGKILL);
		(void)waitpid(child, &status, WNOHANG);
		return -ETIMEDOUT;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == CTL_YES ? 0 : -ECHILD;
}

int
child_run(struct doctor *d, const struct doctor_user *as, int64_t ms, void (*run)(struct doctor *d))
{
	int64_t deadline_ms = clock_boot_ms() + ms;
	int ends[2], r;
	pid_t child;

	if (as && as->uid != geteuid() && geteuid() != 0)
		return -EPERM;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		child_main(d, as, run);
	(void)close(ends[1]);
	r = child < 0 ? -errno : reap(child, await_end(ends[0], deadline_ms));
	(void)close(ends[0]);
	return r;
}

int
child_output(char *const argv[], struct buf *out, struct why *why)
{
	const struct program c = { .argv = argv, .timeout_ms = OUTPUT_MS, .quiet = true };

	return program_run(&c, out, why);
}
