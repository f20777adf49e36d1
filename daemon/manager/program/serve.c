/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/serve.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/log.h"
#include "manager/api/api.h"
#include "manager/api/token.h"
#include "manager/fiber/runner.h"
#include "manager/http/server.h"
#include "manager/http/tls.h"
#include "manager/program/control.h"
#include "manager/program/data_lock.h"
#include "manager/program/housekeeping.h"
#include "manager/program/metrics.h"
#include "manager/program/store_turns.h"
#include "manager/store/store.h"

#define DEFAULT_LISTEN "127.0.0.1:8888"
#define MAX_FIBERS     256 /* requests that may use the store or wait for it at one time */
#define REHEARSE_WAITS "CONND_MANAGER_REHEARSE_WAITS" /* for tests: store_rehearse_waits() */
/* the HTTP server's own time plus a margin; SIGTERM ends the process within 8 s */
#define STOP_S 6

struct serving {
	struct event_base *base;
	struct command_env env;
	struct api *api;
	struct http_server *http;
	struct tls *tls;
	struct control *control;
	struct metrics *metrics; /* NULL: not served */
	struct housekeeping *housekeeping;
	struct store_turns *turns; /* NULL: no other manager uses the store */
	int lock_fd;               /* of the data directory; -1: the store has locked it */
	struct event *sigterm, *sigint, *give_up;
	bool stopping;
	int error; /* the store cannot be opened, -errno */
	struct why why;
};

static void
on_stopped(void *arg)
{
	struct serving *v = arg;

	(void)event_base_loopbreak(v->base); /* cannot fail: there is a loop */
}

static void
on_give_up(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	on_stopped(arg);
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval grace = { .tv_sec = STOP_S };
	struct serving *v = arg;

	(void)what;
	if (v->stopping)
		return;
	v->stopping = true;
	log_info("stopping", LOG_STR("signal", strsignal((int)fd)));
	v->control = control_free(v->control);
	(void)evtimer_add(v->give_up, &grace); /* the event was made with the others */
	http_server_stop(v->http, on_stopped, v);
	api_stop(v->api);
}

static int
watch_signals(struct serving *v)
{
	v->sigterm = evsignal_new(v->base, SIGTERM, on_signal, v);
	v->sigint = evsignal_new(v->base, SIGINT, on_signal, v);
	v->give_up = evtimer_new(v->base, on_give_up, v);
	if (!v->sigterm || !v->sigint || !v->give_up)
		return -1;
	return event_add(v->sigterm, NULL) < 0 || event_add(v->sigint, NULL) < 0 ? -1 : 0;
}

static int
listen_on_all(struct serving *v, const struct options *o, struct why *why)
{
	static const char *const by_default[] = { DEFAULT_LISTEN };
	const char *const *where = o->n_listens ? o->listen : by_default;
	size_t n = o->n_listens ? o->n_listens : 1;

	for (size_t i = 0; i < n; i++)
		if (http_server_listen(v->http, where[i], why) < 0)
			return -1;
	if (!v->tls && http_server_is_exposed(v->http))
		log_warn(
		    "others can read tokens and secrets on the way: serve HTTPS, or behind it");
	return 0;
}

/* True if a port follows an address that stands for all addresses of the machine. */
static const char *
port_of_any(const char *where)
{
	static const char *const any[] = { "0.0.0.0:", "[::]:" };

	for (size_t i = 0; i < N_ELEMENTS(any); i++)
		if (strncmp(where, any[i], strlen(any[i])) == 0)
			return where + strlen(any[i]);
	return NULL;
}

/* The URL of the page for a browser on this machine: the first TCP address. */
static void
find_url(struct serving *v)
{
	const char *where, *port;

	for (size_t i = 0; (where = http_server_address(v->http, i)); i++) {
		if (strncmp(where, "unix:", 5) == 0)
			continue;
		port = port_of_any(where);
		(void)snprintf(v->env.url, sizeof v->env.url, "%s://%s%s",
		    v->tls ? "https" : "http", port ? "localhost:" : "", port ? port : where);
		return;
	}
}

static int
start_http(struct serving *v, const struct options *o, struct why *why)
{
	struct http_options options = { 0 };
	struct http_handler handler;

	if (api_new(&v->api, v->base, v->env.store, v->env.tokens) < 0 ||
	    api_set_rates(v->api, o->rate_get, o->rate_post) < 0)
		return -1;
	api_set_runner(v->api, v->env.runner);
	api_set_injections(v->api, o->faults, o->n_faults);
	if (o->n_faults)
		log_warn(
		    "faults are injected into responses (--fault)", LOG_INT("orders", o->n_faults));
	if (o->log_requests)
		observe_log_all(api_observe(v->api));
	handler = api_handler(v->api);
	if (http_server_new(&v->http, v->base, &options, &handler) < 0)
		return -1;
	if (o->tls_cert && tls_new(&v->tls, v->base, o->tls_cert, o->tls_key, why) < 0)
		return -1;
	http_server_use_tls(v->http, v->tls);
	if (listen_on_all(v, o, why) < 0)
		return -1;
	find_url(v);
	if (!o->metrics)
		return 0;
	return metrics_new(&v->metrics, v->base, o->metrics, v->api, v->http, v->env.store, why);
}

