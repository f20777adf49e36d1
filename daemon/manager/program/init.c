/* SPDX-License-Identifier: Apache-2.0 */
/* `connd-manager init`: a data directory from nothing, or nothing. */
#include "manager/program/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "manager/store/keys.h"

static const struct store_actor command_line;

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
		jtext_member_string(out, "token", span_of_buf(&text));
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

/* Where the database is made: under its own name it is whole or not there, whenever this is killed. */
#define WORKSHOP "manager.init"

static void
clear_workshop(const char *dir)
{
	static const char *const names[] = { "manager.db", "manager.db-wal", "manager.db-shm",
		"manager.db-journal", "manager.lock" };
	char path[4096];

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		snprintf(path, sizeof path, WORKSHOP "/%s", names[i]);
		take_away(dir, path);
	}
	if (snprintf(path, sizeof path, "%s/" WORKSHOP, dir) < (int)sizeof path)
		(void)rmdir(path); /* may never have been there */
}

/* The closed database takes its place, unless another one was quicker. */
static int
put_in_place(struct making *m, const char *dir)
{
	char from[4096], to[4096];
	int r;

	snprintf(from, sizeof from, "%s/" WORKSHOP "/manager.db", dir);
	snprintf(to, sizeof to, "%s/manager.db", dir);
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
		return failed(m, to, -errno);
	r = file_sync_name(to);
	return r < 0 ? failed(m, dir, r) : 0;
}

static int
make_all(struct making *m, struct keys *keys, struct buf *out)
{
	char workshop[4096];
	int r;

	if (snprintf(workshop, sizeof workshop, "%s/" WORKSHOP, m->o->data) >= (int)sizeof workshop)
		return failed(m, m->o->data, -ENAMETOOLONG);
	clear_workshop(m->o->data); /* of one that was killed */
	if (mkdir(workshop, 0700) < 0)
		return failed(m, workshop, -errno);
	r = store_create(&m->store, workshop, keys, m->why) == 0 ? fill(m, out) : -1;
	m->tokens = token_authority_free(m->tokens);
	m->store = store_close(m->store);
	if (r == 0)
		r = put_in_place(m, m->o->data);
	clear_workshop(m->o->data);
	return r;
}

/* The directory, made if need be, and ours alone until it is closed; -1. */
static int
take_directory(const char *dir, char why[static COMMAND_WHY_SIZE])
{
	int fd = -1;

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	snprintf(why, COMMAND_WHY_SIZE, "%.300s: %s", dir,
	    errno == EWOULDBLOCK ? "another init is at work in it" : strerror(errno));
	if (fd >= 0)
		(void)close(fd); /* only locked */
	return -1;
}

static int
init_in(const struct options *o, struct buf *out, char why[static COMMAND_WHY_SIZE])
{
	struct making m = { .o = o, .why = why };
	struct keys *keys = NULL;
	bool had_key;
	int r = -1;

	/* Before anything is made: a directory in use stays as it is. */
	if (is_there(o->data, "manager.db")) {
		clear_workshop(o->data); /* of one that was killed at its last step */
		snprintf(why, COMMAND_WHY_SIZE,
		    "%.300s: there is a database already; nothing was changed", o->data);
		return -1;
	}
	had_key = is_there(o->data, "manager.key");
	if (keys_make(&keys, o->data, o->key_file, why) == 0)
		r = make_all(&m, keys, out);
	(void)keys_free(keys);
	if (r != 0 && !had_key && !is_there(o->data, "manager.db"))
		take_away(o->data, "manager.key");
	return r;
}

int
command_init(const struct options *o, struct buf *out, char why[static COMMAND_WHY_SIZE])
{
	int fd = take_directory(o->data, why);
	int r = fd < 0 ? -1 : init_in(o, out, why);

	if (fd >= 0)
		(void)close(fd); /* only locked */
	return r;
}
