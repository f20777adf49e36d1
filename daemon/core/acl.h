/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access rules: allow and deny. The first matching rule decides; a caller that no rule matches
 * is denied. Without any rule, every caller that can open the socket may read everything. The text
 * of a rule is
 *	[user:NAME|uid:N|group:NAME|gid:N|*] [conn:GLOB|var:GLOB|env:GLOB|*]...
 * It starts with at most one user or group; without one the rule applies to every caller. Any
 * number of patterns follows; without one the rule applies to every key. In a GLOB, `*` matches any
 * number of characters, "/" included; `?` matches one character; all others match themselves, case
 * included. conn: is a connection, var: an Airflow variable (a config option is the variable
 * `config/NAME`), env: an environment variable. Names of users and groups are resolved when the
 * rule is added, through struct acl_lookup: core opens no files.
 *
 * An admin rule names only a user or group, which may then call administrative methods.
 *
 * An allow rule whose GLOB contains "___" and a wildcard is meant for one team's keys. It does not
 * match a key that can belong to another team as well (core/team.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/span.h"
#include "base/why.h"
#include "core/generation.h"

struct acl;

enum acl_rule { ACL_DENY, ACL_ALLOW, ACL_ADMIN };

struct acl_peer {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* the supplementary groups */
	size_t n_groups;
};

/* Resolve a name to an id. 0 or -ENOENT. */
struct acl_lookup {
	int (*user)(const char *name, uid_t *uid);
	int (*group)(const char *name, gid_t *gid);
};

MUST_CHECK int acl_new(struct acl **out);
/* Adds a rule. 0; -EINVAL or -ENOENT with a sentence in why; -ENOMEM. */
MUST_CHECK int acl_add(struct acl *a, enum acl_rule what, const char *text,
    const struct acl_lookup *lookup, struct why *why);
/*
 * Adds a rule that matches no caller, in place of one whose user or group cannot be resolved. It
 * counts for acl_is_empty(). 0 or -ENOMEM.
 */
MUST_CHECK int acl_add_nobody(struct acl *a, enum acl_rule what);
bool acl_allows(
    const struct acl *a, const struct acl_peer *peer, enum record_kind kind, struct span key);
/*
 * The rule that decides, as it would stand in the configuration ("allow = user:etl conn:*"), valid
 * as long as the rules are. NULL: no rule matches, and acl_allows() says what that means.
 */
const char *acl_deciding_rule(
    const struct acl *a, const struct acl_peer *peer, enum record_kind kind, struct span key);
/* True if the peer may read at least some keys. */
bool acl_allows_some(const struct acl *a, const struct acl_peer *peer);
/* True if an admin rule names this peer. */
bool acl_is_admin(const struct acl *a, const struct acl_peer *peer);
bool acl_has_admins(const struct acl *a); /* true if there is any admin rule */
bool acl_is_empty(const struct acl *a);   /* True if there is neither an allow nor a deny rule. */
/* How many rules and patterns one acl_allows() looks at, at most. */
size_t acl_cost(const struct acl *a);
struct acl *acl_free(struct acl *a);
