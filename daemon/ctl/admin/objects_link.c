/* SPDX-License-Identifier: Apache-2.0 */
/* connctl connection|variable|env-var|metrics-export link|unlink|exclude|override. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/fields.h"
#include "ctl/admin/objects.h"
#include "ctl/admin/place.h"
#include "ctl/verbs.h"

/* A Workspace's object and the Deployment that the verb is about. */
struct linking {
	struct object object;
	char deployment[TOKEN_ID_SIZE];
	const char *name; /* of the Deployment, as it was given */
	struct change change;
};

static int
open_linking(struct session *s, const struct object_kind *kind, struct linking *l)
{
	struct object_scope scope;
	int code = object_workspace_scope(s, &scope);

	*l = (struct linking){ .name = cli_value(s->line, OPT_TARGET),
		.change = { .action = "update", .kind = kind->noun, .name = s->line->operand[0] } };
	if (code == CTL_YES)
		code = place_find(
		    s, &place_kinds[PLACE_DEPLOYMENT], l->name, scope.id, l->deployment, NULL);
	if (code == CTL_YES)
		code = object_read(s, kind, &scope, s->line->operand[0], &l->object);
	return code;
}

static void
close_linking(struct linking *l)
{
	object_fini(&l->object);
	change_fini(&l->change);
}

/* Takes the entry of this Deployment out of an array of the body. Was it there? */
static bool
take_out(struct json *body, const char *name, const char *deployment)
{
	struct json *places = json_member(body, name);
	size_t i = 0;

	if (!places || json_type(places) != SCAN_ARRAY)
		return false;
	for (const struct json *j = json_first(places); j; j = json_next(j), i++) {
		if (strcmp(json_text(j, "scopeEntityId"), deployment) != 0)
			continue;
		json_remove_at(places, i);
		return true;
	}
	return false;
}

static bool
is_auto_linked(const struct linking *l)
{
	bool every = false;

	(void)json_bool(json_get(l->object.row, "autoLinkDeployments"), &every);
	return every && !object_place(json_get(l->object.row, "excludeLinks"), l->deployment);
}

/*
 * The body's link of the Deployment, added if it is not there; an exclusion goes. NULL: out of
 * memory.
 */
static struct json *
link_of(struct linking *l)
{
	struct json *links = json_member(l->object.body, "links"), *link;

	for (size_t i = 0; links && (link = json_at(links, i)); i++)
		if (strcmp(json_text(link, "scopeEntityId"), l->deployment) == 0)
			return link;
	if (!links || json_append(links, objects_new_place(l->deployment)) < 0)
		return NULL;
	change_field(&l->change, "link", NULL, l->name);
	if (take_out(l->object.body, "excludeLinks", l->deployment))
		change_field(&l->change, "exclusion", l->name, NULL);
	return json_at(links, json_count(links) - 1);
}

int
objects_link(struct session *s, const struct object_kind *kind)
{
	struct linking l;
	int code = open_linking(s, kind, &l);

	if (code == CTL_YES && !link_of(&l))
		code = session_no_memory();
	if (code == CTL_YES)
		code = object_update(s, &l.object, &l.change);
	close_linking(&l);
	return code;
}

/* The overrides that go with the link. */
static void
note_lost_overrides(struct linking *l)
{
	const struct json *link = object_place(json_get(l->object.row, "links"), l->deployment);
	const struct json *set = link ? json_get(link, "setFields") : NULL, *j;
	char field[300];

	for (j = set && json_type(set) == SCAN_ARRAY ? json_first(set) : NULL; j;
	     j = json_next(j)) {
		(void)snprintf(field, sizeof field, "override of %s", json_string(j));
		change_field(&l->change, field, "set", NULL);
	}
}

int
objects_unlink(struct session *s, const struct object_kind *kind)
{
	struct linking l;
	int code = open_linking(s, kind, &l);

	if (code == CTL_YES && take_out(l.object.body, "links", l.deployment)) {
		change_field(&l.change, "link", l.name, NULL);
		note_lost_overrides(&l);
		code = object_update(s, &l.object, &l.change);
	} else if (code == CTL_YES && is_auto_linked(&l)) {
		code = ctl_fail(CTL_NO, "\"exclude\" leaves this Deployment out.",
		    "it is linked to every Deployment, not to %s alone", l.name);
	} else if (code == CTL_YES) {
		code = object_update(s, &l.object, &l.change); /* nothing to change */
	}
	close_linking(&l);
	return code;
}

