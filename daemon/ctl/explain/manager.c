/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the manager has under the key: the objects, which of them reaches the Deployment, where each
 * field comes from and who changed it. The list of resolved rows says none of that, so the objects
 * themselves are read, with their histories where the manager has one.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/entries.h"
#include "ctl/admin/place.h"
#include "ctl/explain/explain_internal.h"
#include "ctl/nearest.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define HISTORY_ROWS "1000" /* the newest entries; a field last changed before them has no date */

/* Where a field's value may stand, and how --json names it. */
enum from { FROM_WORKSPACE, FROM_LINK, FROM_DEPLOYMENT, FROM_PROJECT_LINK, FROM_PROJECT, N_FROM };
static const char *const from_name[N_FROM] = {
	[FROM_WORKSPACE] = "workspace",
	[FROM_LINK] = "link",
	[FROM_DEPLOYMENT] = "deployment",
	[FROM_PROJECT_LINK] = "project-link",
	[FROM_PROJECT] = "project",
};

struct source {
	const struct json *holder; /* has setFields; NULL: there is no such source */
	const struct json *typed;  /* its values that may be shown; may be NULL */
	const struct json *row;    /* the object it is part of */
	const struct json *history;
	char prefix[TOKEN_ID_SIZE + 16]; /* of its fields in the history */
};

/* A Workspace, a Deployment or a project. */
struct place {
	char id[TOKEN_ID_SIZE]; /* "": none */
	struct json *row;       /* NULL: the token does not see it */
};

struct asked {
	struct explain *e;
	struct session *s;
	const struct object_kind *kind;
	struct place workspace, deployment, project;
	struct object shared, own, projects_own;
	struct json *histories[3];
	struct source source[N_FROM];
	int base, override; /* the sources that win; -1: none */
	struct json *out;
};

/* --- places ------------------------------------------------------------------------------ */

static int
find_place(struct asked *a, int kind, const char *text, struct place *out)
{
	return place_find(a->s, &place_kinds[kind], text, "", out->id, &out->row);
}

/* The Workspace's name is worth having, and may be hidden from the token. */
static void
find_workspace(struct asked *a, const char *id)
{
	(void)snprintf(a->workspace.id, sizeof a->workspace.id, "%s", id);
	ctl_mute(true);
	(void)find_place(a, PLACE_WORKSPACE, id, &a->workspace);
	ctl_mute(false);
}

/* The project's Deployment and Workspace. */
static int
find_project(struct asked *a, const char *name)
{
	int code = find_place(a, PLACE_PROJECT, name, &a->project);

	if (code != CTL_YES)
		return code;
	find_workspace(a, json_text(a->project.row, "workspaceId"));
	if (!*json_text(a->project.row, "deploymentId"))
		return CTL_YES;
	return find_place(
	    a, PLACE_DEPLOYMENT, json_text(a->project.row, "deploymentId"), &a->deployment);
}

/* The Deployment (or Workspace) that connd serves, unless an option names one. */
static int
find_places(struct asked *a)
{
	const char *project = cli_value(a->e->o->line, OPT_PROJECT);
	const char *name = cli_value(a->e->o->line, OPT_TARGET);
	const char *served = a->e->connd ? json_text(a->e->connd, "deployment") : "";
	const char *whole = a->e->connd ? json_text(a->e->connd, "workspace") : "";
	int code;

	if (project)
		return find_project(a, project);
	if (!name && !*served) {
		if (*whole)
			find_workspace(a, whole);
		return *whole ? CTL_YES
			      : ctl_fail(CTL_USAGE, NULL, "which Deployment? Pass --deployment");
	}
	code = find_place(a, PLACE_DEPLOYMENT, name ? name : served, &a->deployment);
	if (code == CTL_YES)
		find_workspace(a, json_text(a->deployment.row, "workspaceId"));
	return code;
}

static void
put_place(struct asked *a, const char *name, const struct place *place)
{
	struct json *j = *place->id ? put(a->e, a->out, name, json_new_object()) : NULL;

	if (!j)
		return;
	put_text(a->e, j, "id", place->id);
	put_text(a->e, j, "name", place->row ? json_text(place->row, "name") : NULL);
}

