/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api.h"

#include <errno.h>

#include "base/mem.h"
#include "manager/request.h"

int
api_new(
    struct api **out, struct event_base *base, struct store *store, struct token_authority *tokens)
{
	struct api *api = mem_zalloc(sizeof *api);

	if (!api)
		return -ENOMEM;
	api->base = base;
	api->store = store;
	api->tokens = tokens;
	api->holder = store_holder_new();
	if (!api->holder) {
		mem_free(api);
		return -ENOMEM;
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

struct api *
api_free(struct api *api)
{
	if (!api)
		return NULL;
	store_holder_free(api->holder);
	mem_free(api);
	return NULL;
}
