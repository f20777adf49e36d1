/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: a token's role and scope against an action and the place it is aimed at, and the
 * organization's switch for fetching secrets. Pure; knows neither HTTP nor the store.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

/* CUID-shaped: 'c' and 24 lower-case letters or digits. "" is: none. */
#define ID_LENGTH 25
struct id {
	char s[ID_LENGTH + 1];
};
bool id_is_valid(struct span text); /* shape only */
/* Copies a text of the right shape; else *out is "" and the answer false. */
bool id_from(struct span text, struct id *out);
bool id_equal(const struct id *a, const struct id *b);
static inline bool
id_is_none(const struct id *a)
{
	return a->s[0] == '\0';
}

/* Places, from wide to narrow. Objects live at WORKSPACE, DEPLOYMENT or PROJECT. */
enum scope { SCOPE_ORGANIZATION, SCOPE_WORKSPACE, SCOPE_DEPLOYMENT, SCOPE_PROJECT, SCOPE_N };
const char *scope_name(enum scope s);               /* "ORGANIZATION", ... */
bool scope_from(struct span name, enum scope *out); /* exact, upper case */

enum role { ROLE_MEMBER, ROLE_AUTHOR, ROLE_OPERATOR, ROLE_OWNER, ROLE_N };
const char *role_name(enum role r); /* "MEMBER", ... */
bool role_from(struct span name, enum role *out);

enum action {
	ACTION_VIEW, /* objects without their secrets; organizations, Workspaces, Deployments */
	ACTION_FETCH_SECRETS, /* objects with them */
	ACTION_CREATE,        /* an object */
	ACTION_UPDATE,
	ACTION_LINK,            /* links, exclusions and overrides of a Workspace object */
	ACTION_DELETE,          /* an object */
	ACTION_HISTORY,         /* who changed or read what; restoring is ACTION_UPDATE */
	ACTION_MANAGE_ENTITIES, /* create, rename, delete Workspaces, Deployments, projects below
				   the target */
	ACTION_MANAGE_TOKENS,   /* create, list, revoke tokens of the target's scope */
	ACTION_SETTINGS,        /* of the organization */
	ACTION_N,
};

/* What a token is. scope_id: the organization, Workspace or Deployment it is for. */
struct subject {
	struct id organization;
	enum scope scope; /* ORGANIZATION, WORKSPACE or DEPLOYMENT */
	struct id scope_id;
	enum role role;
};

/*
 * Where the action is aimed: workspace "" is the organization itself, deployment "" the Workspace
 * itself. The Workspace of a Deployment is always given.
 */
struct place {
	struct id organization, workspace, deployment, project;
};

enum verdict {
	POLICY_ALLOWED,
	POLICY_OUT_OF_SCOPE, /* the token does not cover the place: for it the thing is not there */
	POLICY_DENIED,       /* covers it, but the role is too low */
	POLICY_SECRETS_OFF,  /* the organization does not allow fetching secrets */
};
/* secrets_fetching: the organization's switch; looked at for ACTION_FETCH_SECRETS alone. */
MUST_CHECK enum verdict policy_decide(
    const struct subject *who, enum action what, const struct place *where, bool secrets_fetching);

/*
 * A token may hand out at most what it is: a role no higher, a scope inside its own. where: the
 * place the new token is for.
 */
MUST_CHECK enum verdict policy_may_issue(
    const struct subject *who, enum role role, const struct place *where);
