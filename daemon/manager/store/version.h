/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of one version of an object, which can be kept and gone back to, and the names of
 * the members that differ between two. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/store/store.h"

/* What and where the object is, and all that an update can change. Failures stick in out. */
void history_encode(const struct store_object *o, struct buf *out);
/* Puts what and where the object is in front of the members of a document that does not say it. */
void history_name(const struct store_object *o, struct span doc, struct buf *out);

/* Spans point into the document. */
struct history {
	enum scope scope;
	struct id scope_id;
	enum manager_type type;
	struct span key; /* a JSON string */
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
