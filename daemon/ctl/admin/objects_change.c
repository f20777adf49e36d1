/* SPDX-License-Identifier: Apache-2.0 */
/* connctl connection|variable|env-var|metrics-export create|set|delete. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/fields.h"
#include "ctl/admin/object.h"
#include "ctl/admin/objects.h"
#include "ctl/admin/place.h"
#include "ctl/admin/secret.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

static bool
is_variable(const struct object_kind *kind)
{
	return strcmp(kind->overrides, "connectionOverrides") != 0 &&
	       strcmp(kind->member, "metricsExport") != 0;
}

static bool
has_value_option(const struct session *s)
{
	return cli_has(s->line, OPT_VALUE) || cli_has(s->line, OPT_VALUE_FILE);
}

/* A variable's value is asked for when no option brings it. */
static int
ask_value(const struct json *holder, struct json *typed, struct change *c)
{
	CLEANUP(buf_fini) struct buf value = BUF_INIT(LIMIT_HTTP_BODY);
	int code = secret_read(NULL, "Value", &value);

	if (code != CTL_YES)
		return code;
	change_field(
	    c, "value", holder && object_is_set(holder, "value") ? OUTPUT_MASK : NULL, OUTPUT_MASK);
	return json_take(typed, "value", json_new_string(buf_str(&value))) < 0 ? session_no_memory()
									       : CTL_YES;
}

static int
apply_description(struct session *s, const struct json *row, struct json *body, struct change *c)
{
	const char *to = cli_value(s->line, OPT_DESCRIPTION);
	const char *from =
	    row && json_get(row, "description") ? json_text(row, "description") : NULL;

	if (!to || (from && strcmp(from, to) == 0))
		return CTL_YES;
	change_field(c, "description", from, to);
	return json_take(body, "description", json_new_string(to)) < 0 ? session_no_memory()
								       : CTL_YES;
}

static int
apply_auto_link(struct session *s, struct json *body, struct change *c)
{
	const char *to = cli_value(s->line, OPT_AUTO_LINK);
	bool now = false;

	(void)json_bool(json_get(body, "autoLinkDeployments"), &now);
	if (!to || now == (strcmp(to, "yes") == 0))
		return CTL_YES;
	change_field(c, "linked to every Deployment", now ? "yes" : "no", to);
	return json_take(body, "autoLinkDeployments", json_new_bool(!now)) < 0 ? session_no_memory()
									       : CTL_YES;
}

/* --- create ------------------------------------------------------------------------------ */

static int
create_typed(
    struct session *s, const struct object_kind *kind, struct json *typed, struct change *c)
{
	int code;

	if (strcmp(kind->member, "connection") == 0 && !cli_has(s->line, OPT_TYPE))
		return ctl_fail(CTL_USAGE, NULL, "a connection needs --type, like postgres");
	if (strcmp(kind->member, "metricsExport") == 0 && !cli_has(s->line, OPT_ENDPOINT))
		return ctl_fail(CTL_USAGE, NULL, "a metrics export needs --endpoint");
	code = fields_apply(s, kind, NULL, !cli_has(s->line, OPT_PLAIN), "", typed, c);
	if (code == CTL_YES && is_variable(kind) && !has_value_option(s))
		code = ask_value(NULL, typed, c);
	if (code == CTL_YES && is_variable(kind) &&
	    json_take(typed, "isSecret", json_new_bool(!cli_has(s->line, OPT_PLAIN))) < 0)
		return session_no_memory();
	if (code == CTL_YES && strcmp(kind->member, "metricsExport") == 0 &&
	    json_take(typed, "exporterType", json_new_string("PROMETHEUS")) < 0)
		return session_no_memory();
	return code;
}

/* {"scope": "DEPLOYMENT", "scopeEntityId": id}; NULL: out of memory. */
struct json *
objects_new_place(const char *deployment)
{
	struct json *place = json_new_object();

	if (place && json_take(place, "scope", json_new_string("DEPLOYMENT")) == 0 &&
	    json_take(place, "scopeEntityId", json_new_string(deployment)) == 0)
		return place;
	return json_free(place);
}

static int
create_links(
    struct session *s, const struct object_scope *scope, struct json *body, struct change *c)
{
	struct json *links;
	int code = CTL_YES;

	if (scope->is_deployment)
		return cli_has(s->line, OPT_LINK)
			   ? ctl_fail(CTL_USAGE, NULL,
				 "--link is for a Workspace's object, not with --deployment")
			   : CTL_YES;
	links = json_new_array();
	if (!links)
		return session_no_memory();
	for (size_t i = 0; i < s->line->n_given && code == CTL_YES; i++) {
		const char *name = s->line->given[i].value;
		char id[TOKEN_ID_SIZE];

		if (s->line->given[i].option->id != OPT_LINK)
			continue;
		code = place_find(s, &place_kinds[PLACE_DEPLOYMENT], name, scope->id, id, NULL);
		if (code == CTL_YES && json_append(links, objects_new_place(id)) < 0)
			code = session_no_memory();
		change_field(c, "link", NULL, name);
	}
	if (code == CTL_YES)
		return json_take(body, "links", links) < 0 ? session_no_memory() : CTL_YES;
	json_free(links);
	return code;
}

