/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/objectbody.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "manager/body.h"
#include "manager/objectvalue.h"
#include "manager/query.h"
#include "proto/limits.h"
#include "proto/scan.h"

struct object_body {
	struct store_object_request request;
	struct buf text; /* never moves: decoded strings and documents are in it */
	struct store_link_request *links;
	struct store_target *excludes;
	struct span *unset; /* of all links */
	size_t n_unset, max_unset;
};

struct object_body *
object_body_free(struct object_body *b)
{
	if (!b)
		return NULL;
	buf_fini(&b->text);
	mem_free(b->links);
	mem_free(b->excludes);
	mem_free(b->unset);
	mem_free(b);
	return NULL;
}

const struct store_object_request *
object_body_request(const struct object_body *b)
{
	return &b->request;
}

const char *
object_type_member(enum manager_type type)
{
	switch (type) {
	case MANAGER_CONNECTION:
		return "connection";
	case MANAGER_AIRFLOW_VARIABLE:
		return "airflowVariable";
	case MANAGER_ENVIRONMENT_VARIABLE:
		return "environmentVariable";
	case MANAGER_METRICS_EXPORT:
		return "metricsExport";
	case MANAGER_N_TYPES:
		break;
	}
	return "";
}

/* --- one member ----------------------------------------------------------------------- */

struct reader {
	struct object_body *body;
	struct fault *fault;
};

static struct span
get(struct span object, const char *name)
{
	return value_doc_member(object, name);
}

static int
read_text(struct reader *r, struct span value, const char *field, struct span *out)
{
	struct buf *text = &r->body->text;
	size_t from = text->len;
	int e;

	if (scan_type(value) != SCAN_STRING)
		return fault_set(r->fault, "invalid", field, "must be a string");
	e = scan_string(value, text);
	if (e == -EILSEQ)
		return fault_set(
		    r->fault, "invalid", field, "holds U+0000 or an unpaired surrogate");
	if (e < 0)
		return e;
	*out = (struct span){ buf_str(text) + from, text->len - from };
	return 0;
}

static int
read_needed_text(
    struct reader *r, struct span object, const char *name, const char *field, struct span *out)
{
	struct span value = get(object, name);

	if (!value.p)
		return fault_set(r->fault, "required", field, "is required");
	return read_text(r, value, field, out);
}

static int
read_description(struct reader *r, struct span object)
{
	struct store_object_request *q = &r->body->request;
	struct span value = get(object, "description");
	int e;

	if (!value.p)
		return 0;
	e = read_text(r, value, "description", &q->description);
	if (e == 0 && utf8_length(q->description) > LIMIT_DESCRIPTION)
		return fault_set(r->fault, "invalid", "description",
		    "must be at most %d characters long", LIMIT_DESCRIPTION);
	return e;
}

static int
read_auto_link(struct reader *r, struct span object)
{
	struct span value = get(object, "autoLinkDeployments");

	if (!value.p)
		return 0;
	if (scan_type(value) != SCAN_BOOL)
		return fault_set(
		    r->fault, "invalid", "autoLinkDeployments", "must be true or false");
	r->body->request.auto_link = scan_bool(value);
	return 0;
}

/* --- keys ----------------------------------------------------------------------------- */

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static bool
is_env_name(struct span key)
{
	for (size_t i = 0; i < key.n; i++)
		if (!is_word_char(key.p[i]) || (i == 0 && key.p[i] >= '0' && key.p[i] <= '9'))
			return false;
	return true;
}

static bool
is_conn_id(struct span key)
{
	for (size_t i = 0; i < key.n; i++)
		if (!is_word_char(key.p[i]) && !strchr("#!()-.:/\\", key.p[i]))
			return false;
	return true;
}

int
object_key_check(enum manager_type type, struct span key, struct fault *f)
{
	if (!key.n || utf8_length(key) > LIMIT_KEY)
		return fault_set(
		    f, "invalid", "objectKey", "must be 1 to %d characters long", LIMIT_KEY);
	switch (type) {
	case MANAGER_CONNECTION:
		if (!is_conn_id(key))
			return fault_set(f, "invalid", "objectKey",
			    "of a connection may hold letters, digits and _ # ! ( ) - . : / \\ "
			    "only");
		break;
	case MANAGER_ENVIRONMENT_VARIABLE:
		if (!is_env_name(key))
			return fault_set(f, "invalid", "objectKey",
			    "of an environment variable must match [A-Za-z_][A-Za-z0-9_]*");
		break;
	case MANAGER_AIRFLOW_VARIABLE:
	case MANAGER_METRICS_EXPORT:
	case MANAGER_N_TYPES:
		if (!body_is_printable(key))
			return fault_set(
			    f, "invalid", "objectKey", "must not hold control characters");
		break;
	}
	return 0;
}

