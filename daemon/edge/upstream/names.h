/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the organization and of the Deployment or Workspace, for people: Status shows them
 * beside the ids. Asked for after a good sync, an hour apart; nothing depends on them.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "edge/upstream/sync.h"

struct names;

/* 0 or -ENOMEM. */
MUST_CHECK int names_new(struct names **out, const struct sync_source *source);
/* On reload: gives up a request under way. Known names stay, since no reload changes an id. */
void names_use(struct names *n, const struct sync_source *source);
/* The manager at url has just answered: asks it, unless that was done within the hour. */
void names_ask(struct names *n, const char *url, int64_t now_ms);
/* NULL: not known. Valid until the next turn of the loop. */
const char *names_organization(const struct names *n);
const char *names_deployment(const struct names *n);
const char *names_workspace(const struct names *n);
struct names *names_free(struct names *n); /* NULL is fine; returns NULL */
