/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/encode.h"

#include "base/clock.h"
#include "base/json/write.h"
#include "manager/api/input/object.h"
#include "manager/api/input/object_value.h"
#include "manager/model/auth_types.h"

#define PAGE_ENOUGH (4 * 1024 * 1024)

int
encode_page_is_full(const struct buf *out)
{
	return buf_error(out) ? buf_error(out) : out->len > PAGE_ENOUGH;
}

void
encode_time(const char *name, int64_t wall_ms, struct buf *out)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_rfc3339(wall_ms, text);
	jtext_member_string(out, name, span_of(text));
}

void
encode_subject(const char *name, const struct store_subject *s, struct buf *out)
{
	if (id_is_none(&s->token))
		return; /* the command line, which has no profile */
	jtext_name(out, name);
	buf_addc(out, '{');
	jtext_member_string(out, "id", span_of(s->token.s));
	jtext_member_string(out, "subjectType", SPAN_LITERAL("SERVICEKEY"));
	jtext_member_string(out, "apiTokenName", s->name);
	buf_addc(out, '}');
}

/* The document as it may be seen, as members of an open object. */
static void
write_document(const struct store_object *o, struct span doc, bool override,
    const struct encode_view *view, struct buf *out)
{
	struct value_secrets secrets = value_secrets(o->type, o->value);

	if (view && view->show_secrets)
		value_write(o->type, doc, out);
	else
		value_write_masked(o->type, doc, &secrets, override, out);
}

/* A known auth type is written with its catalogue entry, an unknown one as it was given. */
static void
write_auth_type(const struct store_object *o, struct buf *out)
{
	struct value_secrets secrets = value_secrets(o->type, o->value);
	struct span id = value_doc_member(o->value, "authTypeId");

	if (secrets.auth) {
		jtext_name(out, "connectionAuthType");
		auth_type_encode(secrets.auth, out);
	} else if (o->type == MANAGER_CONNECTION && id.p) {
		jtext_name(out, "authTypeId");
		buf_add(out, id.p, id.n);
	}
}

/* Absent until the object has a value. */
static void
encode_value(const struct store_object *o, const struct encode_view *view, struct buf *out)
{
	if (value_is_none(o->value))
		return;
	jtext_name(out, object_type_member(o->type));
	buf_addc(out, '{');
	write_auth_type(o, out);
	write_document(o, o->value, false, view, out);
	buf_addc(out, '}');
}

/* A secret variable's override of "" overrides nothing, but is shown as it was given. */
static bool
is_blank_variable(const struct store_object *o, struct span override)
{
	return (o->type == MANAGER_AIRFLOW_VARIABLE || o->type == MANAGER_ENVIRONMENT_VARIABLE) &&
	       span_is(override, VALUE_EMPTY_OVERRIDE);
}

static void
encode_override(const struct store_object *o, const struct store_link *l,
    const struct encode_view *view, struct buf *out)
{
	static const char *const names[MANAGER_N_TYPES] = {
		[MANAGER_CONNECTION] = "connectionOverrides",
		[MANAGER_AIRFLOW_VARIABLE] = "airflowVariableOverrides",
		[MANAGER_ENVIRONMENT_VARIABLE] = "environmentVariableOverrides",
		[MANAGER_METRICS_EXPORT] = "metricsExportOverrides",
	};

	if (span_is(l->override, VALUE_NO_OVERRIDE))
		return;
	jtext_name(out, names[o->type]);
	buf_addc(out, '{');
	if (is_blank_variable(o, l->override))
		jtext_member_string(out, "value", SPAN_LITERAL(""));
	else
		write_document(o, l->override, true, view, out);
	buf_addc(out, '}');
}

static void
encode_links(const struct store_object *o, enum scope scope, const char *member,
    const struct encode_view *view, struct buf *out)
{
	size_t n = 0;

	jtext_name(out, member);
	buf_addc(out, '[');
	for (size_t i = 0; i < o->n_links; i++) {
		const struct store_link *l = &o->links[i];

		if (l->scope != scope)
			continue;
		buf_adds(out, n++ ? ",{" : "{");
		jtext_member_string(out, "scope", span_of(scope_name(l->scope)));
		jtext_member_string(out, "scopeEntityId", span_of(l->entity.s));
		encode_override(o, l, view, out);
		jtext_name(out, "setFields");
		value_set_fields(o->type, l->override, out);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

/*
 * In a member of their own, and only if there are some, because stock clients do not know projects.
 */
static void
encode_project_links(const struct store_object *o, const struct encode_view *view, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < o->n_links; i++)
		any |= o->links[i].scope == SCOPE_PROJECT;
	if (any)
		encode_links(o, SCOPE_PROJECT, "projectLinks", view, out);
	if (o->auto_link_projects)
		jtext_member_bool(out, "autoLinkProjects", true);
}

static void
encode_excludes(const struct store_object *o, struct buf *out)
{
	jtext_name(out, "excludeLinks");
	buf_addc(out, '[');
	for (size_t i = 0; i < o->n_excludes; i++) {
		buf_adds(out, i ? ",{" : "{");
		jtext_member_string(out, "scope", span_of(scope_name(o->excludes[i].scope)));
		jtext_member_string(out, "scopeEntityId", span_of(o->excludes[i].entity.s));
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

/*
 * A row that came through a link has the scope of the place that is listed, and says where it comes
 * from.
 */
static void
encode_place(const struct store_object *o, const struct encode_view *view, struct buf *out)
{
	bool linked = o->resolved_link && view;

	jtext_member_string(out, "scope", span_of(scope_name(linked ? view->scope : o->scope)));
	jtext_member_string(
	    out, "scopeEntityId", span_of(linked ? view->scope_id.s : o->scope_id.s));
	if (!linked)
		return;
	jtext_member_string(out, "sourceScope", span_of(scope_name(o->scope)));
	jtext_member_string(out, "sourceScopeEntityId", span_of(o->scope_id.s));
}

/* The members of an object, but for times and subjects. */
static void
encode_content(const struct store_object *o, const struct encode_view *view, struct buf *out)
{
	bool whole = !view || !view->resolved;

	/* A merged row has no id: an update by it would change what other Deployments see. */
	if (whole)
		jtext_member_string(out, "id", span_of(o->id.s));
	jtext_member_string(out, "objectKey", o->key);
	jtext_member_string(out, "objectType", span_of(manager_type_name(o->type)));
	encode_place(o, view, out);
	jtext_member_string(out, "description", o->description);
	encode_value(o, view, out);
	jtext_name(out, "setFields");
	value_set_fields(o->type, o->value, out);
	if (whole) {
		if (o->scope == SCOPE_WORKSPACE)
			jtext_member_bool(out, "autoLinkDeployments", o->auto_link);
		encode_links(o, SCOPE_DEPLOYMENT, "links", view, out);
		encode_project_links(o, view, out);
		encode_excludes(o, out);
	}
}

void
encode_object_version(const struct store_object *o, struct buf *out)
{
	static const struct encode_view own = { 0 };

	buf_addc(out, '{');
	encode_content(o, &own, out);
	buf_addc(out, '}');
}

void
encode_object(const struct store_object *o, const struct encode_view *view, struct buf *out)
{
	buf_addc(out, '{');
	encode_content(o, view, out);
	encode_time("createdAt", o->created_ms, out);
	encode_time("updatedAt", o->updated_ms, out);
	encode_subject("createdBy", &o->created_by, out);
	encode_subject("updatedBy", &o->updated_by, out);
	buf_addc(out, '}');
}