/* --- links ---------------------------------------------------------------------------- */

static int
read_target(struct reader *r, struct span entry, const char *field, struct store_target *out)
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
	if (!scope_from(text, &out->scope) || out->scope != SCOPE_DEPLOYMENT)
		return fault_set(r->fault, "invalid", name, "must be DEPLOYMENT");
	(void)snprintf(name, sizeof name, "%s%sscopeEntityId", field, *field ? "." : "");
	e = read_needed_text(r, entry, "scopeEntityId", name, &text);
	if (e < 0)
		return e;
	if (!id_from(text, &out->entity))
		return fault_set(r->fault, "invalid", name, "names no Deployment");
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

	*change = (struct override_change){ .given = overrides.p != NULL };
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

/* At most as many names as there are strings' first quotes in the text. */
static int
reserve_unset(struct object_body *b, struct span list)
{
	struct span at = list, one;

	while (scan_element(&at, &one)) {
		struct span overrides, unset;

		if (scan_type(one) != SCAN_OBJECT)
			continue;
		overrides = get(one, "overrides");
		if (!overrides.p || scan_type(overrides) != SCAN_OBJECT)
			continue;
		unset = get(overrides, "unsetFields");
		if (unset.p && scan_type(unset) == SCAN_ARRAY)
			b->max_unset += count_elements(unset);
	}
	b->unset = mem_calloc(b->max_unset, sizeof *b->unset);
	return b->unset ? 0 : -ENOMEM;
}

static int
read_links(struct reader *r, struct span object)
{
	struct object_body *b = r->body;
	struct span list = get(object, "links"), at = list, one;
	char field[64];
	int e = 0;

	if (!list.p)
		return 0;
	if (scan_type(list) != SCAN_ARRAY)
		return fault_set(r->fault, "invalid", "links", "must be an array");
	b->links = mem_calloc(count_elements(list), sizeof *b->links);
	if (!b->links || reserve_unset(b, list) < 0)
		return -ENOMEM;
	b->request.links = b->links;
	while (e == 0 && scan_element(&at, &one)) {
		struct store_link_request *l = &b->links[b->request.n_links];
		struct store_target target;

		(void)snprintf(field, sizeof field, "links[%zu]", b->request.n_links);
		e = read_target(r, one, field, &target);
		if (e < 0)
			break;
		l->scope = target.scope;
		l->entity = target.entity;
		e = read_overrides(r, one, field, &l->override);
		b->request.n_links++;
	}
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
		e = read_target(r, one, field, &b->excludes[b->request.n_excludes]);
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
	char field[64];
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
		(void)snprintf(field, sizeof field, "%s[%zu].scopeEntityId",
		    all[i].exclude ? "excludeLinks" : "links", all[i].index);
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
		return fault_set(
		    r->fault, "invalid", "links", "are for objects of scope WORKSPACE only");
	if (q->n_excludes)
		return fault_set(
		    r->fault, "invalid", "excludeLinks", "are for objects of scope WORKSPACE only");
	if (q->auto_link)
		return fault_set(r->fault, "invalid", "autoLinkDeployments",
		    "is for objects of scope WORKSPACE only");
	return 0;
}

/* --- whole bodies --------------------------------------------------------------------- */

