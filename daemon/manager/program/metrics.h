/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics and /healthz, on a listener of their own: they answer while the API's room is all taken.
 * Plain HTTP, no token; GET and HEAD.
 */
#pragma once

#include "base/attr.h"
#include "base/why.h"
#include "manager/api/api.h"
#include "manager/http/server.h"

struct event_base;
struct metrics;

/* Everything is borrowed. 0 or -errno with a sentence in why. */
MUST_CHECK int metrics_new(struct metrics **out, struct event_base *base, const char *where,
    struct api *api, struct http_server *http, struct store *store, struct why *why);
struct metrics *metrics_free(struct metrics *m);      /* NULL is fine; returns NULL */
const char *metrics_address(const struct metrics *m); /* with the real port */
