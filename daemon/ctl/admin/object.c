/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/object.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/place.h"
#include "ctl/verbs.h"

static const struct object_kind kinds[] = {
	{ "connection", "CONNECTION", "connection", "connectionOverrides" },
	{ "variable", "AIRFLOW_VARIABLE", "airflowVariable", "airflowVariableOverrides" },
	{ "env-var", "ENVIRONMENT_VARIABLE", "environmentVariable",
	    "environmentVariableOverrides" },
	{ "metrics-export", "METRICS_EXPORT", "metricsExport", "metricsExportOverrides" },
};

const struct object_kind *
object_kind_named(const char *noun)
{
	for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
		if (strncmp(noun, kinds[i].noun, strcspn(noun, " ")) == 0)
			return &kinds[i];
	return &kinds[0];
}

const struct object_kind *
object_kind(const struct session *s)
{
	return object_kind_named(s->line->verb->name);
}

/* --- where ------------------------------------------------------------------------------ */

int
object_workspace_scope(struct session *s, struct object_scope *out)
{
	*out = (struct object_scope){ 0 };
	return place_workspace(s, out->id);
}

int
object_scope(struct session *s, struct object_scope *out)
{
	const char *deployment = cli_value(s->line, OPT_TARGET);
	char workspace[TOKEN_ID_SIZE] = "";
	int code = CTL_YES;

	s->in_workspace = !deployment;
	if (!deployment)
		return object_workspace_scope(s, out);
	*out = (struct object_scope){ .is_deployment = true };
	if (cli_has(s->line, OPT_IN_WORKSPACE))
		code = place_workspace(s, workspace);
	if (code != CTL_YES)
		return code;
	return place_find(s, &place_kinds[PLACE_DEPLOYMENT], deployment, workspace, out->id, NULL);
}

void
object_scope_query(struct buf *path, const struct object_scope *scope)
{
	const char *filter = scope->is_deployment ? "deploymentId"
			     : scope->is_project  ? "projectId"
						  : "workspaceId";

	session_query(path, filter, scope->id);
}

/* --- finding and reading ----------------------------------------------------------------- */

int
object_find(struct session *s, const struct object_kind *kind, const struct object_scope *scope,
    const char *key, char id[static TOKEN_ID_SIZE])
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *rows = NULL;
	int code;

	id[0] = 0;
	session_path(s, &path, "/environment-objects");
	session_query(&path, "objectType", kind->type);
	session_query(&path, "objectKey", key);
	object_scope_query(&path, scope);
	code = session_list(s, &path, "environmentObjects", &rows);
	if (code != CTL_YES)
		return code;
	for (const struct json *j = json_first(rows); j; j = json_next(j))
		if (strcmp(json_text(j, "scopeEntityId"), scope->id) == 0 &&
		    strcmp(json_text(j, "objectKey"), key) == 0)
			(void)snprintf(id, TOKEN_ID_SIZE, "%s", json_text(j, "id"));
	json_free(rows);
	return CTL_YES;
}

bool
object_is_set(const struct json *holder, const char *field)
{
	const struct json *set = json_get(holder, "setFields"), *j;
	const char *name;

	for (j = set && json_type(set) == SCAN_ARRAY ? json_first(set) : NULL; j; j = json_next(j))
		if ((name = json_string(j)) && strcmp(name, field) == 0)
			return true;
	return false;
}

const char *
object_shown(const struct json *typed, const char *name, char room[static 32])
{
	const struct json *j = json_get(typed, name);
	int64_t n;

	if (!j || json_string(j))
		return json_string(j);
	if (!json_int(j, &n))
		return NULL;
	(void)snprintf(room, 32, "%lld", (long long)n);
	return room;
}

bool
object_is_secret(const struct object *o)
{
	const struct json *typed = json_get(o->row, o->kind->member);
	bool secret = true;

	if (typed)
		(void)json_bool(json_get(typed, "isSecret"), &secret);
	return secret;
}

const struct json *
object_place(const struct json *places, const char *deployment)
{
	const struct json *j =
	    places && json_type(places) == SCAN_ARRAY ? json_first(places) : NULL;

	while (j && strcmp(json_text(j, "scopeEntityId"), deployment) != 0)
		j = json_next(j);
	return j;
}

static int build_body(struct object *o);

static int
fetch(struct session *s, const char *id, struct json **row)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);

	session_path(s, &path, "/environment-objects/%s", id);
	return session_get(s, &path, row);
}

