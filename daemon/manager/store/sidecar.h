/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the store's interface (store.h) that is about reports of sidecars. */
#pragma once

#include "manager/store/store.h"

#define STORE_SIDECAR_ID_SIZE 33   /* 32 hex digits and a NUL */
#define STORE_MAX_SIDECARS    1000 /* of one place; those silent longest are deleted first */
/* The last report of one connd. It is shown to people, and decides nothing. */
struct store_sidecar {
	char id[STORE_SIDECAR_ID_SIZE];
	enum scope scope; /* DEPLOYMENT or WORKSPACE: the place whose objects it serves */
	struct id scope_id;
	struct id organization, workspace, token;
	struct span name;
	struct span report;   /* a JSON object */
	int64_t first_ms;     /* when its first report came; read only */
	int64_t seen_ms;      /* when this report came */
	int64_t confirmed_ms; /* when what it serves was last confirmed; 0: it has no data */
	int64_t changed_ms;   /* when what it should serve last changed; 0: never; read only */
};
/* Writes reports, all or none. */
MUST_CHECK int store_sidecar_put(struct store *s, const struct store_sidecar *rows, size_t n);
/*
 * Sidecars of a place (all organizations' for an empty one) with a report since since_ms, by place
 * and name. A result of each() other than 0 ends the list and is returned.
 */
MUST_CHECK int store_sidecar_list(struct store *s, const struct place *where, int64_t since_ms,
    int (*each)(void *arg, const struct store_sidecar *c), void *arg);
/* Deletes those without a report since before_ms, and those above STORE_MAX_SIDECARS. */
MUST_CHECK int store_sidecar_prune(struct store *s, int64_t before_ms, int64_t *n);