/* --- objects ----------------------------------------------------------------------------- */

/* The object of the key in that scope; out->row stays NULL when none is there to be seen. */
static int
read_object(struct asked *a, const struct object_scope *scope, struct object *out)
{
	char id[TOKEN_ID_SIZE];
	int code;

	ctl_mute(true);
	code = object_find(a->s, a->kind, scope, a->e->key, id);
	ctl_mute(false);
	if (code == CTL_NO || code == CTL_DENIED || (code == CTL_YES && !*id))
		return CTL_YES;
	return object_read(a->s, a->kind, scope, a->e->key, out);
}

/* The newest entries of its history; NULL where the manager keeps none, as the hosted one. */
static struct json *
read_history(struct asked *a, const struct object *o)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *page = NULL;

	if (!o->row)
		return NULL;
	session_path(a->s, &path, "/environment-objects/%s/history", o->id);
	session_query(&path, "limit", HISTORY_ROWS);
	ctl_mute(true);
	if (session_get(a->s, &path, &page) != CTL_YES)
		page = json_free(page);
	ctl_mute(false);
	return page;
}

static int
read_objects(struct asked *a)
{
	struct object_scope workspace = { 0 }, deployment = { .is_deployment = true },
			    project = { .is_project = true };
	int code = CTL_YES;

	memcpy(workspace.id, a->workspace.id, sizeof workspace.id);
	memcpy(deployment.id, a->deployment.id, sizeof deployment.id);
	memcpy(project.id, a->project.id, sizeof project.id);
	if (*workspace.id)
		code = read_object(a, &workspace, &a->shared);
	if (code == CTL_YES && *deployment.id)
		code = read_object(a, &deployment, &a->own);
	if (code == CTL_YES && *project.id)
		code = read_object(a, &project, &a->projects_own);
	a->histories[0] = read_history(a, &a->shared);
	a->histories[1] = read_history(a, &a->own);
	a->histories[2] = read_history(a, &a->projects_own);
	return code;
}

/* --- sources ----------------------------------------------------------------------------- */

static void
add_object(struct asked *a, enum from from, const struct object *o, const struct json *history)
{
	if (!o->row)
		return;
	a->source[from] = (struct source){ .holder = o->row,
		.typed = json_get(o->row, a->kind->member),
		.row = o->row,
		.history = history ? json_get(history, "history") : NULL };
}

/* The overrides of the Workspace object's link to that place. */
static void
add_link(struct asked *a, enum from from, const char *links, const char *id)
{
	const struct json *link =
	    a->shared.row && *id ? object_place(json_get(a->shared.row, links), id) : NULL;
	struct source *s = &a->source[from];

	if (!link)
		return;
	*s = a->source[FROM_WORKSPACE];
	s->holder = link;
	s->typed = json_get(link, a->kind->overrides);
	(void)snprintf(s->prefix, sizeof s->prefix, "links.%s.", id);
}

static bool
is_on(const struct json *row, const char *flag)
{
	bool on = false;

	if (row)
		(void)json_bool(json_get(row, flag), &on);
	return on;
}

/* How the Workspace's object, or the Deployment's own, reaches the Deployment. */
static const char *
reach(const struct asked *a)
{
	const struct json *shared = a->shared.row;

	if (a->own.row)
		return "own";
	if (!shared)
		return "absent";
	if (!*a->deployment.id)
		return *a->project.id ? "not-linked" : "workspace";
	if (a->source[FROM_LINK].holder)
		return "linked";
	if (object_place(json_get(shared, "excludeLinks"), a->deployment.id))
		return "excluded";
	return is_on(shared, "autoLinkDeployments") ? "auto-linked" : "not-linked";
}

/* The project's own object, then what is linked to it, then what its Deployment sees. */
static void
decide(struct asked *a)
{
	const char *how = reach(a);

	a->base = a->override = -1;
	if (a->projects_own.row) {
		a->base = FROM_PROJECT;
	} else if (a->source[FROM_PROJECT_LINK].holder ||
		   (*a->project.id && is_on(a->shared.row, "autoLinkProjects"))) {
		a->base = FROM_WORKSPACE;
		a->override = FROM_PROJECT_LINK;
	} else if (a->own.row) {
		a->base = FROM_DEPLOYMENT;
	} else if (strstr(how, "linked") == how || strcmp(how, "auto-linked") == 0 ||
		   strcmp(how, "workspace") == 0) {
		a->base = FROM_WORKSPACE;
		a->override = FROM_LINK;
	}
}

