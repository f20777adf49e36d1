/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [socket] linger: where SIGTERM reaches connd and its clients at the same time, as in a pod, connd
 * continues to serve until the clients have gone.
 */
#include "connd/app_internal.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/process/notify.h"

#define LOOK_S 1
#define IDLE_LOOKS                                                                                 \
	10 /* consecutive checks without a client, since a task may be between two connections */

static bool
is_over(struct app *a)
{
	if (peers_count(a->peers) > 0)
		a->linger.idle_looks = 0;
	else
		a->linger.idle_looks++;
	return a->linger.idle_looks >= IDLE_LOOKS || clock_boot_ms() >= a->linger.until_ms;
}

void
app_on_linger(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;

	(void)fd;
	(void)what;
	if (is_over(a))
		app_end_linger(a);
}

bool
app_begin_to_linger(struct app *a)
{
	static const struct timeval look = { .tv_sec = LOOK_S };
	int64_t longest_ms = a->settings->config->socket.linger_ms;

	if (longest_ms == 0 || event_add(a->linger.timer, &look) < 0)
		return false;
	a->linger.until_ms = clock_boot_ms() + longest_ms;
	a->linger.idle_looks = 0;
	notify_status("lingers until its clients have gone");
	log_info("lingering", LOG_INT("connections", peers_count(a->peers)),
	    LOG_INT("at_most_ms", longest_ms));
	app_enter(a, APP_LINGERING);
	return true;
}

void
app_end_linger(struct app *a)
{
	(void)event_del(a->linger.timer);
	app_enter(a, APP_STOPPING);
	app_begin_to_stop(a);
}
