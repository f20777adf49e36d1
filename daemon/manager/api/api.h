/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP API: what each call means. Puts the store, the tokens and the policy behind the paths of
 * routes.c, as the handler of an HTTP server.
 *
 * Owns nothing but what a call needs while it lasts. Every refusal, the server's own included,
 * leaves through errors.h.
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
struct rehearsal;

/* Everything is borrowed and outlives the api. 0 or -ENOMEM. */
MUST_CHECK int api_new(
    struct api **out, struct event_base *base, struct store *store, struct token_authority *tokens);
/* How many requests a second one token may make; 0: any number. 0 or -ENOMEM. */
MUST_CHECK int api_set_rates(struct api *api, unsigned get, unsigned post);
/* Faults to rehearse; borrowed. */
void api_set_rehearsals(struct api *api, const struct rehearsal *all, size_t n);
/* The handler to make the HTTP server with. */
struct http_handler api_handler(struct api *api);
struct token_authority *api_tokens(struct api *api);
/* Counters and the request log; the api's. */
struct observe *api_observe(struct api *api);
/* What makes responses wait for the disk (durable.h); the api's. */
struct durable *api_durable(struct api *api);
/* Answers every call that is held, so that the server can stop. */
void api_stop(struct api *api);
/* After the server is freed. NULL is fine; returns NULL. */
struct api *api_free(struct api *api);
