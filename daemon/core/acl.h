/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask for what: allow and deny rules, first match wins, no match no access; without any rule
 * everybody who may open the socket may ask. A rule's text is
 *	[user:NAME|uid:N|group:NAME|gid:N|*] [conn:GLOB|var:GLOB|env:GLOB|*]...
 * Who comes first, and once; left out it is everybody. Then what: any of the patterns; left out it is
 * every key. In a GLOB `*` stands for any characters (none, too, and "/" as well), `?` for one
 * character; everything else for itself, in upper or lower case as written. conn: is a connection, var: an
 * Airflow variable (a config option is the variable `config/NAME`), env: an environment variable.
 * Names are looked up when the rule is read, by the caller (core opens no files).
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

struct acl_peer {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary ones */
	size_t n_groups;
};

/* Resolves a name to an id: 0, or -ENOENT. */
struct acl_lookup {
	int (*user)(const char *name, uid_t *uid);
	int (*group)(const char *name, gid_t *gid);
};

#define ACL_WHY_SIZE 256

MUST_CHECK int acl_new(struct acl **out);
/* Adds a rule from its text. 0; -EINVAL or -ENOENT with a sentence in why; -ENOMEM. */
MUST_CHECK int acl_add(struct acl *a, bool allow, const char *text, const struct acl_lookup *lookup,
    char why[static ACL_WHY_SIZE]);
bool acl_allows(
    const struct acl *a, const struct acl_peer *peer, enum record_kind kind, struct span key);
/* May this peer ask for anything at all (List, Status)? */
bool acl_allows_some(const struct acl *a, const struct acl_peer *peer);
bool acl_is_empty(const struct acl *a);
struct acl *acl_free(struct acl *a);
