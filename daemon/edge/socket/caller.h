/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a connection, and what the access rules allow that user. Every
 * permission in edge/socket is decided here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/span.h"
#include "core/acl.h"

/* The peer's credentials as the kernel recorded them at connect time. */
struct caller {
	int fd; /* borrowed: its groups are read when a rule first needs them */
	uid_t uid;
	gid_t gid;
	pid_t pid; /* for the log only; 0 across pid namespaces */
	gid_t *groups;
	size_t n_groups;
	bool groups_known;
};

enum permission {
	PERMISSION_ALLOWED,
	PERMISSION_DENIED,
	PERMISSION_UNKNOWN, /* the caller's groups cannot be read just now: ask again later */
};

void caller_fini(struct caller *c);

/* True if the caller may read this key. */
MUST_CHECK enum permission caller_may_read(
    struct caller *c, const struct acl *acl, enum record_kind kind, struct span key);
/* The same with the text of the rule that decides; NULL: no rule matches, or it is not known. */
MUST_CHECK enum permission caller_may_read_by(struct caller *c, const struct acl *acl,
    enum record_kind kind, struct span key, const char **rule);
/* True if the caller may read any key at all (List). */
MUST_CHECK enum permission caller_may_read_any(struct caller *c, const struct acl *acl);
/* True if the caller is root or connd's own user: they see all of Status, whatever the rules. */
bool caller_is_owner(const struct caller *c);
/*
 * True if the caller may call administrative methods (Refresh): root, connd's own user, and users
 * named by admin rules.
 */
MUST_CHECK enum permission caller_may_administer(struct caller *c, const struct acl *acl);
/* True if the caller may see Status: callers who may read any key, and administrators. */
MUST_CHECK enum permission caller_may_see_status(struct caller *c, const struct acl *acl);
