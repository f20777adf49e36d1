/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/loading.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/why.h"

/* Shared by the loop and the thread, which may outlive connd's parts; the last user frees it. */
struct job {
	struct task task;
	atomic_int holders;
	atomic_bool over;
	int fd; /* eventfd: it is over */
	char *config_path;
	struct settings *settings; /* NULL: why says the reason */
	struct why why;
};

struct loading {
	struct event *ended;
	struct job *job;
	loading_done *done;
	void *env;
};

static void
let_go(struct job *j)
{
	if (atomic_fetch_sub(&j->holders, 1) > 1)
		return;
	settings_free(j->settings);
	if (j->fd >= 0)
		(void)close(j->fd);
	mem_free(j->config_path);
	mem_free(j);
}

static void
run(struct task *t)
{
	static const uint64_t one = 1;
	struct job *j = CONTAINER_OF(t, struct job, task);

	if (settings_load(&j->settings, j->config_path, &j->why) < 0)
		j->settings = NULL;
	atomic_store(&j->over, true);
	(void)!write(j->fd, &one, sizeof one);
	let_go(j);
}

static void
on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct why why;
	struct loading *l = arg;
	struct settings *s;

	(void)fd;
	(void)what;
	if (!atomic_load(&l->job->over))
		return;
	(void)event_del(l->ended);
	s = l->job->settings;
	l->job->settings = NULL;
	why = l->job->why;
	l->done(l->env, s, why.text); /* frees l, perhaps */
}

/* 0 or -ENOMEM. Even then the caller owns *out, unless it is NULL. */
static int
job_new(struct job **out, const char *config_path)
{
	struct job *j = mem_zalloc(sizeof *j);

	if (!j)
		return -ENOMEM;
	j->task.run = run;
	atomic_init(&j->holders, 1);
	j->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	j->config_path = mem_strdup(config_path);
	*out = j;
	return j->fd >= 0 && j->config_path ? 0 : -ENOMEM;
}

int
loading_new(struct loading **out, struct loop *loop, struct background *background,
    const char *config_path, loading_done *done, void *env)
{
	struct loading *l = mem_zalloc(sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	l->done = done;
	l->env = env;
	r = job_new(&l->job, config_path);
	if (r == 0)
		l->ended = event_new(loop_base(loop), l->job->fd, EV_READ, on_ended, l);
	if (!l->ended || event_add(l->ended, NULL) < 0) {
		loading_free(l);
		return -ENOMEM;
	}
	(void)atomic_fetch_add(&l->job->holders, 1);
	background_do(background, &l->job->task);
	*out = l;
	return 0;
}

struct loading *
loading_free(struct loading *l)
{
	if (!l)
		return NULL;
	if (l->ended)
		event_free(l->ended);
	if (l->job)
		let_go(l->job);
	mem_free(l);
	return NULL;
}
