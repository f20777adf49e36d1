/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/rnd.h"
#include "ctl/local/glimpse.h"

#define LOOK_MS  1000  /* between two looks at connd; up to twice that */
#define GRACE_MS 10000 /* from SIGTERM to SIGKILL */
#define READ_MS  2000  /* for reading all variables: signals wait meanwhile */

/* --- execution ---------------------------------------------------------------------------- */

static int
set_all(const struct environment *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (setenv(e->variable[i].name, e->variable[i].value, 1) < 0)
			return -errno;
	return 0;
}

static const char *
largest(const struct environment *e)
{
	const char *name = "";
	size_t most = 0;

	for (size_t i = 0; i < e->n; i++) {
		size_t n = strlen(e->variable[i].value);

		if (n > most) {
			most = n;
			name = e->variable[i].name;
		}
	}
	return name;
}

int
command_execute(char *const argv[], const struct environment *e)
{
	int r = set_all(e);

	if (r == 0) {
		base_unprotect();
		(void)execvp(argv[0], argv);
		r = -errno;
	}
	if (r == -E2BIG)
		return ctl_fail(CTL_CANNOT_RUN, "Leave large variables out: --without NAME.",
		    "cannot run \"%s\": arguments and environment exceed the system's limit; the "
		    "largest variable is %s",
		    argv[0], largest(e));
	return ctl_fail(r == -ENOENT ? CTL_NO_COMMAND : CTL_CANNOT_RUN, NULL,
	    "cannot run \"%s\": %s", argv[0], strerror(-r));
}

/* --- the child ---------------------------------------------------------------------------- */

struct supervisor {
	const struct ctl_options *o;
	char *const *argv;
	enum on_change action;
	struct environment environment; /* the child's */
	int64_t generation;             /* the last one whose variables were compared */
	pid_t self, pid;                /* this process, the child */
	bool stopping, starts_again;    /* starts_again: once the child has ended */
	int64_t kill_ms, look_ms;       /* CLOCK_BOOTTIME */
	sigset_t signals, inherited;
};

static void
run_child(const struct supervisor *s)
{
	/* The child must not outlive its supervisor, which is the one that is asked to stop. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != s->self)
		_exit(CTL_CANNOT_RUN);
	(void)sigprocmask(SIG_SETMASK, &s->inherited, NULL);
	_exit(command_execute(s->argv, &s->environment));
}

static int
start(struct supervisor *s)
{
	s->stopping = s->starts_again = false;
	s->pid = fork();
	if (s->pid == 0)
		run_child(s);
	if (s->pid < 0)
		return ctl_fail(
		    CTL_CANNOT_RUN, NULL, "cannot run \"%s\": %s", s->argv[0], strerror(errno));
	return 0;
}

static bool
ends_programs(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT || sig == SIGHUP;
}

/* A signal of the terminal (SI_KERNEL) has reached the child already. */
static void
forward(struct supervisor *s, const siginfo_t *info)
{
	if (ends_programs(info->si_signo))
		s->starts_again = false;
	if (info->si_code != SI_KERNEL)
		(void)kill(s->pid, info->si_signo);
}

static void
stop_to_start_again(struct supervisor *s)
{
	(void)kill(s->pid, SIGTERM);
	s->stopping = s->starts_again = true;
	s->kill_ms = clock_boot_ms() + GRACE_MS;
}

/* --- changes ------------------------------------------------------------------------------ */

static void
act(struct supervisor *s)
{
	bool restarts = s->action == CHANGE_RESTARTS;

	(void)fprintf(stderr, "connctl: the variables have changed: %s\n",
	    restarts ? "restarting the command" : "sending SIGHUP to the command");
	if (restarts)
		stop_to_start_again(s);
	else
		(void)kill(s->pid, SIGHUP);
}

static void
compare(struct supervisor *s, int64_t generation)
{
	struct ctl_options brief = *s->o;
	struct environment now;

	brief.timeout_ms = READ_MS;
	if (environment_read(&brief, ENV_PROCESS, &now) != CTL_YES) {
		(void)fputs("connctl: the command goes on with the variables it has\n", stderr);
		s->generation = generation;
		environment_fini(&now);
		return;
	}
	s->generation = now.generation;
	if (environment_equal(&now, &s->environment)) {
		environment_fini(&now);
		return;
	}
	environment_fini(&s->environment);
	s->environment = now;
	act(s);
}

static void
look(struct supervisor *s)
{
	struct glimpse g;

	s->look_ms = clock_boot_ms() + rnd_between(LOOK_MS, 2 * LOOK_MS);
	if (glimpse(s->o, &g) == CTL_YES && g.is_served && g.generation != s->generation)
		compare(s, g.generation);
}

/* --- the loop ----------------------------------------------------------------------------- */

/* The next signal, or 0 when the next look or the end of the grace is due. */
static int
next_signal(const struct supervisor *s, siginfo_t *info)
{
	int64_t due_ms = s->stopping ? s->kill_ms : s->look_ms, left = due_ms - clock_boot_ms();
	struct timespec wait = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
	int sig;

	if (left < 0)
		wait = (struct timespec){ 0 };
	sig = sigtimedwait(&s->signals, info, &wait);
	return sig > 0 ? sig : 0;
}

static void
on_time(struct supervisor *s)
{
	if (!s->stopping) {
		look(s);
	} else if (clock_boot_ms() >= s->kill_ms) {
		(void)kill(s->pid, SIGKILL);
		s->kill_ms += GRACE_MS;
	}
}

/* Returns the status of waitpid() once the child has ended and is not to start again; or -1. */
static int
reap(struct supervisor *s)
{
	int status;

	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return -1;
	if (!s->starts_again)
		return status;
	return start(s) == 0 ? -1 : CTL_CANNOT_RUN << 8;
}

static int
supervise(struct supervisor *s)
{
	int status = -1;

	while (status < 0) {
		siginfo_t info;
		int sig = next_signal(s, &info);

		if (sig == SIGCHLD)
			status = reap(s);
		else if (sig)
			forward(s, &info);
		else
			on_time(s);
	}
	return status;
}

static void
block_signals(struct supervisor *s)
{
	static const int all[] = { SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2,
		SIGWINCH, SIGALRM };

	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&s->signals);
	for (size_t i = 0; i < N_ELEMENTS(all); i++)
		(void)sigaddset(&s->signals, all[i]);
	(void)sigprocmask(SIG_BLOCK, &s->signals, &s->inherited);
}

/* Ends this process as the child ended. */
static int
end_like(int status)
{
	sigset_t one;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	(void)signal(WTERMSIG(status), SIG_DFL);
	(void)sigemptyset(&one);
	(void)sigaddset(&one, WTERMSIG(status));
	(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
	(void)raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int
command_supervise(
    const struct ctl_options *o, char *const argv[], enum on_change action, struct environment *e)
{
	struct supervisor s = { .o = o,
		.argv = argv,
		.action = action,
		.environment = *e,
		.generation = e->generation,
		.self = getpid(),
		.look_ms = clock_boot_ms() + LOOK_MS };
	int code;

	*e = (struct environment){ 0 };
	block_signals(&s);
	code = start(&s);
	if (code == 0)
		code = end_like(supervise(&s));
	environment_fini(&s.environment);
	return code;
}
