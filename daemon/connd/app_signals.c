/* SPDX-License-Identifier: Apache-2.0 */
/* What a signal changes: the end, a newer program in this one's place, another configuration. */
#include "connd/app_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/process/notify.h"

#define DRAIN_S 4 /* then what is left is closed: systemd and people wait */

/* --- stopping --------------------------------------------------------------------------- */

static void
on_drained(void *env)
{
	struct app *a = env;

	loop_stop(a->loop);
}

void
app_on_drain_over(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;

	(void)fd;
	(void)what;
	log_warn(
	    "connections are closed unfinished", LOG_INT("connections", peers_count(a->peers)));
	loop_stop(a->loop);
}

/* No more clients; what was begun is finished. */
static void
begin_to_stop(struct app *a)
{
	static const struct timeval longest = { .tv_sec = DRAIN_S };

	a->stopping = true;
	ready_stop(a->ready);
	log_info("stopping", LOG_INT("connections", peers_count(a->peers)));
	listener_stop(a->listener);
	snapshot_close(a->snapshot); /* the disk works while connections end */
	if (evtimer_add(a->drain_timer, &longest) < 0) {
		loop_stop(a->loop);
		return;
	}
	/* With a passed socket another connd may come, and answer whoever asks again. */
	if (!a->upgrading && !listener_was_passed(a->listener))
		replica_close(a->replica);
	peers_drain(a->peers, on_drained, a);
}

static void
on_terminate(void *arg)
{
	struct app *a = arg;

	if (a->stopping && !a->upgrading) {
		loop_stop(a->loop); /* asked twice: at once */
		return;
	}
	notify_stopping();
	notify_status("stopping");
	a->upgrading = false;
	if (!a->stopping)
		begin_to_stop(a);
}

/* --- becoming a newer program ---------------------------------------------------------------- */

