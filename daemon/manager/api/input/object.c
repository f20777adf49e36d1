/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/object_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/key.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "manager/api/input/body.h"
#include "manager/api/input/object_value.h"

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

const struct ignored *
object_body_ignored(const struct object_body *b)
{
	return &b->ignored;
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

const char *
object_scope_word(enum scope scope)
{
	switch (scope) {
	case SCOPE_ORGANIZATION:
		return "organization";
	case SCOPE_WORKSPACE:
		return "Workspace";
	case SCOPE_DEPLOYMENT:
		return "Deployment";
	case SCOPE_PROJECT:
		return "project";
	case SCOPE_N:
		break;
	}
	return "";
}

void
object_body_link_field(
    const struct object_body *b, size_t index, char out[static OBJECT_LINK_FIELD_SIZE])
{
	bool project = index >= b->n_deployment_links;

	(void)snprintf(out, OBJECT_LINK_FIELD_SIZE, "%s[%zu].scopeEntityId",
	    project ? "projectLinks" : "links", project ? index - b->n_deployment_links : index);
}

/* --- one member ----------------------------------------------------------------------- */

static struct span
get(struct span object, const char *name)
{
	return value_doc_member(object, name);
}

int
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

int
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
read_flag(struct reader *r, struct span object, const char *name, bool otherwise, bool *out)
{
	struct span value = get(object, name);

	*out = otherwise;
	if (!value.p)
		return 0;
	if (scan_type(value) != SCAN_BOOL)
		return fault_set(r->fault, "invalid", name, "must be true or false");
	*out = scan_bool(value);
	return 0;
}

/* Clients that do not know projects leave the second one out, and mean nothing by it. */
static int
read_auto_links(struct reader *r, struct span object)
{
	struct store_object_request *q = &r->body->request;
	int e = read_flag(r, object, "autoLinkDeployments", false, &q->auto_link);

	if (e == 0)
		e = read_flag(r, object, "autoLinkProjects",
		    r->known && r->known->auto_link_projects, &q->auto_link_projects);
	return e;
}

/* --- keys ----------------------------------------------------------------------------- */

int
object_key_check(enum manager_type type, struct span key, struct fault *f)
{
	if (!key.n || utf8_length(key) > LIMIT_KEY)
		return fault_set(
		    f, "invalid", "objectKey", "must be 1 to %d characters long", LIMIT_KEY);
	switch (type) {
	case MANAGER_CONNECTION:
		if (!key_is_conn_id(key))
			return fault_set(f, "invalid", "objectKey",
			    "of a connection may hold letters, digits and _ # ! ( ) - . : / \\ "
			    "only");
		break;
	case MANAGER_ENVIRONMENT_VARIABLE:
		if (!key_is_env_name(key))
			return fault_set(f, "invalid", "objectKey",
			    "of an environment variable must match [A-Za-z_][A-Za-z0-9_]*");
		break;
	case MANAGER_AIRFLOW_VARIABLE:
	case MANAGER_METRICS_EXPORT:
	case MANAGER_N_TYPES:
		if (!key_is_variable_name(key))
			return fault_set(
			    f, "invalid", "objectKey", "must not hold control characters");
		break;
	}
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
	/*
	 * Twice the body, since a text may be kept both decoded and inside a document, and a little
	 * more.
	 */
	buf_init(&b->text, 2 * json.n + 4096);
	if (!buf_room(&b->text, 2 * json.n + 4095)) {
		object_body_free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

/* A create may leave it out: the object has no value until an update gives it one. */
static int
read_typed(struct reader *r, struct span object, enum value_purpose purpose)
{
	struct store_object_request *q = &r->body->request;
	const char *own = object_type_member(q->type);
	struct value_reading in = { q->type, purpose, own, &r->body->text, &r->body->ignored,
		r->fault };
	struct span typed = get(object, own);

	for (enum manager_type t = 0; t < MANAGER_N_TYPES; t++) {
		if (t != q->type && get(object, object_type_member(t)).p)
			return fault_set(r->fault, "invalid", object_type_member(t),
			    "does not belong to an object of type %s", manager_type_name(q->type));
	}
	r->body->has_value = typed.p;
	q->value = SPAN_LITERAL(VALUE_NONE);
	if (typed.p)
		return object_value_read(&in, typed, &q->value);
	return r->known ? fault_set(r->fault, "required", own, "is required") : 0;
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
	if (e == 0 && (!scope_from(text, &q->scope) || q->scope == SCOPE_ORGANIZATION))
		e = fault_set(
		    r->fault, "invalid", "scope", "must be WORKSPACE, DEPLOYMENT or PROJECT");
	if (e == 0)
		e = read_needed_text(r, object, "scopeEntityId", "scopeEntityId", &text);
	if (e == 0 && !id_from(text, &q->scope_id))
		e = fault_set(r->fault, "invalid", "scopeEntityId", "is not the id of a %s",
		    object_scope_word(q->scope));
	return e;
}

static int
read_rest(struct reader *r, struct span object, enum scope scope, enum value_purpose purpose)
{
	static const char *const known[] = { "objectKey", "objectType", "scope", "scopeEntityId",
		"description", "connection", "airflowVariable", "environmentVariable",
		"metricsExport", "autoLinkDeployments", "autoLinkProjects", "links", "projectLinks",
		"excludeLinks", NULL };
	int e = read_typed(r, object, purpose);

	ignored_note(&r->body->ignored, object, "", known);
	if (e == 0)
		e = read_description(r, object);
	if (e == 0)
		e = read_auto_links(r, object);
	if (e == 0)
		e = read_all_links(r, object, scope);
	return e == 0 ? buf_error(&r->body->text) : e;
}

static enum value_purpose
purpose_of(const struct object_known *known)
{
	if (!known->has_value)
		return VALUE_FOR_CREATE;
	return known->is_secret ? VALUE_FOR_SECRET_UPDATE : VALUE_FOR_UPDATE;
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

/* Clients send back what they have read, so only a different value is refused. */
static int
check_unchanged(struct reader *r, struct span object)
{
	const struct object_known *known = r->known;
	const struct {
		const char *name;
		struct span value;
	} fixed[] = {
		{ "objectKey", known->key },
		{ "objectType", span_of(manager_type_name(known->type)) },
		{ "scope", span_of(scope_name(known->scope)) },
		{ "scopeEntityId", span_of(known->scope_id.s) },
	};
	struct span text = { 0 };
	int e = 0;

	for (size_t i = 0; i < N_ELEMENTS(fixed) && e == 0; i++) {
		struct span sent = get(object, fixed[i].name);

		if (sent.p)
			e = read_text(r, sent, fixed[i].name, &text);
		if (sent.p && e == 0 && !span_equal(text, fixed[i].value))
			e = fault_set(r->fault, "immutable", fixed[i].name,
			    "cannot change: delete the object and create it anew");
	}
	return e;
}

int
object_body_update(
    struct object_body **out, struct span json, const struct object_known *known, struct fault *f)
{
	struct reader r = { .known = known, .fault = f };
	struct span object;
	int e = begin(&r.body, json, &object, f);

	if (e < 0)
		return e;
	r.body->request.type = known->type;
	e = check_unchanged(&r, object);
	if (e == 0)
		e = read_rest(&r, object, known->scope, purpose_of(known));
	if (e < 0)
		object_body_free(r.body);
	else
		*out = r.body;
	return e;
}

int
object_body_target(
    struct store_target *out, struct span json, struct ignored *ignored, struct fault *f)
{
	struct reader r = { .fault = f };
	struct span object;
	int e = begin(&r.body, json, &object, f);

	if (e < 0)
		return e;
	ignored_note(ignored, object, "", target_members);
	e = read_link_target(&r, object, "", SCOPE_DEPLOYMENT, out);
	object_body_free(r.body);
	return e;
}
