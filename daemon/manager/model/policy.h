/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The permissions: decides by a token's role and scope, the action and its place, and the
 * organization's switch for fetching secrets. Pure; knows neither HTTP nor the store.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

/* An id in the form of a CUID: 'c' and 24 lower-case letters or digits. "": no id. */
#define ID_LENGTH 25
struct id {
	char s[ID_LENGTH + 1];
};
bool id_is_valid(struct span text); /* checks the form only */
/* Copies text if it has the form of an id. Otherwise returns false and sets *out to "". */
bool id_from(struct span text, struct id *out);
bool id_equal(const struct id *a, const struct id *b);
static inline bool
id_is_none(const struct id *a)
{
	return a->s[0] == '\0';
}

/* Scopes, from wide to narrow. Objects have the scope WORKSPACE, DEPLOYMENT or PROJECT. */
enum scope { SCOPE_ORGANIZATION, SCOPE_WORKSPACE, SCOPE_DEPLOYMENT, SCOPE_PROJECT, SCOPE_N };
const char *scope_name(enum scope s);               /* "ORGANIZATION", ... */
bool scope_from(struct span name, enum scope *out); /* exact, upper case */

enum role { ROLE_MEMBER, ROLE_AUTHOR, ROLE_OPERATOR, ROLE_OWNER, ROLE_N };
const char *role_name(enum role r); /* "MEMBER", ... */
bool role_from(struct span name, enum role *out);

enum action {
	ACTION_VIEW,          /* objects without secrets; organizations, Workspaces, Deployments */
	ACTION_FETCH_SECRETS, /* objects with secrets */
	ACTION_CREATE,        /* an object */
	ACTION_UPDATE,
	ACTION_LINK,    /* links, exclusions and overrides of a Workspace object */
	ACTION_DELETE,  /* an object */
	ACTION_HISTORY, /* list changes and reads; restoring is ACTION_UPDATE */
	/* create, rename, delete Workspaces, Deployments and projects inside the place */
	ACTION_MANAGE_ENTITIES,
	ACTION_MANAGE_TOKENS, /* create, list, revoke tokens for the place */
	ACTION_SETTINGS,      /* of the organization */
	ACTION_N,
};

/* The rights of a token. scope_id: its organization, Workspace or Deployment. */
struct subject {
	struct id organization;
	enum scope scope; /* ORGANIZATION, WORKSPACE or DEPLOYMENT */
	struct id scope_id;
	enum role role;
};

/*
 * The place of an action. workspace "": the organization itself; deployment "": the Workspace
 * itself. For a Deployment its Workspace is always set, too.
 */
struct place {
	struct id organization, workspace, deployment, project;
};

enum verdict {
	POLICY_ALLOWED,
	/* the token does not cover the place; the response is as if it did not exist */
	POLICY_OUT_OF_SCOPE,
	POLICY_DENIED,      /* the token covers the place, but its role is too low */
	POLICY_SECRETS_OFF, /* the organization does not allow fetching secrets */
};
/* secrets_fetching: the organization's switch; matters only for ACTION_FETCH_SECRETS. */
MUST_CHECK enum verdict policy_decide(
    const struct subject *who, enum action what, const struct place *where, bool secrets_fetching);

/*
 * Decides whether a token may create another one with this role for the place `where`: the role
 * must not be higher than its own, and the place must be inside its scope.
 */
MUST_CHECK enum verdict policy_may_issue(
    const struct subject *who, enum role role, const struct place *where);
