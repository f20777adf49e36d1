/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "manager/program/owner.h"
#include "manager/program/staging.h"

/* How long a subcommand waits for a server that is starting or stopping. */
#define SETTLE_MS 5000

static const struct store_actor command_line;

static const char not_reached[] =
    "the database cannot be used now, and whether a change was made is not known: the server's log "
    "says why; look, and try again when it can";

/* Returns 0 for 0; otherwise -1 with `why`: the store's own reason, or one of the texts below. */
static int
explain(int r, const char *not_found, const char *conflict, struct why *why)
{
	if (r == 0)
		return 0;
	if (r == STORE_NOT_FOUND || r == STORE_NO_ENTITY)
		why_set(why, "%s", not_found);
	else if (r == STORE_CONFLICT)
		why_set(why, "%s", conflict);
	else if (r == -ENOTCONN || r == -ECANCELED)
		why_set(why, "%s", not_reached);
	else
		why_set(why, "the database: %s", strerror(-r));
	return -1;
}

static int
deployment_create(
    const struct command_env *env, const struct options *o, struct buf *out, struct why *why)
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
take_id(void *arg, const struct store_entity *e)
{
	*(struct id *)arg = e->id;
	return 0;
}

/* The one organization. 0, STORE_NOT_FOUND or -errno. */
static int
find_organization(const struct command_env *env, struct id *out)
{
	static const struct id all = { "" };
	int r;

	*out = all;
	r = store_entity_list(env->store, SCOPE_ORGANIZATION, &all, 0, 1, take_id, out, NULL);
	return r == 0 && id_is_none(out) ? STORE_NOT_FOUND : r;
}

static int
token_create(
    const struct command_env *env, const struct options *o, struct buf *out, struct why *why)
{
	struct token_request q = { .name = span_of(o->name),
		.scope = o->scope,
		.scope_id = o->scope_id,
		.role = o->role,
		.expires_in_s = o->expires_in_s };
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct id id;
	int r = id_is_none(&q.scope_id) ? find_organization(env, &q.scope_id) : 0;

	if (r == 0)
		r = token_issue(env->tokens, &q, clock_wall_ms(), &command_line, &id, &text);
	r = explain(
	    r, "there is nothing of this --scope with this --scope-id", "the id is taken", why);
	if (r == 0)
		buf_addf(out, "{\"id\":\"%s\",\"token\":\"%s\"}", id.s, buf_str(&text));
	buf_fini(&text);
	return r;
}

/* Ends a change that may take effect only in memory; *durable: whether it is also on disk. */
static int
take_durable(int r, bool *durable)
{
	*durable = r != STORE_NOT_DURABLE;
	return *durable ? r : 0;
}

static int
token_revoke_id(const struct command_env *env, const struct options *o, struct buf *out,
    bool *durable, struct why *why)
{
	int r = token_revoke(env->tokens, &o->id, clock_wall_ms(), &command_line);

	r = explain(take_durable(r, durable), "there is no token with this --id", "", why);
	if (r == 0)
		buf_addf(out, "{\"id\":\"%s\"}", o->id.s);
	return r;
}

static int
organization_set(const struct command_env *env, const struct options *o, struct buf *out,
    bool *durable, struct why *why)
{
	struct id id;
	int r = find_organization(env, &id);

	if (r == 0)
		r = store_organization_set_secrets(
		    env->store, &id, o->secrets_fetching, &command_line);
	r = explain(take_durable(r, durable), "there is no organization", "", why);
	if (r == 0)
		buf_addf(out, "{\"id\":\"%s\",\"secretsFetching\":%s}", id.s,
		    o->secrets_fetching ? "true" : "false");
	return r;
}

static int
show(const struct command_env *env, const struct options *o, struct buf *out, struct why *why)
{
	struct id id;
	int r = find_organization(env, &id);

	if (r == 0)
		r = o->verb == VERB_TOKEN_LIST        ? command_token_list(env, &id, out)
		    : o->verb == VERB_DEPLOYMENT_LIST ? command_deployment_list(env, &id, out)
						      : command_organization_show(env, &id, out);
	return explain(r, "there is no organization", "", why);
}

static int
login_link(const struct command_env *env, const struct options *o, struct buf *out, struct why *why)
{
	struct id id;
	int r = find_organization(env, &id);

	if (r == 0)
		r = command_login_link(env, o, &id, out);
	return explain(r,
	    id_is_none(&o->id)
		? "there is no OWNER of the organization left: give another token's --id"
		: "there is no token with this --id, or it was revoked or has expired",
	    "", why);
}

static int
rotate_key(const struct command_env *env, const struct options *o, struct buf *out, struct why *why)
{
	char name[2 * KEYS_ID_SIZE + 1];
	int r = keys_rotate(env->keys, o->new_key_file, why);

	if (r < 0)
		return -1;
	r = store_rewrap(env->store);
	if (r == -ENOTCONN) { /* the response to COMMIT may have been lost */
		keys_rotate_unknown(env->keys);
		why_set(why,
		    "the database cannot be reached; the manager keeps both keys (manager.key.new) "
		    "until it can see which one the database has");
		return -1;
	}
	if (r != 0) {
		keys_rotate_undo(env->keys);
		if (r != -EUCLEAN)
			return explain(r, "", "", why);
		why_set(why, "a sealed value cannot be decrypted, so the key was not changed; the "
			     "log names it");
		return -1;
	}
	/* Also removes what the old key wrapped from the write-ahead log. */
	store_tidy(env->store);
	r = keys_rotated(env->keys);
	if (r < 0) {
		why_set(why,
		    "everything is sealed with the new key, but manager.key.new could not replace "
		    "manager.key: %s; the next start does it",
		    strerror(-r));
		return -1;
	}
	keys_name(env->keys, name);
	buf_addf(out, "{\"keyId\":\"%s\"}", name);
	return 0;
}

