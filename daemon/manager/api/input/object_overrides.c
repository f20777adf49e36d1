/* SPDX-License-Identifier: Apache-2.0 */
/* The `overrides` of one link: a typed object, and unsetFields. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json/members.h"
#include "base/json/scan.h"
#include "manager/api/input/object_internal.h"
#include "manager/api/input/object_value.h"

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

/* The typed override beside unsetFields, to look up what it sets. */
struct set_fields {
	struct json_members fields;
	struct json_members maps[3]; /* extra; headers, labels */
	size_t n_maps;
};

static int
set_fields_read(struct set_fields *set, struct span fields)
{
	int r;

	*set = (struct set_fields){ 0 };
	r = json_members_read(&set->fields, fields);
	for (size_t i = 0; r == 0 && i < set->fields.n; i++) {
		struct json_member *m = &set->fields.all[i];

		if (scan_type(m->value) != SCAN_OBJECT || set->n_maps == N_ELEMENTS(set->maps))
			continue;
		r = json_members_read(&set->maps[set->n_maps], m->value);
		m->marks = (unsigned)++set->n_maps;
	}
	return r;
}

static void
set_fields_fini(struct set_fields *set)
{
	json_members_fini(&set->fields);
	for (size_t i = 0; i < set->n_maps; i++)
		json_members_fini(&set->maps[i]);
}

/* True if the override sets what this name would unset. */
static bool
sets_field(const struct set_fields *set, struct span name)
{
	const char *dot = memchr(name.p, '.', name.n);
	struct span first = { name.p, dot ? (size_t)(dot - name.p) : name.n };
	const struct json_member *m = json_members_find(&set->fields, first);

	if (!m || !dot)
		return m;
	return m->marks && json_members_find(&set->maps[m->marks - 1],
			       (struct span){ dot + 1, name.n - first.n - 1 });
}

static int
read_unset_name(struct reader *r, struct span one, const char *field, const struct set_fields *set,
    struct span *name)
{
	int e = read_text(r, one, field, name);

	if (e < 0)
		return e;
	if (!is_override_field(r->body->request.type, *name))
		return fault_set(r->fault, "invalid", field,
		    "names something that no override has: %.*s", (int)name->n, name->p);
	if (sets_field(set, *name))
		return fault_set(r->fault, "invalid", field, "names a field that is also set: %.*s",
		    (int)name->n, name->p);
	return 0;
}

static int
read_unset_names(struct reader *r, struct span list, const char *field,
    const struct set_fields *set, struct override_change *change)
{
	struct object_body *b = r->body;
	struct span at = list, one, *name;
	int e = 0;

	while (e == 0 && scan_element(&at, &one)) {
		if (change->n_unset == LIMIT_UNSET)
			return fault_set(
			    r->fault, "invalid", field, "must name at most %d fields", LIMIT_UNSET);
		e = array_room((void **)&b->unset, &b->unset_room, b->n_unset, sizeof *b->unset);
		if (e < 0)
			return e;
		name = &b->unset[b->n_unset];
		e = read_unset_name(r, one, field, set, name);
		b->n_unset++;
		change->n_unset++;
	}
	return e;
}

static int
read_unset(struct reader *r, struct span list, const char *field, struct override_change *change)
{
	struct set_fields set;
	int e;

	if (scan_type(list) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", field, "must be an array of field names");
	e = set_fields_read(&set, change->fields);
	if (e == 0)
		e = read_unset_names(r, list, field, &set, change);
	set_fields_fini(&set);
	return e;
}

/* The typed object, which must be of the object's own type. */
static int
read_typed_override(
    struct reader *r, struct span overrides, const char *field, struct override_change *change)
{
	enum manager_type type = r->body->request.type;
	char name[FAULT_FIELD_SIZE];
	struct value_reading in = { type, VALUE_FOR_OVERRIDE, name, &r->body->text,
		&r->body->ignored, r->fault };
	int e = 0;

	for (enum manager_type t = 0; t < MANAGER_N_TYPES && e == 0; t++) {
		struct span typed = value_doc_member(overrides, object_type_member(t));

		(void)snprintf(name, sizeof name, "%s.%s", field, object_type_member(t));
		if (typed.p && t != type)
			return fault_set(r->fault, "invalid", name,
			    "does not belong to an object of type %s", manager_type_name(type));
		if (typed.p)
			e = object_value_read(&in, typed, &change->fields);
	}
	return e;
}

int
read_overrides(
    struct reader *r, struct span entry, const char *field, struct override_change *change)
{
	static const char *const known[] = { "connection", "airflowVariable", "environmentVariable",
		"metricsExport", "unsetFields", NULL };
	const struct store_object_request *q = &r->body->request;
	struct span overrides = value_doc_member(entry, "overrides"), unset;
	char name[96], unset_name[FAULT_FIELD_SIZE];
	int e;

	*change = (struct override_change){
		.given = overrides.p,
		.whole = q->description.p || (r->known && r->known->states_whole),
	};
	if (!overrides.p)
		return 0;
	(void)snprintf(name, sizeof name, "%s.overrides", field);
	if (scan_type(overrides) != SCAN_OBJECT)
		return fault_set(r->fault, "invalid", name, "must be an object");
	if (!r->body->has_value)
		return fault_set(r->fault, "invalid", name,
		    "has nothing to override: send the object's %s, too",
		    object_type_member(q->type));
	ignored_note(&r->body->ignored, overrides, name, known);
	e = read_typed_override(r, overrides, name, change);
	unset = value_doc_member(overrides, "unsetFields");
	(void)snprintf(unset_name, sizeof unset_name, "%s.unsetFields", name);
	return e == 0 && unset.p ? read_unset(r, unset, unset_name, change) : e;
}