/* Whether the Deployment gets the key through a link. */
static bool
is_linked(struct session *s, const struct object_kind *kind, const struct object_scope *scope,
    const char *key)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *rows = NULL;
	bool found;

	session_path(s, &path, "/environment-objects");
	session_query(&path, "objectType", kind->type);
	session_query(&path, "objectKey", key);
	session_query(&path, "resolveLinked", "true");
	object_scope_query(&path, scope);
	found = session_list(s, &path, "environmentObjects", &rows) == CTL_YES && json_first(rows);
	json_free(rows);
	return found;
}

/* The scope has no object of its own of this key. */
static int
say_none(struct session *s, const struct object_kind *kind, const struct object_scope *scope,
    const char *key)
{
	CLEANUP(buf_fini) struct buf next = BUF_INIT(2048);

	/* Of link, override and exclude, --deployment names where the Workspace's object goes. */
	if (!scope->is_deployment) {
		if (cli_has(s->line, OPT_TARGET))
			buf_addf(&next,
			    "\"connctl %s promote\" makes a Deployment's own object the "
			    "Workspace's.",
			    kind->noun);
		else
			buf_adds(&next, "With --deployment, a Deployment's own object is meant.");
		return ctl_fail(CTL_NO, buf_str(&next), "there is no %s \"%s\" in this Workspace",
		    kind->noun, key);
	}
	if (!is_linked(s, kind, scope, key))
		return ctl_fail(CTL_NO, "Without --deployment, the Workspace's object is meant.",
		    "there is no %s \"%s\" in this Deployment", kind->noun, key);
	buf_addf(&next,
	    "Without --deployment, that object is meant: \"connctl %s get %s\" shows it with the "
	    "overrides of each Deployment.",
	    kind->noun, key);
	return ctl_fail(CTL_NO, buf_str(&next),
	    "this Deployment has no %s \"%s\" of its own: it gets the Workspace's through a link",
	    kind->noun, key);
}

int
object_read(struct session *s, const struct object_kind *kind, const struct object_scope *scope,
    const char *key, struct object *out)
{
	int code;

	*out = (struct object){ .kind = kind, .key = key };
	code = object_find(s, kind, scope, key, out->id);
	if (code == CTL_YES && !*out->id)
		return say_none(s, kind, scope, key);
	if (code == CTL_YES)
		code = fetch(s, out->id, &out->row);
	if (code != CTL_YES)
		return code;
	(void)snprintf(out->tag, sizeof out->tag, "%s", s->head.tag);
	return build_body(out) < 0 ? session_no_memory() : CTL_YES;
}

void
object_fini(struct object *o)
{
	o->row = json_free(o->row);
	o->body = json_free(o->body);
}

/* --- the update that changes nothing ------------------------------------------------------- */

/* Members whose value is "": a blanked secret, which an update keeps when it does not name it. */
static void
drop_blank_members(struct json *object)
{
	const struct json *j, *next;

	for (j = json_first(object); j; j = next) {
		next = json_next(j);
		if (json_string(j) && !*json_string(j))
			json_remove(object, json_name(j));
	}
}

/* An empty `extra` would clear the one that is there. */
static int
connection_body(struct json *typed)
{
	struct json *extra = json_member(typed, "extra");
	const struct json *auth = json_get(typed, "connectionAuthType");
	int r = 0;

	if (auth && *json_text(auth, "id"))
		r = json_take(typed, "authTypeId", json_new_string(json_text(auth, "id")));
	json_remove(typed, "connectionAuthType");
	if (!*json_text(typed, "password"))
		json_remove(typed, "password");
	if (extra && json_type(extra) == SCAN_OBJECT) {
		drop_blank_members(extra);
		if (!json_count(extra))
			json_remove(typed, "extra");
	}
	return r;
}

static int
typed_body(const struct object *o, struct json *body)
{
	const struct json *have = json_get(o->row, o->kind->member);
	struct json *typed;
	int r = 0;

	if (!have || json_type(have) != SCAN_OBJECT)
		return 0; /* an object without a value */
	typed = json_copy(have);
	if (!typed)
		return -1;
	if (strcmp(o->kind->member, "connection") == 0)
		r = connection_body(typed);
	else if (strcmp(o->kind->member, "metricsExport") == 0)
		drop_blank_members(typed);
	else
		json_remove(typed, "isSecret");
	if (r < 0) {
		json_free(typed);
		return r;
	}
	return json_take(body, o->kind->member, typed);
}

/*
 * A link with the overrides that are shown; those that are not shown are kept without being named.
 */
