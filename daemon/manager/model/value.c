/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/model/value_internal.h"

#include "base/json/scan.h"
#include "base/json/write.h"
#include "manager/model/auth_types.h"

static const struct value_field connection_fields[] = {
	{ "type", VALUE_STRING, VALUE_PLAIN, true },
	{ "authTypeId", VALUE_AUTH_TYPE, VALUE_PLAIN, false },
	{ "host", VALUE_STRING, VALUE_PLAIN, true },
	{ "login", VALUE_STRING, VALUE_PLAIN, true },
	{ "password", VALUE_STRING, VALUE_SECRET, true },
	{ "schema", VALUE_STRING, VALUE_PLAIN, true },
	{ "port", VALUE_INT, VALUE_PLAIN, true },
	{ "extra", VALUE_MAP, VALUE_BY_AUTH_TYPE, true },
	{ 0 },
};
static const struct value_field variable_fields[] = {
	{ "value", VALUE_STRING, VALUE_BY_FLAG, true },
	{ "isSecret", VALUE_BOOL, VALUE_PLAIN, false },
	{ 0 },
};
static const struct value_field export_fields[] = {
	{ "endpoint", VALUE_STRING, VALUE_PLAIN, true },
	{ "exporterType", VALUE_STRING, VALUE_PLAIN, true },
	{ "authType", VALUE_STRING, VALUE_PLAIN, true },
	{ "basicToken", VALUE_STRING, VALUE_SECRET, true },
	{ "username", VALUE_STRING, VALUE_PLAIN, true },
	{ "password", VALUE_STRING, VALUE_SECRET, true },
	{ "sigV4AssumeArn", VALUE_STRING, VALUE_PLAIN, true },
	{ "sigV4StsRegion", VALUE_STRING, VALUE_PLAIN, true },
	{ "headers", VALUE_STRING_MAP, VALUE_PLAIN, true },
	{ "labels", VALUE_STRING_MAP, VALUE_PLAIN, true },
	{ 0 },
};

const struct value_field *
value_fields(enum manager_type type)
{
	switch (type) {
	case MANAGER_CONNECTION:
		return connection_fields;
	case MANAGER_AIRFLOW_VARIABLE:
	case MANAGER_ENVIRONMENT_VARIABLE:
		return variable_fields;
	case MANAGER_METRICS_EXPORT:
		return export_fields;
	case MANAGER_N_TYPES:
		break;
	}
	return NULL;
}

const struct value_field *
value_field(enum manager_type type, struct span name)
{
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		if (span_is(name, f->name))
			return f;
	}
	return NULL;
}

#define FITS(table) (N_ELEMENTS(table) - 1 <= VALUE_MAX_FIELDS)
_Static_assert(FITS(connection_fields) && FITS(variable_fields) && FITS(export_fields),
    "a document has room for every field of its type");

/* ---- reading documents ---- */

void
value_doc_read(struct value_doc *d, enum manager_type type, struct span doc)
{
	const struct value_field *first = value_fields(type);
	struct span at = doc, name, value;

	*d = (struct value_doc){ 0 };
	while (doc.p && scan_member(&at, &name, &value)) {
		const struct value_field *f = value_field(type, name);

		if (f)
			d->fields[f - first] = value;
		else if (span_is(name, "secretExtra"))
			d->secret_extra = value;
	}
}

bool
value_is_empty_string(struct span value)
{
	return value.p && value.n == 2 && value.p[0] == '"';
}

bool
value_is_map(const struct value_field *f)
{
	return f->kind == VALUE_MAP || f->kind == VALUE_STRING_MAP;
}

bool
value_is_empty_map(struct span map)
{
	struct span at = map, name, value;

	return !scan_member(&at, &name, &value);
}

bool
value_is_none(struct span doc)
{
	return span_is(doc, VALUE_NONE);
}

bool
value_is_secret(struct span doc)
{
	struct span flag = scan_get(doc, "isSecret");

	return flag.p && scan_bool(flag);
}

/* Returns the auth type that a connection's document names; NULL if it is not in the catalogue. */
static const struct auth_type *
auth_type_of(struct span doc)
{
	struct span id = scan_get(doc, "authTypeId");

	return id.n > 2 ? auth_type_find((struct span){ id.p + 1, id.n - 2 }) : NULL;
}

struct value_secrets
value_secrets(enum manager_type type, struct span doc)
{
	return (struct value_secrets){
		.flag = value_is_none(doc) || value_is_secret(doc),
		.auth = type == MANAGER_CONNECTION ? auth_type_of(doc) : NULL,
	};
}

struct value_transition
value_transition(enum manager_type type, struct span doc_was, struct span doc_now)
{
	return (struct value_transition){ type, value_secrets(type, doc_was),
		value_secrets(type, doc_now) };
}

bool
value_is_hidden(const struct value_field *f, const struct value_secrets *s)
{
	return f->secrecy == VALUE_SECRET || (f->secrecy == VALUE_BY_FLAG && s->flag);
}

/* ---- names ---- */

