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

const char *const target_members[] = { "scope", "scopeEntityId", NULL };

static struct span
get(struct span object, const char *name)
{
	return value_doc_member(object, name);
}

int
read_link_target(struct reader *r, struct span entry, const char *field, enum scope scope,
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
		    r->fault, "invalid", name, "is not the id of a %s", object_scope_word(scope));
	return 0;
}

int
array_room(void **items, size_t *room, size_t n, size_t size)
{
	size_t more = *room ? 2 * *room : 16;
	void *p;

	if (n < *room)
		return 0;
	p = mem_resize(*items, more * size);
	if (!p)
		return -ENOMEM;
	*items = p;
	*room = more;
	return 0;
}

static struct store_link_request *
add_link(struct object_body *b)
{
	if (array_room((void **)&b->links, &b->links_room, b->request.n_links, sizeof *b->links) <
	    0)
		return NULL;
	b->request.links = b->links;
	b->links[b->request.n_links] = (struct store_link_request){ 0 };
	return &b->links[b->request.n_links++];
}

static int
read_link(struct reader *r, struct span entry, const char *field, enum scope scope)
{
	static const char *const known[] = { "scope", "scopeEntityId", "overrides", NULL };
	struct store_link_request *l = add_link(r->body);
	struct store_target target;
	int e;

	if (!l)
		return -ENOMEM;
	e = read_link_target(r, entry, field, scope, &target);
	if (e < 0)
		return e;
	l->scope = target.scope;
	l->entity = target.entity;
	ignored_note(&r->body->ignored, entry, field, known);
	return read_overrides(r, entry, field, &l->override);
}

static int
read_list(struct reader *r, struct span list, const char *member, enum scope scope)
{
	struct span at = list, one;
	char field[64];
	int e = 0;

	if (list.p && scan_type(list) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", member, "must be an array");
	for (size_t i = 0; list.p && e == 0 && scan_element(&at, &one); i++) {
		(void)snprintf(field, sizeof field, "%s[%zu]", member, i);
		e = read_link(r, one, field, scope);
	}
	return e;
}

/* A client that leaves projectLinks out does not know them: they are kept, with their overrides. */
static int
keep_project_links(struct reader *r)
{
	for (size_t i = 0; r->known && i < r->known->n_links; i++) {
		struct store_link_request *l;

		if (r->known->links[i].scope != SCOPE_PROJECT)
			continue;
		l = add_link(r->body);
		if (!l)
			return -ENOMEM;
		l->scope = SCOPE_PROJECT;
		l->entity = r->known->links[i].entity;
	}
	return 0;
}

/*
 * Sets the spans of the names to unset, link by link, now that the buffer does not move any more.
 */
static void
settle_unset(struct object_body *b)
{
	const struct span *at = b->unset;

	for (size_t i = 0; i < b->request.n_links; i++) {
		b->links[i].override.unset = at;
		at += b->links[i].override.n_unset;
	}
}

static int
read_links(struct reader *r, struct span object)
{
	struct object_body *b = r->body;
	struct span projects = get(object, "projectLinks");
	int e = read_list(r, get(object, "links"), "links", SCOPE_DEPLOYMENT);

	b->n_deployment_links = b->request.n_links;
	if (e == 0 && projects.p)
		e = read_list(r, projects, "projectLinks", SCOPE_PROJECT);
	else if (e == 0)
		e = keep_project_links(r);
	if (b->unset)
		settle_unset(b);
	return e;
}

static int
read_exclude(struct reader *r, struct span entry, const char *field)
{
	struct object_body *b = r->body;
	size_t n = b->request.n_excludes;
	int e = array_room((void **)&b->excludes, &b->excludes_room, n, sizeof *b->excludes);

	if (e < 0)
		return e;
	b->request.excludes = b->excludes;
	b->request.n_excludes++;
	ignored_note(&b->ignored, entry, field, target_members);
	return read_link_target(r, entry, field, SCOPE_DEPLOYMENT, &b->excludes[n]);
}

static int
read_excludes(struct reader *r, struct span object)
{
	struct span list = get(object, "excludeLinks"), at = list, one;
	char field[64];
	int e = 0;

	if (list.p && scan_type(list) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", "excludeLinks", "must be an array");
	while (list.p && e == 0 && scan_element(&at, &one)) {
		(void)snprintf(
		    field, sizeof field, "excludeLinks[%zu]", r->body->request.n_excludes);
		e = read_exclude(r, one, field);
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

/* Checks that no place is linked or excluded twice, or both. */
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
