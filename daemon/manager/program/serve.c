/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/serve.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "manager/api/api.h"
#include "manager/api/token.h"
#include "manager/http/server.h"
#include "manager/http/tls.h"
#include "manager/program/control.h"
#include "manager/store/store.h"

#define DEFAULT_LISTEN "127.0.0.1:8888"
#define STOP_S         6 /* the server's own grace and a little more: 8 s is the promise */

struct serving {
	struct event_base *base;
	struct command_env env;
	struct api *api;
	struct http_server *http;
	struct tls *tls;
	struct control *control;
	struct event *sigterm, *sigint, *tidy, *flush, *prune, *give_up;
	int64_t audit_days;
	bool stopping;
};

static void
on_stopped(void *arg)
{
	struct serving *v = arg;

	(void)event_base_loopbreak(v->base); /* fails only without a loop */
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

static void
on_tidy(evutil_socket_t fd, short what, void *arg)
{
	struct serving *v = arg;

	(void)fd;
	(void)what;
	store_tidy(v->env.store);
}

/* What nobody can use any more: dead tokens, and what is older than the audit log is kept. */
static void
on_prune(evutil_socket_t fd, short what, void *arg)
{
	struct serving *v = arg;
	int64_t before_ms = clock_wall_ms() - v->audit_days * INT64_C(86400000);
	int r = store_audit_prune(v->env.store, before_ms);

	(void)fd;
	(void)what;
	if (r == 0)
		r = store_token_prune(v->env.store, before_ms);
	if (r < 0)
		log_error("old records not taken away", LOG_STR("reason", strerror(-r)));
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct serving *v = arg;

	(void)fd;
	(void)what;
	token_flush(v->env.tokens);
}

static int
start_timers(struct serving *v)
{
	static const struct timeval tidy = { .tv_sec = 5 }, flush = { .tv_sec = 60 };
	static const struct timeval prune = { .tv_sec = 3600 };

	v->sigterm = evsignal_new(v->base, SIGTERM, on_signal, v);
	v->sigint = evsignal_new(v->base, SIGINT, on_signal, v);
	v->tidy = event_new(v->base, -1, EV_PERSIST, on_tidy, v);
	v->flush = event_new(v->base, -1, EV_PERSIST, on_flush, v);
	v->prune = event_new(v->base, -1, EV_PERSIST, on_prune, v);
	v->give_up = evtimer_new(v->base, on_give_up, v);
	if (!v->sigterm || !v->sigint || !v->tidy || !v->flush || !v->prune || !v->give_up)
		return -1;
	return event_add(v->sigterm, NULL) < 0 || event_add(v->sigint, NULL) < 0 ||
		       event_add(v->tidy, &tidy) < 0 || event_add(v->flush, &flush) < 0 ||
		       event_add(v->prune, &prune) < 0
		   ? -1
		   : 0;
}

static int
start_http(struct serving *v, const struct options *o, char *why)
{
	struct http_options options = { 0 };
	struct http_handler handler;

	if (api_new(&v->api, v->base, v->env.store, v->env.tokens) < 0 ||
	    api_set_rates(v->api, o->rate_get, o->rate_post) < 0)
		return -1;
	api_set_rehearsals(v->api, o->faults, o->n_faults);
	if (o->n_faults)
		log_warn("faults are rehearsed", LOG_INT("orders", o->n_faults));
	handler = api_handler(v->api);
	if (http_server_new(&v->http, v->base, &options, &handler) < 0)
		return -1;
	if (o->tls_cert && tls_new(&v->tls, v->base, o->tls_cert, o->tls_key, why) < 0)
		return -1;
	http_server_use_tls(v->http, v->tls);
	if (http_server_listen(v->http, o->listen ? o->listen : DEFAULT_LISTEN, why) < 0)
		return -1;
	if (!v->tls && http_server_is_exposed(v->http))
		log_warn("others can read tokens and secrets on the way: serve HTTPS, or behind it",
		    LOG_STR("listen", o->listen));
	return 0;
}

static int
start(struct serving *v, const struct options *o, char *why)
{
	snprintf(why, SERVE_WHY_SIZE, "out of memory");
	v->base = event_base_new();
	if (!v->base || start_timers(v) < 0)
		return -1;
	if (command_open(&v->env, o, why) < 0 || start_http(v, o, why) < 0)
		return -1;
	return control_new(&v->control, v->base, o->data, &v->env, why) < 0 ? -1 : 0;
}

static void
event_free_if(struct event *e)
{
	if (e)
		event_free(e);
}

/* A second one would end a process that is closing its database. */
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
	(void)control_free(v->control);
	(void)http_server_free(v->http);
	(void)tls_free(v->tls);
	(void)api_free(v->api);
	command_close(&v->env);
	event_free_if(v->sigterm);
	event_free_if(v->sigint);
	event_free_if(v->tidy);
	event_free_if(v->flush);
	event_free_if(v->prune);
	event_free_if(v->give_up);
	if (v->base)
		event_base_free(v->base);
}

int
serve(const struct options *o, char why[static SERVE_WHY_SIZE])
{
	struct serving v = { .audit_days = o->audit_days };
	int r = start(&v, o, why);

	if (r == 0) {
		on_prune(-1, 0, &v); /* one that is restarted often does it too */
		log_info("serving", LOG_STR("listen", o->listen ? o->listen : DEFAULT_LISTEN),
		    LOG_INT("port", http_server_port(v.http)), LOG_STR("data", o->data));
		if (event_base_dispatch(v.base) < 0) {
			snprintf(why, SERVE_WHY_SIZE, "the event loop failed");
			r = -1;
		}
	}
	hold_signals();
	tear_down(&v);
	return r;
}
