/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object was at one version, as a document that can be kept and gone back to, and the names of
 * what differs between two. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/store/store.h"

/* Everything of it that an update can change. Failures stick in out. */
void history_encode(const struct store_object *o, struct buf *out);

/* Spans point into the document. */
struct history {
	bool auto_link, auto_link_projects;
	struct span description;     /* a JSON string, or absent */
	struct span value;           /* document */
	struct span links, excludes; /* arrays: to walk with history_next() */
};
/* 0 or -EBADMSG. */
MUST_CHECK int history_decode(struct span doc, struct history *out);
/* The next link or exclusion behind *at; false at the end. override is absent in exclusions. */
bool history_next(struct span *at, struct store_link *out);

#define HISTORY_MAX_NAMES (16 * 1024) /* bytes of names in one audit line; the rest is counted */
/*
 * Appends a JSON array of the names of what differs: `host`, `extra.key`, `description`,
 * `autoLinkDeployments`, `links.<id>` (there or gone), `links.<id>.host` (its override),
 * `excludeLinks.<id>`. Beyond HISTORY_MAX_NAMES the last element is "and N more". was is NULL for
 * an object that is new. 0, -ENOMEM, or out's error.
 */
MUST_CHECK int history_changes(
    const struct store_object *was, const struct store_object *now, struct buf *out);
