/* SPDX-License-Identifier: Apache-2.0 */
/* `connd-manager init`: a data directory from nothing, or nothing. */
#include "manager/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "manager/keys.h"
#include "proto/limits.h"

static const struct store_actor command_line = { { "" }, { 0 } };

struct making {
	const struct options *o;
	struct store *store;
	struct token_authority *tokens;
	struct id organization, workspace;
	char *why;
};

static bool
is_there(const char *dir, const char *name)
{
	char path[4096];

	return snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path ||
	       access(path, F_OK) == 0;
}

static void
take_away(const char *dir, const char *name)
{
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path)
		(void)unlink(path); /* may never have been there */
}

static int
failed(struct making *m, const char *what, int r)
{
	if (r > 0)
		snprintf(m->why, COMMAND_WHY_SIZE, "%.200s: the name is given twice", what);
	else
		snprintf(m->why, COMMAND_WHY_SIZE, "%.200s: %s", what, strerror(-r));
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
		jtext_member_string(out, "token", (struct span){ buf_str(&text), text.len });
	buf_fini(&text);
	return r == 0 ? 0 : failed(m, "the first token", r);
}

/* The Deployments, and their member of the answer. */
static int
make_deployments(struct making *m, struct buf *out)
{
	jtext_name(out, "deploymentIds");
	buf_addc(out, '{');
	for (size_t i = 0; i < m->o->n_deployments; i++) {
		struct span name = span_of(m->o->deployments[i]);
		struct id id;
		int r = store_entity_create(
		    m->store, SCOPE_DEPLOYMENT, &m->workspace, name, &command_line, &id);

		if (r != 0)
			return failed(m, m->o->deployments[i], r);
		if (i)
			buf_addc(out, ',');
		jtext_string(out, name);
		buf_addf(out, ":\"%s\"", id.s);
	}
	buf_addc(out, '}');
	return 0;
}

static int
fill(struct making *m, struct buf *out)
{
	static const struct id none = { "" };
	int r = store_entity_create(m->store, SCOPE_ORGANIZATION, &none,
	    span_of(m->o->organization), &command_line, &m->organization);

	if (r == 0)
		r = store_entity_create(m->store, SCOPE_WORKSPACE, &m->organization,
		    span_of(m->o->workspace), &command_line, &m->workspace);
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

int
command_init(const struct options *o, struct buf *out, char why[static COMMAND_WHY_SIZE])
{
	struct making m = { .o = o, .why = why };
	struct keys *keys = NULL;
	bool had_key, made = false;
	int r = -1;

	if (mkdir(o->data, 0700) < 0 && errno != EEXIST) {
		snprintf(why, COMMAND_WHY_SIZE, "%.300s: %s", o->data, strerror(errno));
		return -1;
	}
	/* Before anything is made: a directory in use stays as it is. */
	if (is_there(o->data, "manager.db")) {
		snprintf(why, COMMAND_WHY_SIZE,
		    "%.300s: there is a database already; nothing was changed", o->data);
		return -1;
	}
	had_key = is_there(o->data, "manager.key");
	if (keys_make(&keys, o->data, o->key_file, why) == 0 &&
	    store_create(&m.store, o->data, keys, why) == 0) {
		made = true;
		r = fill(&m, out);
	}
	(void)token_authority_free(m.tokens);
	(void)store_close(m.store);
	(void)keys_free(keys);
	if (r != 0) {
		if (made) {
			take_away(o->data, "manager.db");
			take_away(o->data, "manager.db-wal");
			take_away(o->data, "manager.db-shm");
		}
		if (!had_key)
			take_away(o->data, "manager.key");
	}
	return r;
}
