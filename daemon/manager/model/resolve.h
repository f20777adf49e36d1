/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Deployment's (or project's) view of objects: which of them it has, and what their values are
 * there. Pure. The store asks the same questions of many rows at once in its own language; the
 * tests hold both to this table.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "proto/page.h"

/* How an object stands to the Deployment that looks. */
struct resolve_case {
	bool own;       /* lives at the Deployment itself */
	bool linked;    /* an explicit link names it */
	bool auto_link; /* a Workspace object linked to all */
	bool excluded;  /* an exclusion names it */
	bool shadowed;  /* the Deployment has an object of its own with this type and key */
};
enum resolve_verdict { RESOLVE_ABSENT, RESOLVE_OWN, RESOLVE_LINKED };
enum resolve_verdict resolve_verdict(const struct resolve_case *c);

/*
 * Appends doc with the override document laid over it: each overridden field replaces the
 * object's, extra (headers, labels) member by member, a nested value whole. An object without a
 * value has none here either. 0, -ENOMEM, or out's error.
 */
MUST_CHECK int resolve_value(
    enum manager_type type, struct span doc, struct span override, struct buf *out);
