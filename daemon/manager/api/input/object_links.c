/* SPDX-License-Identifier: Apache-2.0 */
/* The links of an object's body, to Deployments and to projects, and its exclusions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/mem.h"
#include "manager/api/input/object_internal.h"
#include "manager/api/input/object_value.h"

static struct span
get(struct span object, const char *name)
{
	return value_doc_member(object, name);
}

int
read_target(struct reader *r, struct span entry, const char *field, enum scope scope,
    struct store_target *out)
{
	char name[FAULT_FIELD_SIZE];
	struct span text = { 0 };
	int e;

	if (scan_type(entry) != SCAN_OBJECT)
		return fault_set(r->fault, "invalid", field, "must be an object");
	(void)snprintf(name, sizeof name, "%s%sscope", field, *field ? "." : "");
	e = read_needed_text(r, entry, "scope", name, &text);
	if (e < 0)
		return e;
	if (!scope_from(text, &out->scope) || out->scope != scope)
		return fault_set(r->fault, "invalid", name, "must be %s", scope_name(scope));
	(void)snprintf(name, sizeof name, "%s%sscopeEntityId", field, *field ? "." : "");
	e = read_needed_text(r, entry, "scopeEntityId", name, &text);
	if (e < 0)
		return e;
	if (!id_from(text, &out->entity))
		return fault_set(
		    r->fault, "invalid", name, "names no %s", object_scope_word(scope));
	return 0;
}

/* Dotted names of map members, plain names of the rest. */
static bool
is_override_field(enum manager_type type, struct span name)
{
	const char *dot = memchr(name.p, '.', name.n);
	struct span first = { name.p, dot ? (size_t)(dot - name.p) : name.n };
	const struct value_field *f = value_field(type, first);

	if (!f || !f->overridable)
		return false;
	return !dot ||
	       ((f->kind == VALUE_MAP || f->kind == VALUE_STRING_MAP) && first.n + 1 < name.n);
}

/* Whether the override document `fields` sets what `name` says is to be dropped. */
static bool
sets_field(struct span fields, struct span name)
{
	const char *dot = memchr(name.p, '.', name.n);
	struct span first = { name.p, dot ? (size_t)(dot - name.p) : name.n };
	struct span rest = { name.p + first.n + 1, name.n - first.n - (dot ? 1 : 0) };
	struct span at = fields, member, value;

	while (fields.p && scan_member(&at, &member, &value)) {
		if (!span_equal(member, first))
			continue;
		return !dot || object_value_has_name(value, rest);
	}
	return false;
}

static int
read_unset(struct reader *r, enum manager_type type, struct span list, const char *field,
    struct override_change *change)
{
	struct object_body *b = r->body;
	struct span at = list, one, name = { 0 };
	int e;

	if (scan_type(list) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", field, "must be an array of field names");
	change->unset = b->unset + b->n_unset;
	while (scan_element(&at, &one)) {
		if (change->n_unset == VALUE_MAX_UNSET)
			return fault_set(r->fault, "invalid", field, "must name at most %d fields",
			    VALUE_MAX_UNSET);
		e = read_text(r, one, field, &name);
		if (e < 0)
			return e;
		if (!is_override_field(type, name))
			return fault_set(r->fault, "invalid", field,
			    "names something that no override has: %.*s", (int)name.n, name.p);
		if (sets_field(change->fields, name))
			return fault_set(r->fault, "invalid", field,
			    "names a field that is also set: %.*s", (int)name.n, name.p);
		if (b->n_unset == b->max_unset)
			return -ENOMEM; /* cannot be: they were counted */
		b->unset[b->n_unset++] = name;
		change->n_unset++;
	}
	return 0;
}

static int
read_overrides(
    struct reader *r, struct span entry, const char *field, struct override_change *change)
{
	enum manager_type type = r->body->request.type;
	struct span overrides = get(entry, "overrides"), typed, unset;
	char name[FAULT_FIELD_SIZE];
	int e = 0;

