/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access rules: allow and deny, first match wins, no match no access; without any rule
 * everybody who may open the socket may read everything. A rule's text is
 *	[user:NAME|uid:N|group:NAME|gid:N|*] [conn:GLOB|var:GLOB|env:GLOB|*]...
 * The user or group comes first, and once; without it the rule is about everybody. Then any number
 * of patterns; without one the rule is about every key. In a GLOB `*` stands for any characters
 * (also none, also "/"), `?` for one character, and everything else for itself, in upper or lower
 * case as written. conn: is a connection, var: an Airflow variable (a config option is the
 * variable `config/NAME`), env: an environment variable. Names are resolved when the rule is read,
 * through struct acl_lookup: core opens no files.
 *
 * An admin rule names a user or group and nothing else: who may have the daemon do something.
 *
 * An allow rule whose GLOB holds "___" and a wildcard is meant for a team's keys: it does not
 * match a key that another team can spell as well (core/team.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/span.h"
#include "core/generation.h"

struct acl;

enum acl_rule { ACL_DENY, ACL_ALLOW, ACL_ADMIN };

struct acl_peer {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary ones */
	size_t n_groups;
};

/* Resolves a name to an id. 0, or -ENOENT. */
struct acl_lookup {
	int (*user)(const char *name, uid_t *uid);
	int (*group)(const char *name, gid_t *gid);
};

#define ACL_WHY_SIZE 256

MUST_CHECK int acl_new(struct acl **out);
/* Adds a rule from its text. 0; -EINVAL or -ENOENT with a sentence in why; -ENOMEM. */
MUST_CHECK int acl_add(struct acl *a, enum acl_rule what, const char *text,
    const struct acl_lookup *lookup, char why[static ACL_WHY_SIZE]);
/* Adds a rule that matches nobody: its caller cannot be named now. A list of such rules is not empty. */
MUST_CHECK int acl_add_nobody(struct acl *a, enum acl_rule what);
bool acl_allows(
    const struct acl *a, const struct acl_peer *peer, enum record_kind kind, struct span key);
/* May this peer read any key at all? */
bool acl_allows_some(const struct acl *a, const struct acl_peer *peer);
/* Does an admin rule name this peer? */
bool acl_is_admin(const struct acl *a, const struct acl_peer *peer);
bool acl_has_admins(const struct acl *a); /* Is there an admin rule at all? */
bool acl_is_empty(const struct acl *a);   /* Is there neither an allow nor a deny rule? */
/* How many rules and patterns one acl_allows() looks at, at most. */
size_t acl_cost(const struct acl *a);
struct acl *acl_free(struct acl *a);
