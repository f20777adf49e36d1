/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define MAX_SIGNALS      8
#define WARNING_EVERY_MS (60 * 1000)

struct signal_handler {
	struct event *event;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	struct event_base *base;
	struct later *first, **last;
	struct signal_handler signal[MAX_SIGNALS];
	size_t n_signals;
	uint64_t turn; /* number of finished turns */
	bool stopped;
};

struct alarm {
	struct event *event;
	int fd;
	void (*fn)(void *arg);
	void *arg;
};

/* Logs at most one warning a minute: libevent may repeat one thousands of times a second. */
static void
on_libevent_log(int severity, const char *text)
{
	static int64_t last_ms = -WARNING_EVERY_MS;
	static int64_t suppressed;
	int64_t now_ms;

	if (severity < EVENT_LOG_WARN) {
		log_debug("libevent", LOG_STR("text", text));
		return;
	}
	now_ms = clock_boot_ms();
	if (now_ms - last_ms < WARNING_EVERY_MS) {
		suppressed++;
		return;
	}
	log_warn("libevent", LOG_STR("text", text), LOG_INT("suppressed", suppressed));
	last_ms = now_ms;
	suppressed = 0;
}

/* Called for internal errors of libevent. Its default would exit without a message. */
static void
on_libevent_fatal(int err)
{
	log_error("fatal error in libevent", LOG_INT("code", err));
	log_stop();
	abort();
}

void
loop_global_init(void)
{
	event_set_mem_functions(mem_alloc, mem_resize, mem_free);
	event_set_log_callback(on_libevent_log);
	event_set_fatal_callback(on_libevent_fatal);
}

int
loop_new(struct loop **out)
{
	struct loop *l = mem_zalloc(sizeof *l);

	if (!l)
		return -ENOMEM;
	l->last = &l->first;
	l->base = event_base_new();
	if (!l->base) {
		mem_free(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

/* Runs the queued jobs. Jobs queued meanwhile have a later turn number and wait for its end. */
static void
run_later(struct loop *l)
{
	struct later *job;

	l->turn++;
	while (l->first && l->first->turn != l->turn) {
		job = l->first;
		l->first = job->next;
		if (!l->first)
			l->last = &l->first;
		job->queued = false;
		job->run(job);
	}
}

struct loop *
loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	while (l->first)
		run_later(l);
	for (size_t i = 0; i < l->n_signals; i++)
		event_free(l->signal[i].event);
	event_base_free(l->base);
	mem_free(l);
	return NULL;
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

/*
 * Blocks the handled signals after the loop: their default action would end the process. They stay
 * pending for the program that reexec starts.
 */
static void
hold_signals(const struct loop *l)
{
	sigset_t handled;

	(void)sigemptyset(&handled);
	for (size_t i = 0; i < l->n_signals; i++)
		(void)sigaddset(&handled, event_get_signal(l->signal[i].event));
	(void)sigprocmask(SIG_BLOCK, &handled, NULL);
}

int
loop_run(struct loop *l)
{
	int flags, r = 0;

	while (!l->stopped && r == 0) {
		flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
		if (l->first)
			flags |= EVLOOP_NONBLOCK;
		if (event_base_loop(l->base, flags) < 0)
			r = -EIO;
		else
			run_later(l);
	}
	hold_signals(l);
	return r;
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
}

void
loop_after_turn(struct loop *l, struct later *job)
{
	if (job->queued)
		return;
	job->queued = true;
	job->turn = l->turn;
	job->next = NULL;
	*l->last = job;
	l->last = &job->next;
}

void
loop_forget(struct loop *l, struct later *job)
{
	struct later **at = &l->first;

	if (!job->queued)
		return;
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (!job->next)
		l->last = at;
	job->queued = false;
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct signal_handler *h = arg;

	(void)signo;
	(void)what;
	h->fn(h->arg);
}

int
loop_on_signal(struct loop *l, int signo, void (*fn)(void *arg), void *arg)
{
	struct signal_handler *h = &l->signal[l->n_signals];
	sigset_t one;

	if (l->n_signals == MAX_SIGNALS)
		return -ENOMEM;
	h->fn = fn;
	h->arg = arg;
	h->event = evsignal_new(l->base, signo, on_signal, h);
	if (!h->event)
		return -ENOMEM;
	if (evsignal_add(h->event, NULL) < 0) {
		event_free(h->event);
		return -ENOMEM;
	}
	l->n_signals++;
	/* hold_signals() of the connd that executed this program may have blocked it. */
	(void)sigemptyset(&one);
	(void)sigaddset(&one, signo);
	(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
	return 0;
}

static void
on_alarm(evutil_socket_t fd, short what, void *arg)
{
	struct alarm *a = arg;
	uint64_t rung;

	(void)what;
	/* EAGAIN: the alarm was set again between the poll and this call. */
	if (read(fd, &rung, sizeof rung) == (ssize_t)sizeof rung)
		a->fn(a->arg);
}

int
alarm_new(struct alarm **out, struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct alarm *a = mem_zalloc(sizeof *a);
	int r = -ENOMEM;

	if (!a)
		return -ENOMEM;
	a->fn = fn;
	a->arg = arg;
	a->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (a->fd < 0) {
		r = -errno;
		goto fail;
	}
	a->event = event_new(l->base, a->fd, EV_READ | EV_PERSIST, on_alarm, a);
	if (!a->event || event_add(a->event, NULL) < 0)
		goto fail;
	*out = a;
	return 0;
fail:
	alarm_free(a);
	return r;
}

struct alarm *
alarm_free(struct alarm *a)
{
	if (!a)
		return NULL;
	if (a->event)
		event_free(a->event);
	if (a->fd >= 0)
		(void)close(a->fd);
	mem_free(a);
	return NULL;
}

void
alarm_set(struct alarm *a, int64_t boot_ms)
{
	struct itimerspec at = { 0 };

	if (boot_ms != INT64_MAX) {
		if (boot_ms < 1)
			boot_ms = 1; /* 0 would disarm the timer */
		at.it_value.tv_sec = boot_ms / 1000;
		at.it_value.tv_nsec = boot_ms % 1000 * 1000000;
	}
	/* Fails only for an invalid descriptor or time, which would be a bug. */
	if (timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		abort();
}

void
alarm_after(struct alarm *a, int64_t ms)
{
	/* The clock is read in whole milliseconds, rounded down. */
	alarm_set(a, clock_boot_ms() + ms + (ms > 0));
}