	*change = (struct override_change){
		.given = overrides.p || (r->known && r->known->links_are_whole),
	};
	if (!overrides.p)
		return 0;
	(void)snprintf(name, sizeof name, "%s.overrides", field);
	if (scan_type(overrides) != SCAN_OBJECT)
		return fault_set(r->fault, "invalid", name, "must be an object");
	for (enum manager_type t = 0; t < MANAGER_N_TYPES; t++) {
		(void)snprintf(name, sizeof name, "%s.overrides.%s", field, object_type_member(t));
		typed = get(overrides, object_type_member(t));
		if (!typed.p)
			continue;
		if (t != type)
			return fault_set(r->fault, "invalid", name,
			    "does not belong to an object of type %s", manager_type_name(type));
		e = object_value_read(
		    t, VALUE_FOR_OVERRIDE, typed, name, &r->body->text, &change->fields, r->fault);
		if (e < 0)
			return e;
	}
	unset = get(overrides, "unsetFields");
	(void)snprintf(name, sizeof name, "%s.overrides.unsetFields", field);
	return unset.p ? read_unset(r, type, unset, name, change) : 0;
}

static size_t
count_elements(struct span list)
{
	struct span at = list, one;
	size_t n = 0;

	while (scan_element(&at, &one))
		n++;
	return n;
}

static size_t
count_unset(struct span list)
{
	struct span at = list, one;
	size_t n = 0;

	while (scan_element(&at, &one)) {
		struct span overrides, unset;

		if (scan_type(one) != SCAN_OBJECT)
			continue;
		overrides = get(one, "overrides");
		if (!overrides.p || scan_type(overrides) != SCAN_OBJECT)
			continue;
		unset = get(overrides, "unsetFields");
		if (unset.p && scan_type(unset) == SCAN_ARRAY)
			n += count_elements(unset);
	}
	return n;
}

static int
read_list(struct reader *r, struct span list, const char *member, enum scope scope)
{
	struct object_body *b = r->body;
	struct span at = list, one;
	char field[64];
	int e = 0;

	for (size_t i = 0; e == 0 && scan_element(&at, &one); i++) {
		struct store_link_request *l = &b->links[b->request.n_links];
		struct store_target target;

		(void)snprintf(field, sizeof field, "%s[%zu]", member, i);
		e = read_target(r, one, field, scope, &target);
		if (e < 0)
			break;
		l->scope = target.scope;
		l->entity = target.entity;
		e = read_overrides(r, one, field, &l->override);
		b->request.n_links++;
	}
	return e;
}

/*
 * A client that leaves projectLinks out knows nothing of them: they stay, with their overrides, which is what
 * dropping a field that none has comes to.
 */
static void
keep_project_links(struct reader *r)
{
	struct object_body *b = r->body;
	struct span *nothing = b->unset + b->n_unset++;

	*nothing = SPAN_LITERAL("");
	for (size_t i = 0; i < r->known->n_links; i++) {
		if (r->known->links[i].scope != SCOPE_PROJECT)
			continue;
		b->links[b->request.n_links++] = (struct store_link_request){
			.scope = SCOPE_PROJECT,
			.entity = r->known->links[i].entity,
			.override = { .given = true, .unset = nothing, .n_unset = 1 },
		};
	}
}

static int
read_links(struct reader *r, struct span object)
{
	struct object_body *b = r->body;
	struct span links = get(object, "links"), projects = get(object, "projectLinks");
	bool keep = !projects.p && r->known;
	size_t n = keep ? r->known->n_links : 0;
	int e = 0;

	if (links.p && scan_type(links) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", "links", "must be an array");
	if (projects.p && scan_type(projects) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", "projectLinks", "must be an array");
	n += (links.p ? count_elements(links) : 0) + (projects.p ? count_elements(projects) : 0);
	b->max_unset =
	    (links.p ? count_unset(links) : 0) + (projects.p ? count_unset(projects) : 0) + 1;
	b->links = mem_calloc(n, sizeof *b->links);
	b->unset = mem_calloc(b->max_unset, sizeof *b->unset);
	if (!b->links || !b->unset)
		return -ENOMEM;
	b->request.links = b->links;
	if (links.p)
		e = read_list(r, links, "links", SCOPE_DEPLOYMENT);
	b->n_deployment_links = b->request.n_links;
	if (e == 0 && projects.p)
		e = read_list(r, projects, "projectLinks", SCOPE_PROJECT);
	else if (e == 0 && keep)
		keep_project_links(r);
	return e;
}

static int
read_excludes(struct reader *r, struct span object)
{
	struct object_body *b = r->body;
	struct span list = get(object, "excludeLinks"), at = list, one;
	char field[64];
	int e = 0;

	if (!list.p)
		return 0;
	if (scan_type(list) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", "excludeLinks", "must be an array");
	b->excludes = mem_calloc(count_elements(list), sizeof *b->excludes);
	if (!b->excludes)
		return -ENOMEM;
	b->request.excludes = b->excludes;
	while (e == 0 && scan_element(&at, &one)) {
		(void)snprintf(field, sizeof field, "excludeLinks[%zu]", b->request.n_excludes);
		e = read_target(
		    r, one, field, SCOPE_DEPLOYMENT, &b->excludes[b->request.n_excludes]);
		b->request.n_excludes++;
	}
	return e;
}

struct named_target {
	const struct id *entity;
	bool exclude;
	size_t index;
};

static int
compare_targets(const void *a, const void *b)
{
	const struct named_target *x = a, *y = b;
	int r = strcmp(x->entity->s, y->entity->s);

	return r                          ? r
	       : x->exclude != y->exclude ? x->exclude - y->exclude
	       : x->index < y->index      ? -1
					  : 1;
}

/* Nothing may be linked or excluded twice, or both. */
static int
check_targets(struct reader *r)
{
	const struct store_object_request *q = &r->body->request;
	size_t n = 0, total = q->n_links + q->n_excludes;
	struct named_target *all = mem_calloc(total, sizeof *all);
	char field[OBJECT_LINK_FIELD_SIZE];
	int e = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < q->n_links; i++)
		all[n++] = (struct named_target){ &q->links[i].entity, false, i };
	for (size_t i = 0; i < q->n_excludes; i++)
		all[n++] = (struct named_target){ &q->excludes[i].entity, true, i };
	qsort(all, n, sizeof *all, compare_targets);
	for (size_t i = 1; i < n && e == 0; i++) {
		if (!id_equal(all[i].entity, all[i - 1].entity))
			continue;
		if (all[i].exclude)
			(void)snprintf(
			    field, sizeof field, "excludeLinks[%zu].scopeEntityId", all[i].index);
		else
			object_body_link_field(r->body, all[i].index, field);
		e = fault_set(r->fault, "invalid", field,
		    all[i].exclude && !all[i - 1].exclude ? "is also in links" : "is there twice");
	}
	mem_free(all);
	return e;
}

static int
check_scope_members(struct reader *r, enum scope scope)
{
	const struct store_object_request *q = &r->body->request;

	if (scope == SCOPE_WORKSPACE)
		return check_targets(r);
	if (q->n_links)
		return fault_set(r->fault, "invalid",
		    r->body->n_deployment_links ? "links" : "projectLinks",
		    "are for objects of scope WORKSPACE only");
	if (q->n_excludes)
		return fault_set(
		    r->fault, "invalid", "excludeLinks", "are for objects of scope WORKSPACE only");
	if (q->auto_link || q->auto_link_projects)
		return fault_set(r->fault, "invalid",
		    q->auto_link ? "autoLinkDeployments" : "autoLinkProjects",
		    "is for objects of scope WORKSPACE only");
	return 0;
}

int
read_all_links(struct reader *r, struct span object, enum scope scope)
{
	int e = read_links(r, object);

	if (e == 0)
		e = read_excludes(r, object);
	return e == 0 ? check_scope_members(r, scope) : e;
}
