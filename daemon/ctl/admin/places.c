/* SPDX-License-Identifier: Apache-2.0 */
/* connctl workspace|deployment|project list|create|rename|delete. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/admin.h"
#include "ctl/admin/change.h"
#include "ctl/admin/place.h"
#include "ctl/admin/table.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

static const struct place_kind *
kind_of(const struct session *s)
{
	const char *verb = s->line->verb->name;

	for (size_t i = 0; i < N_PLACES; i++)
		if (strncmp(verb, place_kinds[i].noun, strlen(place_kinds[i].noun)) == 0)
			return &place_kinds[i];
	return &place_kinds[PLACE_WORKSPACE];
}

static bool
in_workspace(const struct place_kind *kind)
{
	return kind != &place_kinds[PLACE_WORKSPACE];
}

/* --- list ------------------------------------------------------------------------------ */

static int
print_rows(struct session *s, const struct place_kind *kind, const struct json *rows)
{
	struct table t = TABLE_INIT(in_workspace(kind) ? 4 : 3);
	const struct json *j;
	int code;

	if (s->o->json)
		return admin_print_rows(kind->member, rows);
	for (j = json_first(rows); j; j = json_next(j)) {
		table_cell(&t, json_text(j, "name"));
		table_cell(&t, json_text(j, "id"));
		if (in_workspace(kind))
			table_cell(&t, *json_text(j, "workspaceName")
					   ? json_text(j, "workspaceName")
					   : json_text(j, "workspaceId"));
		table_cell(&t, json_text(j, "description"));
	}
	code = table_print(&t);
	table_fini(&t);
	return code;
}

static int
list(struct session *s, const struct place_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	char workspace[TOKEN_ID_SIZE] = "";
	struct json *rows = NULL;
	int code = CTL_YES;

	session_path(s, &path, "%s", kind->path);
	if (in_workspace(kind) && cli_has(s->line, OPT_IN_WORKSPACE)) {
		code = place_workspace(s, workspace);
		session_query(&path, "workspaceIds", workspace);
	}
	if (code == CTL_YES)
		code = session_list(s, &path, kind->member, &rows);
	if (code == CTL_YES)
		code = print_rows(s, kind, rows);
	json_free(rows);
	return code;
}

/* --- create ---------------------------------------------------------------------------- */

static int
add_text(struct json *body, struct change *c, const char *member, const char *text)
{
	if (!text)
		return 0;
	change_field(c, member, NULL, text);
	return json_take(body, member, json_new_string(text));
}

/*
 * Fills in the body of the request that creates a place, and the change that is shown. Returns the
 * exit code.
 */
static int
build(struct session *s, const struct place_kind *kind, struct json *body, struct change *c)
{
	char workspace[TOKEN_ID_SIZE] = "", deployment[TOKEN_ID_SIZE] = "";
	const char *of = cli_value(s->line, OPT_TARGET);
	int code = CTL_YES, r;

	if (in_workspace(kind))
		code = place_workspace(s, workspace);
	if (code == CTL_YES && of)
		code =
		    place_find(s, &place_kinds[PLACE_DEPLOYMENT], of, workspace, deployment, NULL);
	if (code != CTL_YES)
		return code;
	r = add_text(body, c, "name", s->line->operand[0]);
	if (r == 0)
		r = add_text(body, c, "description", cli_value(s->line, OPT_DESCRIPTION));
	if (r == 0 && *workspace)
		r = add_text(body, c, "workspaceId", workspace);
	if (r == 0 && *deployment)
		r = add_text(body, c, "deploymentId", deployment);
	return r < 0 ? session_no_memory() : CTL_YES;
}

static int
create(struct session *s, const struct place_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct change c = { .action = "create", .kind = kind->title, .name = s->line->operand[0] };
	struct json *body = json_new_object(), *made = NULL;
	int code = body ? build(s, kind, body, &c) : session_no_memory();

	session_path(s, &path, "%s", kind->path);
	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = session_send(s, "POST", &path, body, NULL, &made);
		if (code == CTL_YES)
			code = change_done(s, &c, json_text(made, "id"));
	}
	json_free(made);
	json_free(body);
	change_fini(&c);
	return code;
}