int
command_restore(const struct options *o, struct buf *out, struct why *why)
{
	struct keys *keys = NULL;
	struct store *s = NULL;
	struct staging stage;
	int r = staging_open(&stage, o->data, false, why);

	if (r == 0)
		r = keys_load(&keys, o->data, o->key_file, why);
	if (r == 0)
		r = store_restore(&s, stage.path, o->file, keys, why);
	(void)store_close(s);
	(void)keys_free(keys);
	if (r == 0)
		r = staging_finish(&stage, why);
	staging_close(&stage);
	if (r < 0)
		return -1;
	buf_addc(out, '{');
	jtext_member_string(out, "data", span_of(o->data));
	buf_addc(out, '}');
	return 0;
}

static int
explain_tokens(int r, struct why *why)
{
	if (r != 0)
		why_set(why, "the signing key of tokens cannot be read: %s",
		    r < 0 ? strerror(-r) : "missing");
	return r > 0 ? -ENOENT : r;
}

int
command_load_tokens(struct command_env *env, struct why *why)
{
	return explain_tokens(token_load(env->tokens), why);
}

static int
open_env(struct command_env *env, const struct options *o, bool waiting, struct why *why)
{
	const struct store_options options = { o->store_connections, o->store_listen };
	const char *where = o->store ? o->store : o->data;
	/* If the data directory has no database, report that, not a missing key. */
	int r = store_find(where, why);

	if (r == 0)
		r = owner_check(o->data, why);
	if (r == 0)
		r = keys_load(&env->keys, o->data, o->key_file, why);
	if (r == 0 && waiting)
		r = store_open_waiting(&env->store, where, env->keys, &options, why);
	else if (r == 0)
		r = store_open(&env->store, where, env->keys, why);
	if (r == 0)
		r = store_set_options(env->store, &options);
	if (r < 0)
		return r;
	r = explain_tokens(token_authority_new(&env->tokens, env->store), why);
	if (r == 0)
		token_set_max_lifetime(env->tokens, o->max_lifetime_s);
	return r;
}

int
command_open(struct command_env *env, const struct options *o, struct why *why)
{
	return open_env(env, o, false, why);
}

int
command_open_waiting(struct command_env *env, const struct options *o, struct why *why)
{
	return open_env(env, o, true, why);
}

void
command_close(struct command_env *env)
{
	(void)token_authority_free(env->tokens);
	(void)store_close(env->store);
	(void)keys_free(env->keys);
}

int
command_run(const struct command_env *env, const struct options *o, struct buf *out, bool *durable,
    struct why *why)
{
	*durable = true;
	switch (o->verb) {
	case VERB_DEPLOYMENT_CREATE:
		return deployment_create(env, o, out, why);
	case VERB_TOKEN_CREATE:
		return token_create(env, o, out, why);
	case VERB_TOKEN_REVOKE:
		return token_revoke_id(env, o, out, durable, why);
	case VERB_ORGANIZATION_SET:
		return organization_set(env, o, out, durable, why);
	case VERB_ROTATE_KEY:
		return rotate_key(env, o, out, why);
	case VERB_LOGIN_LINK:
		return login_link(env, o, out, why);
	case VERB_DEPLOYMENT_LIST:
	case VERB_TOKEN_LIST:
	case VERB_ORGANIZATION_SHOW:
		return show(env, o, out, why);
	case VERB_SERVE:
	case VERB_INIT:
	case VERB_BACKUP:
	case VERB_MIGRATE:
	case VERB_RESTORE:
	case VERB_TLS_INIT:
		break;
	}
	why_set(why, "a running server does not do this");
	return -1;
}

void
command_remove_copies(const char *dir)
{
	static const char *const names[] = { COMMAND_COPY_NAME, COMMAND_COPY_NAME ".part",
		COMMAND_COPY_NAME ".part-journal" };
	char path[4096];

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		if (snprintf(path, sizeof path, "%s/%s", dir, names[i]) < (int)sizeof path)
			(void)unlink(path); /* usually there is none */
	}
}

bool
command_works_in_memory(const struct options *o)
{
	return o->verb == VERB_TOKEN_REVOKE ||
	       (o->verb == VERB_ORGANIZATION_SET && !o->secrets_fetching);
}

void
command_not_durable(struct buf *out)
{
	if (out->len)
		out->len--; /* the closing brace */
	jtext_member_bool(out, "durable", false);
	buf_addc(out, '}');
}

void
command_warn(const char *what)
{
	fprintf(stderr, "connd-manager: warning: %s\n", what);
}

int
command_settle(command_way *ask, command_way *here, void *arg, struct buf *out, struct why *why)
{
	static const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	int64_t deadline = clock_boot_ms() + SETTLE_MS;
	int r;

	for (;;) {
		r = ask(arg, out, why);
		if (r != -ECONNREFUSED && r != -ENOENT)
			return r;
		r = here(arg, out, why);
		if (r != -EBUSY || clock_boot_ms() >= deadline)
			return r;
		(void)nanosleep(&pause, NULL); /* a signal may end it early */
	}
}