static int
create_head(const struct object_kind *kind, const struct object_scope *scope, const char *key,
    struct json *body)
{
	int r = json_take(body, "objectKey", json_new_string(key));

	if (r == 0)
		r = json_take(body, "objectType", json_new_string(kind->type));
	if (r == 0)
		r = json_take(body, "scope",
		    json_new_string(scope->is_deployment ? "DEPLOYMENT" : "WORKSPACE"));
	if (r == 0)
		r = json_take(body, "scopeEntityId", json_new_string(scope->id));
	return r < 0 ? session_no_memory() : CTL_YES;
}

static int
create_body(struct session *s, const struct object_kind *kind, struct json *body, struct change *c)
{
	struct object_scope scope;
	struct json *typed;
	int code = object_scope(s, &scope);

	if (code == CTL_YES)
		code = create_head(kind, &scope, s->line->operand[0], body);
	if (code != CTL_YES)
		return code;
	typed = json_new_object();
	if (!typed || json_take(body, kind->member, typed) < 0)
		return session_no_memory();
	code = create_typed(s, kind, typed, c);
	if (code == CTL_YES)
		code = apply_description(s, NULL, body, c);
	if (code == CTL_YES)
		code = apply_auto_link(s, body, c);
	return code == CTL_YES ? create_links(s, &scope, body, c) : code;
}

int
objects_create(struct session *s, const struct object_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct change c = { .action = "create", .kind = kind->noun, .name = s->line->operand[0] };
	struct json *body = json_new_object(), *made = NULL;
	int code = body ? create_body(s, kind, body, &c) : session_no_memory();

	session_path(s, &path, "/environment-objects");
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

/* --- set --------------------------------------------------------------------------------- */

static int
set_fields(struct session *s, struct object *o, struct change *c)
{
	const struct object_kind *kind = o->kind;
	struct json *typed = json_member(o->body, kind->member);
	bool other = cli_has(s->line, OPT_DESCRIPTION) || cli_has(s->line, OPT_AUTO_LINK);
	int code;

	if (!fields_given(s, kind) && !other && !is_variable(kind))
		return ctl_fail(CTL_USAGE, "Pass the fields to change.", "nothing to set");
	if (!typed && json_take(o->body, kind->member, json_new_object()) < 0)
		return session_no_memory();
	typed = json_member(o->body, kind->member);
	code = fields_apply(s, kind, o->row, object_is_secret(o), "", typed, c);
	if (code == CTL_YES)
		code = fields_unset(s, o->row, typed, c);
	if (code == CTL_YES && is_variable(kind) && !fields_given(s, kind) && !other)
		code = ask_value(o->row, typed, c);
	return code;
}

int
objects_set(struct session *s, const struct object_kind *kind)
{
	struct change c = { .action = "update", .kind = kind->noun, .name = s->line->operand[0] };
	struct object_scope scope;
	struct object o = { 0 };
	int code = object_scope(s, &scope);

	if (code == CTL_YES)
		code = object_read(s, kind, &scope, s->line->operand[0], &o);
	if (code == CTL_YES)
		code = set_fields(s, &o, &c);
	if (code == CTL_YES)
		code = apply_description(s, o.row, o.body, &c);
	if (code == CTL_YES)
		code = apply_auto_link(s, o.body, &c);
	if (code == CTL_YES)
		code = object_update(s, &o, &c);
	object_fini(&o);
	change_fini(&c);
	return code;
}

/* --- delete ------------------------------------------------------------------------------ */

int
objects_delete(struct session *s, const struct object_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct change c = { .action = "delete", .kind = kind->noun, .name = s->line->operand[0] };
	struct object_scope scope;
	struct object o = { 0 };
	const struct json *links;
	char n[32];
	int code = object_scope(s, &scope);

	if (code == CTL_YES)
		code = object_read(s, kind, &scope, s->line->operand[0], &o);
	if (code == CTL_YES && (links = json_get(o.row, "links")) && json_count(links)) {
		(void)snprintf(n, sizeof n, "%zu", json_count(links));
		change_field(&c, "links to Deployments", n, NULL);
	}
	session_path(s, &path, "/environment-objects/%s", o.id);
	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = object_unchanged(s, &o);
		if (code == CTL_YES)
			code = session_send(s, "DELETE", &path, NULL, o.tag, NULL);
		if (code == CTL_YES)
			code = change_done(s, &c, o.id);
	}
	object_fini(&o);
	change_fini(&c);
	return code;
}
