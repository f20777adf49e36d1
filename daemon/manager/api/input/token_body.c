/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/token_body.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_S       ((int64_t)24 * 3600)
#define SECONDS_MAX (10 * 366 * DAY_S)
#define DAYS_MAX    3650 /* as the hosted API has it */

const char *const token_body_members[] = { "name", "description", "scope", "type", "scopeEntityId",
	"entityId", "role", "expiresInSeconds", "tokenExpiryPeriodInDays", NULL };

static const char scope_words[] = "must be ORGANIZATION, WORKSPACE or DEPLOYMENT";

/* `scope` or, in older clients, `type`. *given: whether one of them was there. */
static int
read_scope(struct body *b, enum scope *scope, bool *given)
{
	struct span text = { 0 };
	const char *field = "scope";
	int r = body_text(b, field, false, &text);

	if (r == 0 && !text.p) {
		field = "type";
		r = body_text(b, field, false, &text);
	}
	*given = text.p;
	if (r < 0 || !text.p)
		return r;
	if (!scope_from(text, scope) || *scope == SCOPE_PROJECT)
		return fault_set(b->fault, "invalid", field, scope_words);
	return 0;
}

/* Splits WORKSPACE_MEMBER; false: the name does not begin with a scope. */
static bool
split_role(struct span name, enum scope *scope, struct span *role)
{
	const char *underscore = memchr(name.p, '_', name.n);
	size_t n = underscore ? (size_t)(underscore - name.p) : 0;

	if (!underscore || !scope_from((struct span){ name.p, n }, scope))
		return false;
	*role = (struct span){ underscore + 1, name.n - n - 1 };
	return true;
}

/* scope: what the body says, when scope_given; else the role's own. */
static int
read_role(struct body *b, struct token_body *out, bool scope_given)
{
	struct span text = { 0 }, role;
	enum scope scope;
	int r = body_text(b, "role", true, &text);

	if (r < 0)
		return r;
	role = text;
	if (split_role(text, &scope, &role)) {
		if (scope_given && scope != out->scope)
			return fault_set(b->fault, "invalid", "role", "is not a role of scope %s",
			    scope_name(out->scope));
		out->scope = scope;
	} else if (!scope_given) {
		return fault_set(b->fault, "required", "scope", "is required");
	}
	if (out->scope == SCOPE_DEPLOYMENT && span_is(role, "ADMIN"))
		role = SPAN_LITERAL("OWNER");
	if (!role_from(role, &out->role))
		return fault_set(b->fault, "invalid", "role",
		    "must be OWNER, OPERATOR, AUTHOR or MEMBER, with or without its scope in "
		    "front (WORKSPACE_MEMBER)");
	return 0;
}

static int
read_entity(struct body *b, struct token_body *out)
{
	int r = body_text(b, "scopeEntityId", false, &out->entity);

	out->entity_field = "scopeEntityId";
	if (r == 0 && !out->entity.p) {
		r = body_text(b, "entityId", false, &out->entity);
		if (out->entity.p)
			out->entity_field = "entityId";
	}
	if (r == 0 && !out->entity.p && out->scope != SCOPE_ORGANIZATION)
		return fault_set(b->fault, "required", "scopeEntityId", "is required");
	return r;
}

static int
read_expiry(struct body *b, int64_t *seconds)
{
	int64_t days = 0;
	int r = body_int(b, "expiresInSeconds", 1, SECONDS_MAX, seconds);

	if (r == 0)
		r = body_int(b, "tokenExpiryPeriodInDays", 1, DAYS_MAX, &days);
	if (r == 0 && days && *seconds)
		return fault_set(b->fault, "invalid", "tokenExpiryPeriodInDays",
		    "cannot be given together with expiresInSeconds");
	if (days)
		*seconds = days * DAY_S;
	return r;
}

int
token_body_read(struct body *b, size_t name_max, struct token_body *out)
{
	bool scope_given = false;
	int r = body_name(b, "name", true, name_max, &out->name);

	if (r == 0)
		r = read_scope(b, &out->scope, &scope_given);
	if (r == 0)
		r = read_role(b, out, scope_given);
	if (r == 0)
		r = read_entity(b, out);
	return r == 0 ? read_expiry(b, &out->expires_in_s) : r;
}

void
token_role_hosted(enum scope scope, enum role role, char out[static TOKEN_ROLE_SIZE])
{
	bool admin = scope == SCOPE_DEPLOYMENT && role == ROLE_OWNER;

	(void)snprintf(
	    out, TOKEN_ROLE_SIZE, "%s_%s", scope_name(scope), admin ? "ADMIN" : role_name(role));
}
