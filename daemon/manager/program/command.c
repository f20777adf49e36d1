/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"

static const struct store_actor command_line;

/* 0 for 0; else -1 and the sentence: the store's own reason, or one of these. */
static int
explain(int r, const char *not_found, const char *conflict, char *why)
{
	if (r == 0)
		return 0;
	if (r == STORE_NOT_FOUND || r == STORE_NO_ENTITY)
		snprintf(why, COMMAND_WHY_SIZE, "%s", not_found);
	else if (r == STORE_CONFLICT)
		snprintf(why, COMMAND_WHY_SIZE, "%s", conflict);
	else
		snprintf(why, COMMAND_WHY_SIZE, "the database: %s", strerror(-r));
	return -1;
}

static int
deployment_create(
    const struct command_env *env, const struct options *o, struct buf *out, char *why)
{
	const struct store_entity_set set = { .name = span_of(o->name) };
	struct id id;
	int r = explain(store_entity_create(env->store, SCOPE_DEPLOYMENT, &o->workspace_id, &set,
			    &command_line, &id),
	    "there is no Workspace with this --workspace-id",
	    "the Workspace has a Deployment of this name", why);

	if (r == 0)
		buf_addf(out, "{\"id\":\"%s\"}", id.s);
	return r;
}

static int
token_create(const struct command_env *env, const struct options *o, struct buf *out, char *why)
{
	struct token_request q = { .name = span_of(o->name),
		.scope = o->scope,
		.scope_id = o->scope_id,
		.role = o->role,
		.expires_in_s = o->expires_in_s };
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct id id;
	int r = explain(token_issue(env->tokens, &q, clock_wall_ms(), &command_line, &id, &text),
	    "there is nothing of this --scope with this --scope-id", "the id is taken", why);

	if (r == 0)
		buf_addf(out, "{\"id\":\"%s\",\"token\":\"%s\"}", id.s, buf_str(&text));
	buf_fini(&text);
	return r;
}

static int
token_revoke_id(const struct command_env *env, const struct options *o, struct buf *out, char *why)
{
	int r = explain(token_revoke(env->tokens, &o->id, clock_wall_ms(), &command_line),
	    "there is no token with this --id", "", why);

	if (r == 0)
		buf_addf(out, "{\"id\":\"%s\"}", o->id.s);
	return r;
}

static int
take_id(void *arg, const struct store_entity *e)
{
	*(struct id *)arg = e->id;
	return 0;
}

static int
organization_set(const struct command_env *env, const struct options *o, struct buf *out, char *why)
{
	static const struct id all = { "" };
	struct id id = { "" };
	int r = store_entity_list(env->store, SCOPE_ORGANIZATION, &all, 0, 1, take_id, &id, NULL);

	if (r == 0)
		r = store_organization_set_secrets(
		    env->store, &id, o->secrets_fetching, &command_line);
	r = explain(r, "there is no organization", "", why);
	if (r == 0)
		buf_addf(out, "{\"id\":\"%s\",\"secretsFetching\":%s}", id.s,
		    o->secrets_fetching ? "true" : "false");
	return r;
}

static int
rotate_key(const struct command_env *env, const struct options *o, struct buf *out, char *why)
{
	char name[2 * KEYS_ID_SIZE + 1];
	int r = keys_rotate(env->keys, o->new_key_file, why);

	if (r < 0)
		return -1;
	r = store_rewrap(env->store);
	if (r != 0) {
		keys_rotate_undo(env->keys);
		if (r != -EUCLEAN)
			return explain(r, "", "", why);
		snprintf(why, COMMAND_WHY_SIZE,
		    "a sealed value does not open, so the key is as it was; the log says which");
		return -1;
	}
	/* What the old key wrapped goes from the log as well. */
	store_tidy(env->store);
	r = keys_rotated(env->keys);
	if (r < 0) {
		snprintf(why, COMMAND_WHY_SIZE,
		    "everything has the new key, but manager.key.new could not take the place of "
		    "manager.key: %s; the next start will do it",
		    strerror(-r));
		return -1;
	}
	keys_name(env->keys, name);
	buf_addf(out, "{\"keyId\":\"%s\"}", name);
	return 0;
}

static int
backup(const struct command_env *env, const struct options *o, struct buf *out, char *why)
{
	if (store_backup(env->store, o->file, why) < 0)
		return -1;
	buf_addc(out, '{');
	jtext_member_string(out, "file", span_of(o->file));
	buf_addc(out, '}');
	return 0;
}

int
command_restore(const struct options *o, struct buf *out, char why[static COMMAND_WHY_SIZE])
{
	struct keys *keys = NULL;
	struct store *s = NULL;
	int r = keys_load(&keys, o->data, o->key_file, why);

	if (r == 0)
		r = store_restore(&s, o->data, o->file, keys, why);
	(void)store_close(s);
	(void)keys_free(keys);
	if (r < 0)
		return -1;
	buf_addc(out, '{');
	jtext_member_string(out, "data", span_of(o->data));
	buf_addc(out, '}');
	return 0;
}

int
command_open(struct command_env *env, const struct options *o, char why[static COMMAND_WHY_SIZE])
{
	/* Of a directory that was never made, that its key is missing is not the thing to say. */
	int r = store_find(o->data, why);

	if (r == 0)
		r = keys_load(&env->keys, o->data, o->key_file, why);
	if (r == 0)
		r = store_open(&env->store, o->data, env->keys, why);
	if (r < 0)
		return r;
	r = token_authority_new(&env->tokens, env->store);
	if (r != 0)
		snprintf(why, COMMAND_WHY_SIZE, "the signing key of tokens can not be read: %s",
		    r < 0 ? strerror(-r) : "missing");
	return r > 0 ? -ENOENT : r;
}

void
command_close(struct command_env *env)
{
	(void)token_authority_free(env->tokens);
	(void)store_close(env->store);
	(void)keys_free(env->keys);
}

int
command_run(const struct command_env *env, const struct options *o, struct buf *out,
    char why[static COMMAND_WHY_SIZE])
{
	switch (o->verb) {
	case VERB_DEPLOYMENT_CREATE:
		return deployment_create(env, o, out, why);
	case VERB_TOKEN_CREATE:
		return token_create(env, o, out, why);
	case VERB_TOKEN_REVOKE:
		return token_revoke_id(env, o, out, why);
	case VERB_ORGANIZATION_SET:
		return organization_set(env, o, out, why);
	case VERB_ROTATE_KEY:
		return rotate_key(env, o, out, why);
	case VERB_BACKUP:
		return backup(env, o, out, why);
	case VERB_TLS_INIT:
	case VERB_SERVE:
	case VERB_INIT:
	case VERB_RESTORE:
		break;
	}
	snprintf(why, COMMAND_WHY_SIZE, "this is nothing to ask a running server");
	return -1;
}