static int
begin(struct object_body **out, struct span json, struct span *object, struct fault *f)
{
	struct object_body *b;
	int e = body_check(json, object, f);

	if (e < 0)
		return e;
	b = mem_zalloc(sizeof *b);
	if (!b)
		return -ENOMEM;
	/* Twice: a text may be there decoded and as part of a document; and a little for what we add. */
	buf_init(&b->text, 2 * json.n + 4096);
	if (!buf_room(&b->text, 2 * json.n + 4095)) {
		object_body_free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

static int
read_typed(struct reader *r, struct span object, enum value_purpose purpose)
{
	struct store_object_request *q = &r->body->request;
	struct span typed;
	int e = 0;

	for (enum manager_type t = 0; t < MANAGER_N_TYPES && e == 0; t++) {
		const char *name = object_type_member(t);

		typed = get(object, name);
		if (!typed.p && t == q->type)
			e = fault_set(r->fault, "required", name, "is required");
		else if (typed.p && t != q->type)
			e = fault_set(r->fault, "invalid", name,
			    "does not belong to an object of type %s", manager_type_name(q->type));
		else if (typed.p)
			e = object_value_read(
			    t, purpose, typed, name, &r->body->text, &q->value, r->fault);
	}
	return e;
}

static int
read_identity(struct reader *r, struct span object)
{
	struct store_object_request *q = &r->body->request;
	struct span text = { 0 };
	int e = read_needed_text(r, object, "objectKey", "objectKey", &q->key);

	if (e == 0)
		e = read_needed_text(r, object, "objectType", "objectType", &text);
	if (e == 0 && !manager_type_from(text, &q->type))
		e = fault_set(r->fault, "invalid", "objectType",
		    "must be CONNECTION, AIRFLOW_VARIABLE, ENVIRONMENT_VARIABLE or METRICS_EXPORT");
	if (e == 0)
		e = object_key_check(q->type, q->key, r->fault);
	if (e == 0)
		e = read_needed_text(r, object, "scope", "scope", &text);
	if (e == 0 && (!scope_from(text, &q->scope) ||
			  (q->scope != SCOPE_WORKSPACE && q->scope != SCOPE_DEPLOYMENT)))
		e = fault_set(r->fault, "invalid", "scope", "must be WORKSPACE or DEPLOYMENT");
	if (e == 0)
		e = read_needed_text(r, object, "scopeEntityId", "scopeEntityId", &text);
	if (e == 0 && !id_from(text, &q->scope_id))
		e = fault_set(r->fault, "invalid", "scopeEntityId", "names no %s",
		    q->scope == SCOPE_WORKSPACE ? "Workspace" : "Deployment");
	return e;
}

static int
read_rest(struct reader *r, struct span object, enum scope scope, enum value_purpose purpose)
{
	int e = read_typed(r, object, purpose);

	if (e == 0)
		e = read_description(r, object);
	if (e == 0)
		e = read_auto_link(r, object);
	if (e == 0)
		e = read_links(r, object);
	if (e == 0)
		e = read_excludes(r, object);
	if (e == 0)
		e = check_scope_members(r, scope);
	return e == 0 ? buf_error(&r->body->text) : e;
}

int
object_body_create(struct object_body **out, struct span json, struct fault *f)
{
	struct reader r = { .fault = f };
	struct span object;
	int e = begin(&r.body, json, &object, f);

	if (e < 0)
		return e;
	e = read_identity(&r, object);
	if (e == 0)
		e = read_rest(&r, object, r.body->request.scope, VALUE_FOR_CREATE);
	if (e < 0)
		object_body_free(r.body);
	else
		*out = r.body;
	return e;
}

int
object_body_update(
    struct object_body **out, struct span json, const struct object_known *known, struct fault *f)
{
	static const char *const immutable[] = { "objectKey", "objectType", "scope",
		"scopeEntityId" };
	struct reader r = { .fault = f };
	struct span object;
	int e = begin(&r.body, json, &object, f);

	if (e < 0)
		return e;
	r.body->request.type = known->type;
	for (size_t i = 0; i < N_ELEMENTS(immutable) && e == 0; i++)
		if (get(object, immutable[i]).p)
			e = fault_set(f, "immutable", immutable[i],
			    "cannot change: delete the object and create it anew");
	if (e == 0)
		e = read_rest(&r, object, known->scope,
		    known->is_secret ? VALUE_FOR_SECRET_UPDATE : VALUE_FOR_UPDATE);
	if (e < 0)
		object_body_free(r.body);
	else
		*out = r.body;
	return e;
}

int
object_body_target(struct store_target *out, struct span json, struct fault *f)
{
	struct reader r = { .fault = f };
	struct span object;
	int e = begin(&r.body, json, &object, f);

	if (e < 0)
		return e;
	e = read_target(&r, object, "", out);
	object_body_free(r.body);
	return e;
}