static int
exclude(struct session *s, struct linking *l)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *place = objects_new_place(l->deployment);
	int code = place ? CTL_YES : session_no_memory();

	session_path(s, &path, "/environment-objects/%s/exclude-linking", l->object.id);
	change_field(&l->change, "exclusion", NULL, l->name);
	if (code == CTL_YES && change_agreed(s, &l->change, &code)) {
		code = object_unchanged(s, &l->object);
		if (code == CTL_YES)
			code = session_send(s, "POST", &path, place, l->object.tag, NULL);
		if (code == CTL_YES)
			code = change_done(s, &l->change, l->object.id);
	}
	json_free(place);
	return code;
}

int
objects_exclude(struct session *s, const struct object_kind *kind)
{
	struct linking l;
	int code = open_linking(s, kind, &l);

	if (code == CTL_YES && object_place(json_get(l.object.row, "links"), l.deployment))
		code = ctl_fail(CTL_NO, "Unlink it first: an explicit link wins over an exclusion.",
		    "it is linked to %s explicitly", l.name);
	else if (code == CTL_YES &&
		 object_place(json_get(l.object.row, "excludeLinks"), l.deployment))
		code = object_update(s, &l.object, &l.change); /* nothing to change */
	else if (code == CTL_YES)
		code = exclude(s, &l);
	close_linking(&l);
	return code;
}

/* --- override ---------------------------------------------------------------------------- */

/* The typed body of the link's overrides, made if it is not there; NULL: out of memory. */
static struct json *
typed_overrides(const struct object_kind *kind, struct json *overrides)
{
	if (!json_get(overrides, kind->member) &&
	    json_take(overrides, kind->member, json_new_object()) < 0)
		return NULL;
	return json_member(overrides, kind->member);
}

/*
 * Overrides of the body's link: what is shown now, with the options applied. Returns the exit code.
 */
static int
apply(struct session *s, const struct object_kind *kind, struct linking *l, struct json *overrides)
{
	const struct json *link = object_place(json_get(l->object.row, "links"), l->deployment);
	struct json *typed = typed_overrides(kind, overrides), *unset = json_new_array();
	char prefix[200];
	int code = typed && unset ? CTL_YES : session_no_memory();

	(void)snprintf(prefix, sizeof prefix, "for %s: ", l->name);
	if (code == CTL_YES)
		code = fields_apply(
		    s, kind, link, object_is_secret(&l->object), prefix, typed, &l->change);
	if (code == CTL_YES && link)
		code = fields_unset_override(s, link, prefix, typed, unset, &l->change);
	if (code == CTL_YES && json_count(typed) == 0)
		json_remove(overrides, kind->member); /* an empty one would clear */
	if (code == CTL_YES && json_count(unset))
		return json_take(overrides, "unsetFields", unset) < 0 ? session_no_memory()
								      : CTL_YES;
	json_free(unset);
	return code;
}

static int
override(struct session *s, const struct object_kind *kind, struct linking *l)
{
	struct json *link = link_of(l), *overrides;

	if (link && !json_get(link, "overrides") &&
	    json_take(link, "overrides", json_new_object()) < 0)
		return session_no_memory();
	overrides = link ? json_member(link, "overrides") : NULL;
	return overrides ? apply(s, kind, l, overrides) : session_no_memory();
}

/*
 * An override object in which nothing is left says nothing, and must not be sent: it would clear.
 */
static void
drop_empty_overrides(struct linking *l)
{
	struct json *links = json_member(l->object.body, "links"), *link;

	for (size_t i = 0; links && (link = json_at(links, i)); i++)
		if (json_get(link, "overrides") && !json_count(json_get(link, "overrides")))
			json_remove(link, "overrides");
}

int
objects_override(struct session *s, const struct object_kind *kind)
{
	struct linking l;
	int code = open_linking(s, kind, &l);

	if (code == CTL_YES && !fields_given(s, kind))
		code = ctl_fail(CTL_USAGE, "Pass the fields, or --unset.", "nothing to override");
	if (code == CTL_YES)
		code = override(s, kind, &l);
	if (code == CTL_YES) {
		drop_empty_overrides(&l);
		code = object_update(s, &l.object, &l.change);
	}
	close_linking(&l);
	return code;
}
