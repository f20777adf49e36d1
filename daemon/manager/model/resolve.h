/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view that one Deployment or project has of objects: which of them it has, and with which
 * values. Pure. The store decides the same in SQL for many rows; the tests check that both agree.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "proto/page.h"

/* The relation of an object to a Deployment. */
struct resolve_case {
	bool own;       /* the object has the scope of this Deployment */
	bool linked;    /* an explicit link names the Deployment */
	bool auto_link; /* a Workspace object that is linked to all Deployments */
	bool excluded;  /* an exclusion names the Deployment */
	bool shadowed;  /* the Deployment has its own object with this type and key */
};
enum resolve_verdict { RESOLVE_ABSENT, RESOLVE_OWN, RESOLVE_LINKED };
enum resolve_verdict resolve_verdict(const struct resolve_case *c);

/*
 * Appends doc with the overrides applied: each overridden field replaces that of the object; extra,
 * headers and labels are replaced member by member, a nested value as a whole. An object without a
 * value stays without one. 0, -ENOMEM, or out's error.
 */
MUST_CHECK int resolve_value(
    enum manager_type type, struct span doc, struct span override, struct buf *out);
