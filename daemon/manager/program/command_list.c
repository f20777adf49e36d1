/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `token list`, `deployment list`, `organization show`: they print the ids that other subcommands
 * take.
 */
#include "manager/program/command.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json/write.h"

/* A list that is being written. */
struct listing {
	const struct command_env *env;
	struct buf *out;
};

static void
begin_element(struct buf *out)
{
	buf_adds(out, out->len && out->data[out->len - 1] == '[' ? "{" : ",{");
}

static void
add_time(const char *name, int64_t at_ms, struct buf *out)
{
	char text[CLOCK_RFC3339_SIZE];

	if (!at_ms)
		return;
	clock_rfc3339(at_ms, text);
	jtext_member_string(out, name, span_of(text));
}

/* ---- places ---- */

static int
add_place(void *arg, const struct store_entity *e)
{
	struct listing *l = arg;

	begin_element(l->out);
	jtext_member_string(l->out, "id", span_of(e->id.s));
	jtext_member_string(l->out, "name", e->name);
	if (e->scope != SCOPE_WORKSPACE) {
		jtext_member_string(l->out, "workspaceId", span_of(e->workspace.s));
		jtext_member_string(l->out, "workspaceName", e->workspace_name);
	}
	buf_addc(l->out, '}');
	return buf_error(l->out);
}

/* Appends a member with all places of a scope. 0 or -errno. */
static int
add_places(struct listing *l, const char *name, enum scope scope, const struct id *organization)
{
	int r;

	jtext_name(l->out, name);
	buf_addc(l->out, '[');
	r = store_entity_list(l->env->store, scope, organization, 0, -1, add_place, l, NULL);
	buf_addc(l->out, ']');
	return r;
}

int
command_deployment_list(
    const struct command_env *env, const struct id *organization, struct buf *out)
{
	struct listing l = { env, out };
	int r;

	buf_addc(out, '{');
	r = add_places(&l, "deployments", SCOPE_DEPLOYMENT, organization);
	buf_addc(out, '}');
	return r;
}

int
command_organization_show(
    const struct command_env *env, const struct id *organization, struct buf *out)
{
	struct listing l = { env, out };
	struct store_entity e;
	int r = store_entity_get(env->store, SCOPE_ORGANIZATION, organization, &e);

	if (r != 0)
		return r;
	buf_addc(out, '{');
	jtext_member_string(out, "id", span_of(e.id.s));
	jtext_member_string(out, "name", e.name);
	jtext_member_bool(out, "secretsFetching", e.secrets_fetching);
	r = add_places(&l, "workspaces", SCOPE_WORKSPACE, organization);
	if (r == 0)
		r = add_places(&l, "deployments", SCOPE_DEPLOYMENT, organization);
	buf_addc(out, '}');
	return r;
}

/* ---- tokens ---- */

static int
add_token(void *arg, const struct store_token *t)
{
	struct listing *l = arg;
	struct buf *out = l->out;

	begin_element(out);
	jtext_member_string(out, "id", span_of(t->id.s));
	jtext_member_string(out, "name", t->name);
	jtext_member_string(out, "scope", span_of(scope_name(t->subject.scope)));
	jtext_member_string(out, "scopeId", span_of(t->subject.scope_id.s));
	jtext_member_string(out, "role", span_of(role_name(t->subject.role)));
	add_time("createdAt", t->created_ms, out);
	add_time("expiresAt", t->expires_ms, out);
	add_time("revokedAt", t->revoked_ms, out);
	add_time("lastUsedAt", t->last_used_ms, out);
	jtext_member_string(out, "familyId", span_of(t->family.id.s));
	add_time("familyEndsAt", token_family_ends_ms(l->env->tokens, &t->family), out);
	buf_addc(out, '}');
	return buf_error(out);
}

int
command_token_list(const struct command_env *env, const struct id *organization, struct buf *out)
{
	const struct place all = { .organization = *organization };
	struct listing l = { env, out };
	int64_t total;
	int r;

	buf_adds(out, "{\"tokens\":[");
	r = store_token_list(env->store, &all, 0, -1, add_token, &l, &total);
	buf_adds(out, "]}");
	return r;
}
