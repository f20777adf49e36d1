/* SPDX-License-Identifier: Apache-2.0 */
/* connctl connection|variable|env-var|metrics-export list|get|history. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/admin.h"
#include "ctl/admin/entries.h"
#include "ctl/admin/objects.h"
#include "ctl/admin/place.h"
#include "ctl/admin/table.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

/* --- list -------------------------------------------------------------------------------- */

/* A connection's type, or whether a variable is secret. */
static const char *
what(const struct object_kind *kind, const struct json *row)
{
	const struct json *typed = json_get(row, kind->member);
	bool secret = false;

	if (!typed)
		return "no value yet";
	if (*json_text(typed, "type"))
		return json_text(typed, "type");
	if (*json_text(typed, "endpoint"))
		return json_text(typed, "endpoint");
	(void)json_bool(json_get(typed, "isSecret"), &secret);
	return secret ? "secret" : json_text(typed, "value");
}

/* Where it comes from, or which Deployments it reaches. */
static void
reach(const struct json *row, char out[static 64])
{
	const struct json *links = json_get(row, "links");
	bool every = false;

	(void)json_bool(json_get(row, "autoLinkDeployments"), &every);
	if (*json_text(row, "sourceScope"))
		(void)snprintf(out, 64, "from the Workspace");
	else if (strcmp(json_text(row, "scope"), "DEPLOYMENT") == 0)
		(void)snprintf(out, 64, "its own");
	else if (every)
		(void)snprintf(out, 64, "every Deployment");
	else
		(void)snprintf(out, 64, "%zu linked", links ? json_count(links) : 0);
}

static int
print_rows(const struct object_kind *kind, const struct json *rows)
{
	struct table t = TABLE_INIT(4);
	char text[64];
	int code;

	for (const struct json *j = json_first(rows); j; j = json_next(j)) {
		table_cell(&t, json_text(j, "objectKey"));
		table_cell(&t, what(kind, j));
		reach(j, text);
		table_cell(&t, text);
		table_cell(&t, json_text(j, "description"));
	}
	code = table_print(&t);
	table_fini(&t);
	return code;
}

/* Adds the options of the filter to the query. */
static void
add_filter(const struct session *s, struct buf *path)
{
	static const struct {
		int option;
		const char *parameter;
	} texts[] = {
		{ OPT_SEARCH, "search" },
		{ OPT_UPDATED_BY, "updatedBy" },
		{ OPT_UPDATED_SINCE, "updatedSince" },
		{ OPT_UPDATED_BEFORE, "updatedBefore" },
	};
	const char *linked = cli_value(s->line, OPT_LINKED);

	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		const char *text = cli_value(s->line, texts[i].option);

		if (text)
			session_query(path, texts[i].parameter, text);
	}
	if (linked)
		session_query(
		    path, "autoLinkDeployments", strcmp(linked, "all") == 0 ? "true" : "false");
}

int
objects_list(struct session *s, const struct object_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct object_scope scope;
	struct json *rows = NULL;
	int code = object_scope(s, &scope);

	if (code != CTL_YES)
		return code;
	session_path(s, &path, "/environment-objects");
	session_query(&path, "objectType", kind->type);
	session_query(&path, "sorts", "objectKey:asc");
	object_scope_query(&path, &scope);
	if (scope.is_deployment)
		session_query(&path, "resolveLinked", "true");
	add_filter(s, &path);
	code = session_list(s, &path, "environmentObjects", &rows);
	if (code == CTL_YES)
		code = s->o->json ? admin_print_rows("environmentObjects", rows)
				  : print_rows(kind, rows);
	json_free(rows);
	return code;
}

/* --- get --------------------------------------------------------------------------------- */

static void
pair(struct table *t, const char *label, const char *value)
{
	if (!*value)
		return;
	table_cell(t, label);
	table_cell(t, value);
}

/* What setFields names, with its value when that is shown. */
static void
print_fields(
    struct table *t, const struct json *holder, const struct json *typed, const char *prefix)
{
	const struct json *set = json_get(holder, "setFields"), *j;

	for (j = set && json_type(set) == SCAN_ARRAY ? json_first(set) : NULL; j;
	     j = json_next(j)) {
		const char *name = json_string(j), *text;
		char label[400], room[32];

		if (!name || strcmp(name, "type") == 0) /* it has a line of its own */
			continue;
		(void)snprintf(label, sizeof label, "%s%s", prefix, name);
		text = typed ? object_shown(typed, name, room) : NULL;
		pair(t, label, text && *text ? text : OUTPUT_MASK);
	}
}

static void
print_links(struct table *t, const struct object *o, const struct json *places)
{
	const struct json *links = json_get(o->row, "links"),
			  *excluded = json_get(o->row, "excludeLinks"), *j;
	char prefix[300];

	for (j = links && json_type(links) == SCAN_ARRAY ? json_first(links) : NULL; j;
	     j = json_next(j)) {
		const char *name = place_name(places, json_text(j, "scopeEntityId"));

		pair(t, "linked to", name);
		(void)snprintf(prefix, sizeof prefix, "  for %s: ", name);
		print_fields(t, j, json_get(j, o->kind->overrides), prefix);
	}
	for (j = excluded && json_type(excluded) == SCAN_ARRAY ? json_first(excluded) : NULL; j;
	     j = json_next(j))
		pair(t, "excluded", place_name(places, json_text(j, "scopeEntityId")));
}

static int
print_object(const struct object *o, const struct json *places)
{
	struct table t = TABLE_INIT(2);
	bool every = false;
	int code;

	pair(&t, "key", o->key);
	pair(&t, "id", o->id);
	pair(&t, "scope", json_text(o->row, "scope"));
	pair(&t, "type", json_text(json_get(o->row, o->kind->member), "type"));
	print_fields(&t, o->row, json_get(o->row, o->kind->member), "");
	pair(&t, "description", json_text(o->row, "description"));
	(void)json_bool(json_get(o->row, "autoLinkDeployments"), &every);
	pair(&t, "linked to", every ? "every Deployment" : "");
	print_links(&t, o, places);
	pair(&t, "updated", json_text(o->row, "updatedAt"));
	pair(&t, "by", entries_who(json_get(o->row, "updatedBy")));
	code = table_print(&t);
	table_fini(&t);
	return code;
}

int
objects_get(struct session *s, const struct object_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *places = NULL;
	struct object_scope scope;
	struct object o = { 0 };
	int code = object_scope(s, &scope);

	if (code == CTL_YES)
		code = object_read(s, kind, &scope, s->line->operand[0], &o);
	if (code == CTL_YES && s->o->json) {
		code = admin_print(o.row);
	} else if (code == CTL_YES) {
		session_path(s, &path, "/deployments");
		code = session_list(s, &path, "deployments", &places);
		if (code == CTL_YES)
			code = print_object(&o, places);
	}
	json_free(places);
	object_fini(&o);
	return code;
}

/* --- history ----------------------------------------------------------------------------- */

int
objects_history(struct session *s, const struct object_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *rows = NULL;
	struct object_scope scope;
	struct object o = { 0 };
	int code = object_scope(s, &scope);

	if (code == CTL_YES)
		code = object_read(s, kind, &scope, s->line->operand[0], &o);
	if (code == CTL_YES) {
		session_path(s, &path, "/environment-objects/%s/history", o.id);
		code = session_list(s, &path, "history", &rows);
	}
	if (code == CTL_YES)
		code = entries_print(s, rows);
	json_free(rows);
	object_fini(&o);
	return code;
}
