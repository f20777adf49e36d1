/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/api.h"

#include <errno.h>

#include "base/mem.h"
#include "manager/api/durable.h"
#include "manager/api/fairness.h"
#include "manager/api/open_lists.h"
#include "manager/api/rate.h"
#include "manager/api/request.h"
#include "manager/api/routes.h"
#include "manager/api/sidecars.h"
#include "manager/api/throttle.h"
#include "manager/api/watch.h"
#include "manager/fiber/runner.h"

int
api_new(
    struct api **out, struct event_base *base, struct store *store, struct token_authority *tokens)
{
	struct api *api = mem_zalloc(sizeof *api);
	int r = -ENOMEM;

	if (!api)
		return -ENOMEM;
	api->base = base;
	api->store = store;
	api->tokens = tokens;
	api->throttle = throttle_new(api);
	api->fairness = fairness_new(api);
	api->durable = durable_new(api);
	api->observe = observe_new();
	api->sidecars = sidecars_new(api);
	if (api->observe && api->sidecars && api->throttle && api->fairness && api->durable)
		r = open_lists_new(&api->open_lists, api);
	if (r == 0)
		r = watch_new(&api->watch, api);
	if (r < 0) {
		api_free(api);
		return r;
	}
	*out = api;
	return 0;
}

int
api_set_rates(struct api *api, unsigned get, unsigned post)
{
	if (get)
		api->rate_get = rate_new(get);
	if (post)
		api->rate_post = rate_new(post);
	return (get && !api->rate_get) || (post && !api->rate_post) ? -ENOMEM : 0;
}

void
api_set_injections(struct api *api, const struct injection *all, size_t n)
{
	api->injections = all;
	api->n_injections = n;
}

static bool
on_admit(void *arg, struct http_conn *conn)
{
	return routes_admit(arg, conn);
}

static void
on_request(void *arg, struct http_conn *conn)
{
	routes_serve(arg, conn);
}

static void
on_refuse(void *arg, struct http_conn *conn, int status, const char *why)
{
	(void)arg;
	if (status == 503)
		respond_busy(conn, why);
	else
		respond_error(conn, status, why);
}

static void
on_responded(void *arg, struct http_conn *conn, int status, int64_t ms)
{
	const struct api *api = arg;

	observe_response(api->observe, conn, status, ms);
}

int
api_run(void *arg, void (*fn)(void *of), void *of, bool must)
{
	struct api *api = arg;

	if (!must)
		return runner_run(api->runner, fn, of);
	runner_must_run(api->runner, fn, of);
	return 0;
}

void
api_set_runner(struct api *api, struct runner *runner)
{
	api->runner = runner;
}

struct http_handler
api_handler(struct api *api)
{
	return (struct http_handler){ .admit = on_admit,
		.request = on_request,
		.refuse = on_refuse,
		.responded = on_responded,
		.run = api->runner ? api_run : NULL,
		.arg = api };
}

struct token_authority *
api_tokens(struct api *api)
{
	return api->tokens;
}

struct observe *
api_observe(struct api *api)
{
	return api->observe;
}

struct sidecars *
api_sidecars(struct api *api)
{
	return api->sidecars;
}

struct durable *
api_durable(struct api *api)
{
	return api->durable;
}

void
api_stop(struct api *api)
{
	watch_stop(api->watch);
	throttle_stop(api->throttle);
}

struct api *
api_free(struct api *api)
{
	if (!api)
		return NULL;
	watch_free(api->watch);
	throttle_free(api->throttle);
	durable_free(api->durable);
	open_lists_free(api->open_lists);
	sidecars_free(api->sidecars);
	observe_free(api->observe);
	fairness_free(api->fairness);
	rate_free(api->rate_get);
	rate_free(api->rate_post);
	store_holder_free(api->spare);
	mem_free(api);
	return NULL;
}