/* It would have to be able to answer: from the snapshot, or the manager that just answered us. */
static bool
may_upgrade(struct app *a)
{
	struct replica_status st;

	replica_status(a->replica, clock_boot_ms(), &st);
	if (!*st.last_error || snapshot_is_current(a->snapshot))
		return true;
	log_warn("upgrade refused: the last sync failed, and no snapshot holds what is served",
	    LOG_STR("reason", st.last_error));
	return false;
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
same_urls(const struct config *a, const struct config *b)
{
	const struct config_list *x = &a->manager.url, *y = &b->manager.url;

	for (size_t i = 0; x->n == y->n && i < x->n; i++)
		if (strcmp(x->item[i], y->item[i]) != 0)
			return false;
	return x->n == y->n;
}

/*
 * Would the new program depend on a manager that has not been asked yet? The snapshot belongs to one
 * organization and Deployment; a mistyped URL would come up without data. A configuration that cannot be
 * loaded is the check's to report.
 */
static bool
needs_the_manager(const struct app *a)
{
	const struct config *now = a->settings->config, *next;
	char why[SETTINGS_WHY_SIZE];
	bool same_view, needs;
	struct settings *s;

	if (settings_load(&s, a->config_path, why) < 0)
		return false;
	next = s->config;
	same_view = same_text(now->manager.organization, next->manager.organization) &&
		    same_text(now->manager.deployment, next->manager.deployment) &&
		    same_text(now->manager.workspace, next->manager.workspace);
	needs = !same_view || (!same_urls(now, next) && !snapshot_is_current(a->snapshot));
	settings_free(s);
	return needs;
}

static void
on_program_checked(void *env, const char *why)
{
	struct app *a = env;

	if (a->stopping)
		return;
	if (why) {
		log_error("upgrade refused: the new program does not accept the configuration",
		    LOG_STR("reason", why));
		return;
	}
	log_info("upgrading");
	notify_reloading();
	a->upgrading = true;
	begin_to_stop(a);
}

static void
on_upgrade(void *arg)
{
	struct app *a = arg;
	int r;

	if (a->stopping || !may_upgrade(a))
		return;
	a->check = reexec_check_free(a->check);
	r = reexec_check_new(
	    &a->check, a->loop, a->config_path, needs_the_manager(a), on_program_checked, a);
	if (r < 0)
		log_error("upgrade refused: the new program cannot be started",
		    LOG_STR("reason", strerror(-r)));
}

int
app_become_newer(const struct app *a, int fd, const char *name)
{
	int r;

	notify_export();
	log_stop();
	r = reexec_now(fd, name, a->config_path);
	log_error("cannot become the new program", LOG_STR("reason", strerror(-r)));
	return 1;
}

/* --- reload ---------------------------------------------------------------------------------- */

/* Both or none. The snapshot is last: it borrows the configuration from then on. */
static int
listen_and_seal_by(struct app *a, const struct settings *s, char why[static SETTINGS_WHY_SIZE])
{
	char where[SETTINGS_WHY_SIZE] = "memory is out";
	int r = metrics_listen(a->metrics, &s->config->metrics.listen, why);

	if (r < 0 || !a->snapshot)
		return r;
	r = snapshot_use(a->snapshot, s->config, why);
	if (r < 0 && metrics_listen(a->metrics, &a->settings->config->metrics.listen, where) < 0)
		log_warn("metrics have left their address", LOG_STR("reason", where));
	return r;
}

/* All of the new one or all of the old one. */
static int
apply(struct app *a, struct settings *s, char why[static SETTINGS_WHY_SIZE])
{
	struct replica_config rc = app_replica_config(s->config);
	struct peers_limits limits = app_peers_limits(s->config);
	struct upstream *u = NULL, *old_upstream = a->upstream;
	struct settings *old = a->settings;
	struct sync_source source;
	int r = upstream_new(&u, a->loop, s->config);

	(void)snprintf(why, SETTINGS_WHY_SIZE, "%s", r < 0 ? strerror(-r) : "");
	if (r == 0)
		r = listen_and_seal_by(a, s, why);
	if (r < 0) {
		upstream_free(u);
		return r;
	}
	source = app_source(s, u);
	a->settings = s;
	a->upstream = u;
	app_serve_by(a, s);
	log_setup(s->config->log.format, s->config->log.level);
	settings_log_oddities(s);
	peers_limit(a->peers, &limits);
	replica_configure(a->replica, &rc);
	watch_use(a->watch, &source);
	probing_use(a->probing, &source);
	sync_use(a->sync, &source);
	upstream_retire(old_upstream);
	ready_use(a->ready, s->config);
	settings_free(old);
	return 0;
}

static void
on_reload(void *arg)
{
	char why[SETTINGS_WHY_SIZE];
	struct app *a = arg;
	struct settings *s;
	char fixed[CONFIG_NAME_SIZE];
	int r;

	if (a->stopping)
		return;
	notify_reloading();
	r = settings_load(&s, a->config_path, why);
	if (r == 0) {
		if (config_fixed_difference(a->settings->config, s->config, fixed)) {
			(void)snprintf(
			    why, sizeof why, "%s cannot change without a restart", fixed);
			r = -EINVAL;
		} else {
			r = apply(a, s, why);
		}
		if (r < 0)
			settings_free(s);
	}
	if (r < 0) {
		log_error("reload refused, the old configuration stays", LOG_STR("reason", why));
	} else {
		log_info("reloaded");
		replica_sync_now(a->replica, clock_boot_ms());
	}
	app_turn(a);
	if (ready_is(a->ready))
		notify_ready();
}

/* --- which signal means what ------------------------------------------------------------- */

int
app_hear_signals(struct app *a)
{
	int r = loop_on_signal(a->loop, SIGTERM, on_terminate, a);

	if (r == 0)
		r = loop_on_signal(a->loop, SIGINT, on_terminate, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGHUP, on_reload, a);
	if (r == 0)
		r = loop_on_signal(a->loop, SIGUSR2, on_upgrade, a);
	return r;
}