/* --- rename ---------------------------------------------------------------------------- */

/* What an update must repeat, since the hosted API wants the whole of a Workspace. */
static int
rename_body(const struct json *row, const char *name, struct json *body)
{
	static const char *const kept[] = { "description", "cicdEnforcedDefault" };
	int r = json_take(body, "name", json_new_string(name));

	for (size_t i = 0; r == 0 && i < N_ELEMENTS(kept); i++)
		if (json_get(row, kept[i]))
			r = json_take(body, kept[i], json_copy(json_get(row, kept[i])));
	return r < 0 ? session_no_memory() : CTL_YES;
}

/* The place of the first operand, in the Workspace that is asked for. */
static int
find(struct session *s, const struct place_kind *kind, char *id, struct json **row)
{
	char workspace[TOKEN_ID_SIZE] = "";
	int code = CTL_YES;

	if (in_workspace(kind) && cli_has(s->line, OPT_IN_WORKSPACE))
		code = place_workspace(s, workspace);
	if (code == CTL_YES)
		code = place_find(s, kind, s->line->operand[0], workspace, id, row);
	return code;
}

static int
change_name(struct session *s, const struct place_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	const char *name = s->line->operand[1];
	char id[TOKEN_ID_SIZE] = "";
	struct json *row = NULL, *body = json_new_object();
	struct change c = { .action = "rename", .kind = kind->title, .name = s->line->operand[0] };
	int code = body ? find(s, kind, id, &row) : session_no_memory();

	if (code == CTL_YES)
		code = rename_body(row, name, body);
	session_path(s, &path, "%s/%s", kind->path, id);
	if (code == CTL_YES)
		change_field(&c, "name", json_text(row, "name"), name);
	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = session_send(s, "POST", &path, body, NULL, NULL);
		if (code == CTL_YES)
			code = change_done(s, &c, id);
	}
	json_free(body);
	json_free(row);
	change_fini(&c);
	return code;
}

/* --- delete ---------------------------------------------------------------------------- */

/* How many objects go with it, for the person to see. */
static int
count_objects(struct session *s, const struct place_kind *kind, const char *id, struct change *c)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *page = NULL;
	char text[32], query[32];
	int64_t n = 0;
	int code;

	(void)snprintf(query, sizeof query, "%sId", kind->noun);
	session_path(s, &path, "/environment-objects");
	session_query(&path, query, id);
	session_query(&path, "limit", "0");
	code = session_get(s, &path, &page);
	if (code != CTL_YES)
		return code;
	(void)json_int(json_get(page, "totalCount"), &n);
	json_free(page);
	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	change_field(c, "its own objects", text, NULL);
	return CTL_YES;
}

static int delete (struct session *s, const struct place_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	char id[TOKEN_ID_SIZE] = "";
	struct json *row = NULL;
	struct change c = { .action = "delete", .kind = kind->title, .name = s->line->operand[0] };
	int code = find(s, kind, id, &row);

	if (code == CTL_YES)
		code = count_objects(s, kind, id, &c);
	session_path(s, &path, "%s/%s", kind->path, id);
	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = session_send(s, "DELETE", &path, NULL, NULL, NULL);
		if (code == CTL_YES)
			code = change_done(s, &c, id);
	}
	json_free(row);
	change_fini(&c);
	return code;
}

int
ctl_place(const struct ctl_options *o)
{
	struct session s;
	int code = session_open(&s, o);

	if (code == CTL_YES) {
		const struct place_kind *kind = kind_of(&s);

		switch (o->line->verb->id) {
		case VERB_PLACE_LIST:
			code = list(&s, kind);
			break;
		case VERB_PLACE_CREATE:
			code = create(&s, kind);
			break;
		case VERB_PLACE_RENAME:
			code = change_name(&s, kind);
			break;
		default:
			code = delete (&s, kind);
			break;
		}
	}
	session_close(&s);
	return code;
}
