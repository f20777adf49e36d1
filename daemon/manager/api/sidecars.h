/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sidecars: each connd that reads lists here says how it is, in X-Connd-Report beside its requests.
 *
 * The last report of each is kept in memory and written at most once a minute; a first report is
 * written within a second. A manager that stops writes them all.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/api/list.h"

struct sidecars;

/* The field of list responses that asks for reports. */
#define SIDECARS_FIELD "X-Connd-Reports"
#define SIDECARS_VALUE "accept"

/* api->base and api->store are set. NULL: out of memory. */
MUST_CHECK struct sidecars *sidecars_new(struct api *api);
/* Writes what is not written yet. NULL is fine; returns NULL. */
struct sidecars *sidecars_free(struct sidecars *s);
/* Notes the report of a request for this list, if it has one; anything else in it is ignored. */
void sidecars_note(struct sidecars *s, const struct request *rq, const struct list *l);

struct sidecar_counts {
	int64_t newest; /* confirmed their data since it last changed */
	int64_t behind;
	int64_t silent; /* without a report for SIDECARS_SILENT_MS */
};
#define SIDECARS_SILENT_MS (INT64_C(5) * 60 * 1000)
#define SIDECARS_KEPT_MS   (INT64_C(86400) * 1000)
/* Of all organizations. 0 or -errno. */
MUST_CHECK int sidecars_count(struct sidecars *s, struct sidecar_counts *out);
