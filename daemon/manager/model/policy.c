/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/model/policy.h"

#include <string.h>

static const char *const scope_names[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = "ORGANIZATION",
	[SCOPE_WORKSPACE] = "WORKSPACE",
	[SCOPE_DEPLOYMENT] = "DEPLOYMENT",
	[SCOPE_PROJECT] = "PROJECT",
};
static const char *const role_names[ROLE_N] = {
	[ROLE_MEMBER] = "MEMBER",
	[ROLE_AUTHOR] = "AUTHOR",
	[ROLE_OPERATOR] = "OPERATOR",
	[ROLE_OWNER] = "OWNER",
};

/* The lowest role that may do each action. */
static const enum role least_role[ACTION_N] = {
	[ACTION_VIEW] = ROLE_MEMBER,
	[ACTION_FETCH_SECRETS] = ROLE_MEMBER,
	[ACTION_CREATE] = ROLE_OPERATOR,
	[ACTION_UPDATE] = ROLE_OPERATOR,
	[ACTION_LINK] = ROLE_OPERATOR,
	[ACTION_DELETE] = ROLE_OPERATOR,
	[ACTION_HISTORY] = ROLE_MEMBER,
	[ACTION_MANAGE_ENTITIES] = ROLE_OPERATOR,
	[ACTION_MANAGE_TOKENS] = ROLE_OWNER,
	[ACTION_SETTINGS] = ROLE_OWNER,
};

bool
id_is_valid(struct span text)
{
	if (!text.p || text.n != ID_LENGTH || text.p[0] != 'c')
		return false;
	for (size_t i = 1; i < text.n; i++) {
		char c = text.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

bool
id_from(struct span text, struct id *out)
{
	*out = (struct id){ 0 };
	if (!id_is_valid(text))
		return false;
	memcpy(out->s, text.p, ID_LENGTH);
	return true;
}

bool
id_equal(const struct id *a, const struct id *b)
{
	return strcmp(a->s, b->s) == 0;
}

static bool
name_find(const char *const *names, int n, struct span name, int *out)
{
	for (int i = 0; i < n; i++) {
		if (span_is(name, names[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

const char *
scope_name(enum scope s)
{
	return scope_names[s];
}

bool
scope_from(struct span name, enum scope *out)
{
	int i;

	if (!name_find(scope_names, SCOPE_N, name, &i))
		return false;
	*out = (enum scope)i;
	return true;
}

const char *
role_name(enum role r)
{
	return role_names[r];
}

bool
role_from(struct span name, enum role *out)
{
	int i;

	if (!name_find(role_names, ROLE_N, name, &i))
		return false;
	*out = (enum role)i;
	return true;
}

/* True if the ids are equal and not "". */
static bool
same_place(const struct id *a, const struct id *b)
{
	return !id_is_none(a) && id_equal(a, b);
}

static bool
covers(const struct subject *who, const struct place *where)
{
	if (!same_place(&who->organization, &where->organization))
		return false;
	switch (who->scope) {
	case SCOPE_ORGANIZATION:
		return true;
	case SCOPE_WORKSPACE:
		return same_place(&who->scope_id, &where->workspace);
	case SCOPE_DEPLOYMENT:
		return same_place(&who->scope_id, &where->deployment);
	case SCOPE_PROJECT:
	case SCOPE_N:
		break;
	}
	return false;
}

enum verdict
policy_decide(
    const struct subject *who, enum action what, const struct place *where, bool secrets_fetching)
{
	enum role least = least_role[what];

	if (!covers(who, where))
		return POLICY_OUT_OF_SCOPE;
	/* Only owners of the organization create and delete Workspaces. */
	if (what == ACTION_MANAGE_ENTITIES && id_is_none(&where->workspace))
		least = ROLE_OWNER;
	if (who->role < least)
		return POLICY_DENIED;
	if (what == ACTION_SETTINGS && who->scope != SCOPE_ORGANIZATION)
		return POLICY_DENIED;
	if (what == ACTION_FETCH_SECRETS && !secrets_fetching)
		return POLICY_SECRETS_OFF;
	return POLICY_ALLOWED;
}

enum verdict
policy_may_issue(const struct subject *who, enum role role, const struct place *where)
{
	enum verdict v = policy_decide(who, ACTION_MANAGE_TOKENS, where, true);

	if (v == POLICY_ALLOWED && role > who->role)
		return POLICY_DENIED;
	return v;
}