static void
find_sources(struct asked *a)
{
	add_object(a, FROM_WORKSPACE, &a->shared, a->histories[0]);
	add_object(a, FROM_DEPLOYMENT, &a->own, a->histories[1]);
	add_object(a, FROM_PROJECT, &a->projects_own, a->histories[2]);
	add_link(a, FROM_LINK, "links", a->deployment.id);
	add_link(a, FROM_PROJECT_LINK, "projectLinks", a->project.id);
	decide(a);
}

/* --- fields ------------------------------------------------------------------------------ */

/* Does an entry of the history name the field? */
static bool
names_field(const struct json *entry, const char *field)
{
	const struct json *fields = json_get(entry, "fields"), *j;
	const char *name;

	if (strcmp(json_text(entry, "action"), "READ") == 0 || !fields ||
	    json_type(fields) != SCAN_ARRAY)
		return false;
	for (j = json_first(fields); j; j = json_next(j))
		if ((name = json_string(j)) && strcmp(name, field) == 0)
			return true;
	return false;
}

/* When and by which subject it was changed last; of the whole object where there is no history. */
static void
put_change(struct asked *a, struct json *to, const struct source *s, const char *field)
{
	const struct json *j =
	    s->history && json_type(s->history) == SCAN_ARRAY ? json_first(s->history) : NULL;
	char name[600];

	(void)snprintf(name, sizeof name, "%s%s", s->prefix, field);
	while (j && !names_field(j, name))
		j = json_next(j);
	put(a->e, to, "exact", json_new_bool(j));
	put_text(a->e, to, "at", json_text(j ? j : s->row, j ? "at" : "updatedAt"));
	put_text(a->e, to, "by", entries_who(json_get(j ? j : s->row, j ? "by" : "updatedBy")));
}

/* One source's value of a field; secrets are not shown. */
static void
put_value(struct asked *a, struct json *values, enum from from, const char *field)
{
	const struct source *s = &a->source[from];
	const char *text;
	struct json *value;
	char room[32];

	if (!s->holder || !object_is_set(s->holder, field))
		return;
	value = put_element(a->e, values, json_new_object());
	if (!value)
		return;
	text = s->typed ? object_shown(s->typed, field, room) : NULL;
	put_text(a->e, value, "from", from_name[from]);
	put_text(a->e, value, "value", text && *text ? text : OUTPUT_MASK);
	put_change(a, value, s, field);
}

/* The source that wins; -1: the field is set only where it does not count. */
static int
winner(const struct asked *a, const char *field)
{
	const int order[] = { a->override, a->base };

	for (size_t i = 0; i < N_ELEMENTS(order); i++)
		if (order[i] >= 0 && a->source[order[i]].holder &&
		    object_is_set(a->source[order[i]].holder, field))
			return order[i];
	return -1;
}

static void
put_field(struct asked *a, struct json *fields, const char *field)
{
	struct json *entry = put_element(a->e, fields, json_new_object()), *values;
	int from = winner(a, field);

	if (!entry)
		return;
	put_text(a->e, entry, "field", field);
	put_text(a->e, entry, "from", from < 0 ? NULL : from_name[from]);
	values = put(a->e, entry, "values", json_new_array());
	for (int i = 0; values && i < N_FROM; i++)
		put_value(a, values, (enum from)i, field);
}

static bool
has_field(const struct json *fields, const char *field)
{
	for (const struct json *j = json_first(fields); j; j = json_next(j))
		if (strcmp(json_text(j, "field"), field) == 0)
			return true;
	return false;
}

/* Every field that any source sets, once, in the order of the objects. */
static void
put_fields(struct asked *a)
{
	struct json *fields = put(a->e, a->out, "fields", json_new_array());

	for (int i = 0; fields && i < N_FROM; i++) {
		const struct json *holder = a->source[i].holder;
		const struct json *set = holder ? json_get(holder, "setFields") : NULL, *j;

		for (j = set && json_type(set) == SCAN_ARRAY ? json_first(set) : NULL; j;
		     j = json_next(j))
			if (json_string(j) && !has_field(fields, json_string(j)))
				put_field(a, fields, json_string(j));
	}
}