/* On SQLite, the store takes the lock. */
static int
lock_data(struct serving *v, const struct options *o, struct why *why)
{
	if (!o->store)
		return 0;
	v->lock_fd = data_lock(o->data, why);
	return v->lock_fd < 0 ? v->lock_fd : 0;
}

static size_t
on_fiber_ended(void *arg)
{
	return store_session_end(arg);
}

/* Starts fibers for a store that may wait, so that a request waits without holding up others. */
static int
start_runner(struct serving *v)
{
	struct store *s = v->env.store;
	int r = 0;

	if (getenv(REHEARSE_WAITS))
		r = store_rehearse_waits(s);
	if (r < 0 || !store_may_wait(s))
		return r;
	r = runner_new(&v->env.runner, v->base, MAX_FIBERS, on_fiber_ended, s);
	if (r == 0)
		store_set_wait(s, runner_wait, v->env.runner);
	return r;
}

/* Responses to changes wait until the change is on disk; only the disk's thread waits for it. */
static int
open_store(struct serving *v, const struct options *o, struct why *why)
{
	int r = command_open_waiting(&v->env, o, why);

	if (r < 0)
		return r;
	store_keep_reserve(v->env.store);
	r = store_sync_in_thread(v->env.store);
	if (r < 0)
		why_set(why, "the thread that writes to the disk: %s", strerror(-r));
	return r;
}

/* When the database can be used at last: what a start does when it can be from the beginning. */
static bool
on_opened(void *arg, int r, const struct why *why)
{
	struct serving *v = arg;

	if (r == 0)
		r = command_load_tokens(&v->env, &v->why);
	else
		v->why = *why;
	if (r == -ENOTCONN || r == -EBUSY || r == -ECANCELED)
		return false; /* it has gone again */
	if (r == 0) {
		housekeeping_begin(v->housekeeping);
		return true;
	}
	v->error = r;
	on_stopped(v);
	return true;
}

static int
start(struct serving *v, const struct options *o, struct why *why)
{
	why_set(why, "out of memory");
	v->base = event_base_new();
	if (!v->base || watch_signals(v) < 0)
		return -1;
	if (lock_data(v, o, why) < 0 || open_store(v, o, why) < 0 || start_runner(v) < 0 ||
	    start_http(v, o, why) < 0)
		return -1;
	if (control_new(&v->control, v->base, o->data, &v->env, api_durable(v->api), why) < 0)
		return -1;
	if (housekeeping_new(&v->housekeeping, v->base, &v->env, v->http, o->data, o->audit_days) <
	    0)
		return -1;
	if (token_is_loaded(v->env.tokens))
		housekeeping_begin(v->housekeeping);
	(void)store_session_end(v->env.store); /* given back by the start-up code */
	if (!v->env.runner)
		return 0;
	return store_turns_new(&v->turns, v->base, v->env.store, v->env.runner,
	    token_is_loaded(v->env.tokens) ? NULL : on_opened, v);
}

static void
event_free_if(struct event *e)
{
	if (e)
		event_free(e);
}

/* Ignores further signals: they would kill a process that is closing its database. */
static void
hold_signals(void)
{
	sigset_t handled;

	(void)sigemptyset(&handled);
	(void)sigaddset(&handled, SIGTERM);
	(void)sigaddset(&handled, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &handled, NULL);
}

static void
tear_down(struct serving *v)
{
	struct runner *runner = v->env.runner;

	runner_cancel(runner);
	(void)store_turns_free(v->turns);
	(void)housekeeping_free(v->housekeeping);
	(void)control_free(v->control);
	(void)metrics_free(v->metrics);
	(void)http_server_free(v->http);
	(void)tls_free(v->tls);
	(void)api_free(v->api);
	command_close(&v->env);
	(void)runner_free(runner); /* the store waits in it */
	event_free_if(v->sigterm);
	event_free_if(v->sigint);
	event_free_if(v->give_up);
	if (v->base)
		event_base_free(v->base);
	if (v->lock_fd >= 0)
		(void)close(v->lock_fd);
}

/*
 * Reports the addresses with their real ports: a log line for each, and one line of JSON on stdout
 * for programs.
 */
static void
announce(const struct serving *v, const struct options *o)
{
	struct buf line = BUF_INIT(LIMIT_FRAME);
	const char *where;

	buf_adds(&line, "{\"listen\":[");
	for (size_t i = 0; (where = http_server_address(v->http, i)); i++) {
		log_info("serving", LOG_STR("listen", where), LOG_STR("data", o->data));
		if (i)
			buf_addc(&line, ',');
		jtext_string(&line, span_of(where));
	}
	buf_addc(&line, ']');
	if (v->metrics) {
		log_info("serving metrics", LOG_STR("listen", metrics_address(v->metrics)));
		jtext_member_string(&line, "metrics", span_of(metrics_address(v->metrics)));
	}
	buf_adds(&line, "}\n");
	if (!buf_error(&line) && fputs(buf_str(&line), stdout) >= 0)
		(void)fflush(stdout); /* stdout may be closed */
	buf_fini(&line);
}

int
serve(const struct options *o, struct why *why)
{
	struct serving v = { .lock_fd = -1 };
	int r = start(&v, o, why);

	if (r == 0) {
		announce(&v, o);
		if (event_base_dispatch(v.base) < 0) {
			why_set(why, "the event loop failed");
			r = -1;
		} else if (v.error) {
			*why = v.why;
			r = v.error;
		}
	}
	hold_signals();
	tear_down(&v);
	return r;
}
