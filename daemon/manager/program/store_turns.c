/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/store_turns.h"

#include <errno.h>
#include <stdbool.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/mem.h"
#include "manager/fiber/runner.h"
#include "manager/store/store.h"

struct store_turns {
	struct event_base *base;
	struct store *store;
	struct runner *runner;
	struct event due; /* waits for the descriptor, the time, or both */
	bool waiting;
	store_turns_opened *opened; /* NULL: nobody waits for that */
	void *arg;
};

static void on_due(evutil_socket_t fd, short what, void *arg);

/* Waits for the next turn. The descriptor changes after a lost connection. */
static void
wait_for_next(struct store_turns *t)
{
	int fd = store_notify_fd(t->store), ms = store_turn_ms(t->store);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };

	if (fd < 0 && ms < 0)
		return;
	(void)event_assign(
	    &t->due, t->base, fd, fd < 0 ? 0 : EV_READ, on_due, t); /* its arguments are valid */
	t->waiting = event_add(&t->due, ms < 0 ? NULL : &tv) == 0;
	if (!t->waiting)
		log_error("out of memory: changes by other managers are not noticed");
}

static void
look_if_open(struct store_turns *t)
{
	struct why why;
	int r = t->opened ? store_opened(t->store, &why) : -EAGAIN;

	if (r != -EAGAIN && t->opened(t->arg, r, &why))
		t->opened = NULL;
}

static void
turn(void *arg)
{
	struct store_turns *t = arg;

	store_turn(t->store);
	look_if_open(t);
	wait_for_next(t);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct store_turns *t = arg;

	(void)fd;
	(void)what;
	t->waiting = false;
	runner_must_run(t->runner, turn, t);
}

int
store_turns_new(struct store_turns **out, struct event_base *base, struct store *store,
    struct runner *runner, store_turns_opened *opened, void *arg)
{
	struct store_turns *t = mem_zalloc(sizeof *t);

	*out = t;
	if (!t)
		return -ENOMEM;
	t->base = base;
	t->store = store;
	t->runner = runner;
	t->opened = opened;
	t->arg = arg;
	wait_for_next(t);
	return 0;
}

struct store_turns *
store_turns_free(struct store_turns *t)
{
	if (t && t->waiting)
		(void)event_del(&t->due);
	mem_free(t);
	return NULL;
}
