/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api.h"

#include <errno.h>

#include "base/mem.h"
#include "manager/request.h"
#include "manager/watch.h"

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
	api->holder = store_holder_new();
	if (api->holder)
		r = watch_new(&api->watch, api);
	if (r < 0) {
		api_free(api);
		return r;
	}
	*out = api;
	return 0;
}

static void
on_request(void *arg, struct http_call *call)
{
	routes_serve(arg, call);
}

static void
on_refuse(void *arg, struct http_call *call, int status, const char *why)
{
	(void)arg;
	error_answer(call, status, why);
}

struct http_handler
api_handler(struct api *api)
{
	return (struct http_handler){ .request = on_request, .refuse = on_refuse, .arg = api };
}

void
api_stop(struct api *api)
{
	watch_stop(api->watch);
}

struct api *
api_free(struct api *api)
{
	if (!api)
		return NULL;
	watch_free(api->watch);
	store_holder_free(api->holder);
	mem_free(api);
	return NULL;
}