static void
set_map_fields(const char *field, struct span map, struct buf *out)
{
	struct span at = map, name, value;

	while (scan_member(&at, &name, &value)) {
		if (value_is_empty_string(value) || scan_type(value) == SCAN_NULL)
			continue;
		jtext_next(out);
		buf_addc(out, '"');
		buf_adds(out, field);
		buf_addc(out, '.');
		buf_add(out, name.p, name.n);
		buf_addc(out, '"');
	}
}

void
value_set_fields(enum manager_type type, struct span doc, struct buf *out)
{
	struct value_doc d;

	value_doc_read(&d, type, doc);
	buf_addc(out, '[');
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		struct span value = d.fields[f - value_fields(type)];

		if (!value.p || f->kind == VALUE_BOOL || f->kind == VALUE_AUTH_TYPE)
			continue;
		if (value_is_map(f)) {
			set_map_fields(f->name, value, out);
		} else if (!value_is_empty_string(value)) {
			jtext_next(out);
			jtext_string(out, span_of(f->name));
		}
	}
	buf_addc(out, ']');
}

struct change_report {
	void (*each)(void *arg, const char *field, struct span raw_member);
	void *arg;
};

/* Reports the members of `of` that are missing in `other`, or, with `values`, differ there. */
static void
report_members(const struct change_report *to, const char *field, const struct json_members *of,
    const struct json_members *other, bool values)
{
	for (size_t i = 0; i < of->n; i++) {
		const struct json_member *m = &of->all[i];
		const struct json_member *twin = json_members_find(other, m->name);

		if (!twin || (values && !span_equal(twin->value, m->value)))
			to->each(to->arg, field, m->raw);
	}
}

static int
report_map(const struct change_report *to, const char *field, struct span was, struct span now)
{
	struct json_members before, after = { 0 };
	int r;

	if (span_equal(was, now))
		return 0;
	r = json_members_read(&before, was);
	if (r == 0)
		r = json_members_read(&after, now);
	if (r == 0) {
		report_members(to, field, &after, &before, true);
		report_members(to, field, &before, &after, false);
	}
	json_members_fini(&before);
	json_members_fini(&after);
	return r;
}

int
value_changes(enum manager_type type, struct span was, struct span now,
    void (*each)(void *arg, const char *field, struct span raw_member), void *arg)
{
	const struct change_report to = { each, arg };
	struct value_doc a, b;
	int r = 0;

	if (span_equal(was, now))
		return 0;
	value_doc_read(&a, type, was);
	value_doc_read(&b, type, now);
	for (const struct value_field *f = value_fields(type); r == 0 && f && f->name; f++) {
		size_t i = (size_t)(f - value_fields(type));

		if (value_is_map(f))
			r = report_map(&to, f->name, a.fields[i], b.fields[i]);
		else if (!span_equal(a.fields[i], b.fields[i]))
			each(arg, f->name, (struct span){ 0 });
	}
	return r;
}

/* ---- writing documents ---- */

void
value_put(struct buf *out, const char *name, struct span value)
{
	if (!value.p)
		return;
	jtext_name(out, name);
	buf_add(out, value.p, value.n);
}

void
value_write(enum manager_type type, struct span doc, struct buf *out)
{
	struct value_doc d;

	value_doc_read(&d, type, doc);
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		if (f->kind != VALUE_AUTH_TYPE)
			value_put(out, f->name, d.fields[f - value_fields(type)]);
	}
}

/* Writes extra without secrets: "" in an object; left out of an override. */
static int
mask_extra(const struct value_doc *d, struct span extra, const struct value_secrets *s,
    bool override, struct buf *out)
{
	struct value_map_writer w;
	struct json_members all;
	int r = value_map_read(&all, extra, d->secret_extra);

	value_map_begin(&w, out, "extra", NULL);
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		struct json_member m = all.all[i];
		bool secret = (m.marks & MARK_SECRET) || value_extra_is_secret(s, m.name);

		if (secret)
			m.value = SPAN_LITERAL("\"\"");
		if (!secret || !override)
			value_map_take(&w, &m);
	}
	json_members_fini(&all);
	return r < 0 ? r : value_map_end(&w, !override);
}

void
value_write_masked(enum manager_type type, struct span doc, const struct value_secrets *s,
    bool override, struct buf *out)
{
	struct value_doc d;
	int r = 0;

	value_doc_read(&d, type, doc);
	for (const struct value_field *f = value_fields(type); r == 0 && f && f->name; f++) {
		struct span value = d.fields[f - value_fields(type)];

		if (!value.p || f->kind == VALUE_AUTH_TYPE)
			continue;
		if (f->secrecy == VALUE_BY_AUTH_TYPE)
			r = mask_extra(&d, value, s, override, out);
		else if (!value_is_hidden(f, s))
			value_put(out, f->name, value);
		else if (f->secrecy == VALUE_BY_FLAG)
			value_put(out, f->name, SPAN_LITERAL("\"\""));
	}
	if (r < 0)
		out->error = r;
}
