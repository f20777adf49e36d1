/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP API: serves the paths of routes.c from the store, with tokens and policy, as the handler
 * of an HTTP server.
 *
 * Owns only what a request needs while it is served. Every refusal, also the server's own, is
 * written by refusal.c.
 */
#pragma once

#include "base/attr.h"
#include "manager/api/observe.h"
#include "manager/api/token.h"
#include "manager/http/server.h"
#include "manager/store/store.h"

struct event_base;
struct api;
struct durable;
struct injection;
struct runner;
struct sidecars;

/* Everything is borrowed and outlives the api. 0 or -ENOMEM. */
MUST_CHECK int api_new(
    struct api **out, struct event_base *base, struct store *store, struct token_authority *tokens);
/* How many requests a second one token may make; 0: any number. 0 or -ENOMEM. */
MUST_CHECK int api_set_rates(struct api *api, unsigned get, unsigned post);
/* The faults of --fault; borrowed. */
void api_set_injections(struct api *api, const struct injection *all, size_t n);
/*
 * Where handlers run when the store may wait, before api_handler(); borrowed, outlives the api.
 * Without one they run at once.
 */
void api_set_runner(struct api *api, struct runner *runner);
/* For struct http_handler.run of other servers; `api` is a struct api that has a runner. */
MUST_CHECK int api_run(void *api, void (*fn)(void *of), void *of, bool must);
/* The handler to make the HTTP server with. */
struct http_handler api_handler(struct api *api);
struct token_authority *api_tokens(struct api *api);
/* Counters and the request log; the api's. */
struct observe *api_observe(struct api *api);
/* Reports of connds (sidecars.h); the api's. */
struct sidecars *api_sidecars(struct api *api);
/* What makes responses wait for the disk (durable.h); the api's. */
struct durable *api_durable(struct api *api);
/* Responds to every held request, so that the server can stop. */
void api_stop(struct api *api);
/* After the server is freed. NULL is fine; returns NULL. */
struct api *api_free(struct api *api);
