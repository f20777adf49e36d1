/* SPDX-License-Identifier: Apache-2.0 */
/* `connd-manager init`: makes a data directory with its first content, or nothing. */
#include "manager/program/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "manager/program/staging.h"
#include "manager/store/keys.h"

static const struct store_actor command_line;

struct making {
	const struct options *o;
	struct store *store;
	struct token_authority *tokens;
	struct id organization, workspace;
	struct why *why;
	bool made; /* the store, as far as is known */
};

static bool
is_there(const char *dir, const char *name)
{
	char path[4096];

	return snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path ||
	       access(path, F_OK) == 0;
}

static void
remove_file(const char *dir, const char *name)
{
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path)
		(void)unlink(path); /* it may never have existed */
}

static int
failed(struct making *m, const char *what, int r)
{
	if (r > 0)
		why_set(m->why, "%.200s: two Deployments have this name", what);
	else
		why_set(m->why, "%.200s: %s", what, strerror(-r));
	return -1;
}

static int
make_token(struct making *m, struct buf *out)
{
	struct token_request q = { .name = SPAN_LITERAL("init"),
		.scope = SCOPE_ORGANIZATION,
		.scope_id = m->organization,
		.role = ROLE_OWNER };
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct id id;
	int r = token_authority_new(&m->tokens, m->store);

	if (r == 0)
		r = token_issue(m->tokens, &q, clock_wall_ms(), &command_line, &id, &text);
	if (r == 0)
		jtext_member_string(out, "token", span_of_buf(&text));
	buf_fini(&text);
	return r == 0 ? 0 : failed(m, "the first token", r);
}

/* Makes the Deployments, and appends them to the output. */
static int
make_deployments(struct making *m, struct buf *out)
{
	jtext_name(out, "deploymentIds");
	buf_addc(out, '{');
	for (size_t i = 0; i < m->o->n_deployments; i++) {
		const struct store_entity_set set = { .name = span_of(m->o->deployments[i]) };
		struct id id;
		int r = store_entity_create(
		    m->store, SCOPE_DEPLOYMENT, &m->workspace, &set, &command_line, &id);

		if (r != 0)
			return failed(m, m->o->deployments[i], r);
		if (i)
			buf_addc(out, ',');
		jtext_string(out, set.name);
		buf_addf(out, ":\"%s\"", id.s);
	}
	buf_addc(out, '}');
	return 0;
}

static int
fill(struct making *m, struct buf *out)
{
	static const struct id none = { "" };
	const struct store_entity_set organization = { .name = span_of(m->o->organization) };
	const struct store_entity_set workspace = { .name = span_of(m->o->workspace) };
	int r = store_entity_create(
	    m->store, SCOPE_ORGANIZATION, &none, &organization, &command_line, &m->organization);

	if (r == 0)
		r = store_entity_create(m->store, SCOPE_WORKSPACE, &m->organization, &workspace,
		    &command_line, &m->workspace);
	if (r != 0)
		return failed(m, "the organization and its Workspace", r);
	buf_addf(out, "{\"organizationId\":\"%s\",\"workspaceId\":\"%s\"", m->organization.s,
	    m->workspace.s);
	r = make_deployments(m, out);
	if (r == 0)
		r = make_token(m, out);
	buf_addc(out, '}');
	return r == 0 && buf_error(out) ? failed(m, "the answer", buf_error(out)) : r;
}

static int
make_all(struct making *m, struct staging *stage, struct keys *keys, struct buf *out)
{
	const char *where = m->o->store ? m->o->store : stage->path;
	int r = store_create_begin(&m->store, where, keys, m->why);

	if (r == 0)
		r = fill(m, out);
	m->tokens = token_authority_free(m->tokens);
	if (r == 0) {
		m->made = true; /* or the database has not confirmed it */
		r = store_create_end(m->store, m->why);
	}
	m->store = store_close(m->store);
	if (r != 0)
		return -1;
	return m->o->store ? 0 : staging_finish(stage, m->why);
}

int
command_init(const struct options *o, struct buf *out, struct why *why)
{
	struct making m = { .o = o, .why = why };
	struct keys *keys = NULL;
	struct staging stage;
	bool had_key = true;
	int r = staging_open(&stage, o->data, true, why);

	if (r == 0) {
		had_key = is_there(o->data, "manager.key");
		r = keys_make(&keys, o->data, o->key_file, why);
	}
	if (r == 0)
		r = make_all(&m, &stage, keys, out);
	(void)keys_free(keys);
	if (r != 0 && !had_key && !(o->store && m.made) && !is_there(o->data, "manager.db"))
		remove_file(o->data, "manager.key");
	staging_close(&stage);
	return r == 0 ? 0 : -1;
}