/* --- the part of the report -------------------------------------------------------------- */

static void
put_object(struct asked *a, struct json *objects, enum from from)
{
	const struct source *s = &a->source[from];
	struct json *j = s->row ? put_element(a->e, objects, json_new_object()) : NULL;

	if (!j)
		return;
	put_text(a->e, j, "scope", from_name[from]);
	put_text(a->e, j, "id", json_text(s->row, "id"));
	put(a->e, j, "wins", json_new_bool(a->base == (int)from));
	put_text(a->e, j, "at", json_text(s->row, "updatedAt"));
	put_text(a->e, j, "by", entries_who(json_get(s->row, "updatedBy")));
}

/* The names of the Deployments that the Workspace's object is linked to. */
static void
put_linked(struct asked *a)
{
	const struct json *links = a->shared.row ? json_get(a->shared.row, "links") : NULL, *j;
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *linked = put(a->e, a->out, "linked_to", json_new_array());
	struct json *places = NULL;

	if (!links || json_type(links) != SCAN_ARRAY || !json_count(links) || !linked)
		return;
	session_path(a->s, &path, "/deployments");
	ctl_mute(true);
	if (session_list(a->s, &path, "deployments", &places) != CTL_YES)
		places = json_free(places);
	ctl_mute(false);
	for (j = json_first(links); j; j = json_next(j))
		(void)put_element(a->e, linked,
		    json_new_string(place_name(places, json_text(j, "scopeEntityId"))));
	json_free(places);
}

/* The nearest key of the Workspace, for one that is in neither scope. */
static int
put_nearest(struct asked *a)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct nearest n = { .wanted = span_of(a->e->key), .near = BUF_INIT(LIMIT_REPLY) };
	struct json *rows = NULL;
	int code;

	session_path(a->s, &path, "/environment-objects");
	session_query(&path, "objectType", a->kind->type);
	session_query(&path, "workspaceId", a->workspace.id);
	code = session_list(a->s, &path, "environmentObjects", &rows);
	for (const struct json *j = rows ? json_first(rows) : NULL; j; j = json_next(j))
		nearest_consider(&n, span_of(json_text(j, "objectKey")));
	put_text(a->e, a->out, "nearest", buf_str(&n.near));
	buf_fini(&n.near);
	json_free(rows);
	return code;
}

static int
put_part(struct asked *a)
{
	struct json *objects;

	put_place(a, "workspace", &a->workspace);
	put_place(a, "deployment", &a->deployment);
	put_place(a, "project", &a->project);
	put_text(a->e, a->out, "reach", reach(a));
	objects = put(a->e, a->out, "objects", json_new_array());
	for (int i = 0; objects && i < N_FROM; i++)
		if (i != FROM_LINK && i != FROM_PROJECT_LINK)
			put_object(a, objects, (enum from)i);
	put_linked(a);
	put_fields(a);
	if (a->base >= 0 || strcmp(reach(a), "absent") != 0 || !*a->workspace.id)
		return CTL_YES;
	return put_nearest(a);
}

int
explain_manager(struct explain *e, struct session *s)
{
	struct asked a = { .e = e,
		.s = s,
		.kind = object_kind_named(e->is_connection ? "connection" : "variable") };
	int code = find_places(&a);

	if (code == CTL_YES)
		code = read_objects(&a);
	if (code == CTL_YES)
		a.out = put(e, e->report, "manager", json_new_object());
	if (a.out) {
		put_text(e, a.out, "url", s->url);
		put_text(e, a.out, "organization", s->organization);
		find_sources(&a);
		code = put_part(&a);
		e->manager = a.out;
	}
	json_free(a.workspace.row);
	json_free(a.deployment.row);
	json_free(a.project.row);
	object_fini(&a.shared);
	object_fini(&a.own);
	object_fini(&a.projects_own);
	for (size_t i = 0; i < N_ELEMENTS(a.histories); i++)
		json_free(a.histories[i]);
	return code;
}
