/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: a store that waits at every statement, as if the database were on another machine,
 * with one session. It shows faults in the code that uses the store.
 */
#include "manager/store/sqlite/sqlite.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/log.h"

#define SESSION_MS 10000

/* One for the process, since statements do not know their store; a test has one store. */
static struct {
	store_wait *wait; /* NULL: nothing waits */
	void *arg;
	int ready; /* an eventfd that is always readable */
	bool on;
	bool taken; /* the session */
	bool mine;  /* taken by the fiber that runs */
} rehearsal;

int
rehearsal_begin(struct store *s)
{
	(void)s;
	rehearsal.ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	rehearsal.on = rehearsal.ready >= 0;
	return rehearsal.on ? 0 : -errno;
}

bool
rehearsal_may_wait(const struct store *s)
{
	(void)s;
	return rehearsal.on;
}

void
rehearsal_set_wait(struct store *s, store_wait *wait, void *arg)
{
	(void)s;
	rehearsal.wait = rehearsal.on ? wait : NULL;
	rehearsal.arg = arg;
}

size_t
rehearsal_session_end(struct store *s)
{
	bool ends = rehearsal.mine;

	(void)s;
	if (ends)
		rehearsal.mine = rehearsal.taken = false;
	return ends;
}

int
rehearse_session(void)
{
	if (!rehearsal.wait)
		return 0;
	while (!rehearsal.mine && rehearsal.taken) {
		int r = rehearsal.wait(rehearsal.arg, -1, 0, SESSION_MS);

		if (r == -EDEADLK)
			log_error("the store is used outside a fiber while a fiber waits for it");
		if (r <= 0)
			return r < 0 ? r : -EBUSY;
	}
	rehearsal.mine = rehearsal.taken = true;
	return 0;
}

int
rehearse_wait(void)
{
	int r;

	if (!rehearsal.wait)
		return 0;
	r = rehearse_session();
	if (r < 0)
		return r;
	rehearsal.mine = false;
	/* A statement that has begun runs to its end, even when the server stops. */
	(void)rehearsal.wait(rehearsal.arg, rehearsal.ready, POLLIN, SESSION_MS);
	rehearsal.mine = true;
	return 0;
}
