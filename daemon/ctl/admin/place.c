/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/place.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/verbs.h"

const struct place_kind place_kinds[N_PLACES] = {
	[PLACE_WORKSPACE] = { "workspace", "Workspace", "/workspaces", "workspaces" },
	[PLACE_DEPLOYMENT] = { "deployment", "Deployment", "/deployments", "deployments" },
	[PLACE_PROJECT] = { "project", "project", "/projects", "projects" },
};

static bool
matches(const struct json *row, const char *text, const char *workspace)
{
	if (*workspace && strcmp(json_text(row, "workspaceId"), workspace) != 0)
		return false;
	return strcmp(json_text(row, "id"), text) == 0 || strcmp(json_text(row, "name"), text) == 0;
}

static int
take(const struct json *found, char *id, struct json **row)
{
	(void)snprintf(id, TOKEN_ID_SIZE, "%s", json_text(found, "id"));
	if (!row)
		return CTL_YES;
	*row = json_copy(found);
	return *row ? CTL_YES : session_no_memory();
}

static int
say_none(const struct place_kind *kind, const char *text)
{
	char next[64];

	(void)snprintf(next, sizeof next, "\"connctl %s list\" lists them.", kind->noun);
	return ctl_fail(CTL_NO, next, "there is no %s \"%s\"", kind->title, text);
}

int
place_find(struct session *s, const struct place_kind *kind, const char *text,
    const char *workspace, char id[static TOKEN_ID_SIZE], struct json **row)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	const struct json *j, *found = NULL;
	struct json *rows = NULL;
	size_t n = 0;
	int code;

	session_path(s, &path, "%s", kind->path);
	code = session_list(s, &path, kind->member, &rows);
	if (code != CTL_YES)
		return code;
	for (j = json_first(rows); j; j = json_next(j)) {
		if (!matches(j, text, kind == &place_kinds[PLACE_WORKSPACE] ? "" : workspace))
			continue;
		found = j;
		n++;
	}
	if (n == 1)
		code = take(found, id, row);
	else if (n == 0)
		code = say_none(kind, text);
	else
		code = ctl_fail(CTL_USAGE, "Pass its id, or --workspace.",
		    "%zu %ss are named \"%s\"", n, kind->title, text);
	json_free(rows);
	return code;
}

const char *
place_name(const struct json *places, const char *id)
{
	for (const struct json *j = places ? json_first(places) : NULL; j; j = json_next(j))
		if (strcmp(json_text(j, "id"), id) == 0)
			return json_text(j, "name");
	return id;
}

/* The only Workspace that the token sees. */
static int
only_workspace(struct session *s, char *id)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *rows = NULL;
	int code;

	session_path(s, &path, "/workspaces");
	code = session_list(s, &path, "workspaces", &rows);
	if (code != CTL_YES)
		return code;
	if (json_count(rows) == 1)
		code = take(json_first(rows), id, NULL);
	else
		code =
		    ctl_fail(CTL_USAGE, "Pass --workspace; \"connctl workspace list\" lists them.",
			"which Workspace? There are %zu", json_count(rows));
	json_free(rows);
	return code;
}

int
place_workspace(struct session *s, char id[static TOKEN_ID_SIZE])
{
	const char *name = cli_value(s->line, OPT_IN_WORKSPACE);

	if (!name)
		name = s->workspace;
	if (!name)
		return only_workspace(s, id);
	return place_find(s, &place_kinds[PLACE_WORKSPACE], name, "", id, NULL);
}