static int
link_body(const struct object *o, const struct json *link, struct json *out)
{
	const struct json *shown = json_get(link, o->kind->overrides);
	struct json *overrides;
	int r;

	r = json_take(out, "scope", json_new_string(json_text(link, "scope")));
	if (r == 0)
		r = json_take(
		    out, "scopeEntityId", json_new_string(json_text(link, "scopeEntityId")));
	if (r < 0 || !shown || json_type(shown) != SCAN_OBJECT || !json_count(shown))
		return r;
	overrides = json_new_object();
	r = overrides ? json_take(overrides, o->kind->member, json_copy(shown)) : -1;
	if (r == 0)
		return json_take(out, "overrides", overrides);
	json_free(overrides);
	return r;
}

static int
links_body(const struct object *o, const char *name, struct json *body)
{
	const struct json *links = json_get(o->row, name), *j;
	struct json *out = json_new_array();
	int r = out ? 0 : -1;

	for (j = links && json_type(links) == SCAN_ARRAY ? json_first(links) : NULL; j && r == 0;
	     j = json_next(j)) {
		struct json *link = json_new_object();

		r = link ? link_body(o, j, link) : -1;
		if (r == 0)
			r = json_append(out, link);
		else
			json_free(link);
	}
	if (r == 0)
		return json_take(body, name, out);
	json_free(out);
	return r;
}

static int
build_body(struct object *o)
{
	static const char *const kept[] = { "autoLinkDeployments", "autoLinkProjects",
		"excludeLinks" };
	int r;

	o->body = json_new_object();
	r = o->body ? typed_body(o, o->body) : -1;
	if (r == 0 && strcmp(json_text(o->row, "scope"), "WORKSPACE") == 0)
		r = links_body(o, "links", o->body);
	if (r == 0 && json_get(o->row, "projectLinks"))
		r = links_body(o, "projectLinks", o->body);
	for (size_t i = 0; r == 0 && i < N_ELEMENTS(kept); i++)
		if (json_get(o->row, kept[i]))
			r = json_take(o->body, kept[i], json_copy(json_get(o->row, kept[i])));
	return r;
}

/* --- sending it -------------------------------------------------------------------------- */

int
object_unchanged(struct session *s, const struct object *o)
{
	struct json *now = NULL;
	int code;

	if (*o->tag)
		return CTL_YES;
	code = fetch(s, o->id, &now);
	if (code == CTL_YES &&
	    strcmp(json_text(now, "updatedAt"), json_text(o->row, "updatedAt")) != 0)
		code = ctl_fail(CTL_NO, "Run the command again: it reads what is there now.",
		    "somebody else changed it meanwhile; nothing was changed");
	json_free(now);
	return code;
}

/* To drop a field that is not overridden changes nothing, and keeps the secret ones. */
static int
keep_secret_overrides(const struct object *o, struct json *link)
{
	bool is_connection = strcmp(o->kind->member, "connection") == 0;
	struct json *overrides = json_new_object(), *unset = json_new_array();
	int r = overrides && unset ? 0 : -1;

	if (r == 0)
		r = json_append(unset, json_new_string(is_connection ? "host" : "endpoint"));
	if (r < 0) {
		json_free(overrides);
		json_free(unset);
		return r;
	}
	r = json_take(overrides, "unsetFields", unset);
	if (r == 0)
		return json_take(link, "overrides", overrides);
	json_free(overrides);
	return r;
}

/* With a description in the body, a link that is sent without overrides loses all of them. */
static int
state_overrides(const struct object *o)
{
	struct json *links = json_member(o->body, "links"), *link;
	int r = 0;

	if (!json_get(o->body, "description") || !links)
		return 0;
	for (size_t i = 0; r == 0 && (link = json_at(links, i)); i++) {
		const struct json *was =
		    object_place(json_get(o->row, "links"), json_text(link, "scopeEntityId"));

		if (was && json_get(was, o->kind->overrides) && !json_get(link, "overrides"))
			r = keep_secret_overrides(o, link);
	}
	return r;
}

int
object_update(struct session *s, struct object *o, struct change *c)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	int code = CTL_YES;

	if (!json_get(o->body, o->kind->member))
		return ctl_fail(CTL_NO, "\"set\" gives it one.", "%s \"%s\" has no value yet",
		    o->kind->noun, o->key);
	if (state_overrides(o) < 0)
		return session_no_memory();
	session_path(s, &path, "/environment-objects/%s", o->id);
	if (!change_agreed(s, c, &code))
		return code;
	code = object_unchanged(s, o);
	if (code == CTL_YES)
		code = session_send(s, "POST", &path, o->body, o->tag, NULL);
	return code == CTL_YES ? change_done(s, c, o->id) : code;
}
