/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/object_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "manager/model/auth_types.h"

struct span
value_doc_member(struct span object, const char *name)
{
	struct span value = { 0 };

	/* A repeated name was refused before. */
	if (scan_find(object, name, &value) < 0 || !value.p || scan_type(value) == SCAN_NULL)
		return (struct span){ 0 };
	return value;
}

#define TYPED_MAX 16 /* more than the fields of any type */

/* The members of a typed body in the order of value_fields(); null is absent. */
struct typed {
	const char *names[TYPED_MAX + 1];
	struct span values[TYPED_MAX];
};

static void
pick_members(struct typed *t, enum manager_type type, struct span object)
{
	struct span at = object, raw, value;
	size_t n = 0;

	*t = (struct typed){ 0 };
	for (const struct value_field *f = value_fields(type); f->name && n < TYPED_MAX; f++)
		t->names[n++] = f->name;
	while (scan_member(&at, &raw, &value)) {
		for (size_t i = 0; i < n; i++) {
			if (scan_type(value) != SCAN_NULL && scan_name_is(raw, t->names[i]))
				t->values[i] = value;
		}
	}
}

/* True for a string value that is this text. */
static bool
is_string(struct span value, const char *text)
{
	return value.p[0] == '"' && scan_name_is((struct span){ value.p + 1, value.n - 2 }, text);
}

static bool
is_one_of(struct span string, const char *const *words)
{
	for (; *words; words++)
		if (is_string(string, *words))
			return true;
	return false;
}

/* Checks strings that are not free text. */
static int
check_string(enum manager_type type, const struct value_field *field, struct span value,
    const char *path, struct fault *f)
{
	static const char *const exporters[] = { "PROMETHEUS", NULL };
	static const char *const auths[] = { "BASIC", "AUTH_TOKEN", "SIGV4", NULL };

	if (type == MANAGER_CONNECTION && !strcmp(field->name, "type") && value.n == 2)
		return fault_set(f, "invalid", path, "must not be empty");
	if (type != MANAGER_METRICS_EXPORT)
		return 0;
	if (!strcmp(field->name, "endpoint") && value.n == 2)
		return fault_set(f, "invalid", path, "must not be empty");
	if (!strcmp(field->name, "exporterType") && !is_one_of(value, exporters))
		return fault_set(f, "invalid", path, "must be PROMETHEUS");
	if (!strcmp(field->name, "authType") && !is_one_of(value, auths))
		return fault_set(f, "invalid", path, "must be BASIC, AUTH_TOKEN or SIGV4");
	return 0;
}

static int
check_map(const struct value_field *field, struct span value, const char *path, struct fault *f)
{
	struct span at = value, name, member;
	size_t n = 0;

	if (scan_type(value) != SCAN_OBJECT)
		return fault_set(f, "invalid", path, "must be an object");
	while (scan_member(&at, &name, &member)) {
		if (++n > LIMIT_MEMBERS)
			return fault_set(
			    f, "invalid", path, "must have at most %d members", LIMIT_MEMBERS);
		if (field->kind == VALUE_STRING_MAP && scan_type(member) != SCAN_STRING)
			return fault_set(f, "invalid", path, "must be an object of strings");
	}
	return 0;
}

static int
check_port(struct span value, const char *path, struct fault *f)
{
	int64_t port = 0;

	if (scan_type(value) != SCAN_NUMBER || scan_int(value, &port) < 0 || port < 1 ||
	    port > 65535)
		return fault_set(f, "invalid", path, "must be an integer from 1 to 65535");
	return 0;
}

static int
check_flag(enum value_purpose purpose, struct span value, const char *path, struct fault *f)
{
	if (scan_type(value) != SCAN_BOOL)
		return fault_set(f, "invalid", path, "must be true or false");
	if (purpose != VALUE_FOR_CREATE && scan_bool(value) != (purpose == VALUE_FOR_SECRET_UPDATE))
		return fault_set(
		    f, "immutable", path, "cannot change: delete the object and create it anew");
	return 0;
}

static int
check_member(const struct value_reading *in, const struct value_field *field, struct span value,
    const char *path)
{
	struct fault *f = in->fault;

	if (in->purpose == VALUE_FOR_OVERRIDE && !field->overridable)
		return fault_set(f, "invalid", path, "cannot be overridden");
	switch (field->kind) {
	case VALUE_STRING:
	case VALUE_AUTH_TYPE:
		if (scan_type(value) != SCAN_STRING)
			return fault_set(f, "invalid", path, "must be a string");
		return check_string(in->type, field, value, path, f);
	case VALUE_INT:
		return check_port(value, path, f);
	case VALUE_BOOL:
		return check_flag(in->purpose, value, path, f);
	case VALUE_MAP:
	case VALUE_STRING_MAP:
		return check_map(field, value, path, f);
	}
	return 0;
}

static bool
is_required(enum manager_type type, enum value_purpose purpose, const char *name)
{
	if (purpose == VALUE_FOR_OVERRIDE)
		return false;
	switch (type) {
	case MANAGER_CONNECTION:
		return !strcmp(name, "type");
	case MANAGER_AIRFLOW_VARIABLE:
	case MANAGER_ENVIRONMENT_VARIABLE:
		return !strcmp(name, "value");
	case MANAGER_METRICS_EXPORT: /* its update is a patch */
		return purpose == VALUE_FOR_CREATE &&
		       (!strcmp(name, "endpoint") || !strcmp(name, "exporterType"));
	case MANAGER_N_TYPES:
		break;
	}
	return false;
}

static int
copy_member(const struct value_field *field, struct span value, const char *path, struct buf *text,
    struct fault *f)
{
	int e;

	jtext_name(text, field->name);
	e = scan_compact(value, text);
	if (e == -EILSEQ)
		return fault_set(f, "invalid", path, "holds U+0000 or an unpaired surrogate");
	return e;
}

/* An auth type of "" names none; one of the catalogue must be for this type of connection. */
static int
check_auth_type(const struct value_reading *in, struct span type, struct span *id)
{
	const struct auth_type *t;
	const char *want;
	char name[FAULT_FIELD_SIZE];

	if (!id->p || scan_type(*id) != SCAN_STRING)
		return 0; /* check_member() reports it */
	if (is_string(*id, "")) {
		id->p = NULL;
		return 0;
	}
	t = auth_type_find((struct span){ id->p + 1, id->n - 2 });
	want = t ? auth_type_connection(t) : NULL;
	if (!want || !type.p || is_string(type, want))
		return 0;
	(void)snprintf(name, sizeof name, "%s.authTypeId", in->path);
	return fault_set(in->fault, "invalid", name, "is for connections of type %s", want);
}

static int
read_member(const struct value_reading *in, const struct value_field *field, struct span value)
{
	char name[FAULT_FIELD_SIZE];
	int e;

	(void)snprintf(name, sizeof name, "%s.%s", in->path, field->name);
	if (!value.p && is_required(in->type, in->purpose, field->name))
		return fault_set(in->fault, "required", name, "is required");
	if (!value.p) {
		if (field->kind == VALUE_BOOL && in->purpose == VALUE_FOR_CREATE)
			jtext_member_bool(in->text, field->name, false);
		return 0;
	}
	e = check_member(in, field, value, name);
	return e == 0 ? copy_member(field, value, name, in->text, in->fault) : e;
}

int
object_value_read(const struct value_reading *in, struct span typed, struct span *doc)
{
	size_t from = in->text->len;
	struct typed t;
	int e = 0;

	if (scan_type(typed) != SCAN_OBJECT)
		return fault_set(in->fault, "invalid", in->path, "must be an object");
	pick_members(&t, in->type, typed);
	ignored_note(in->ignored, typed, in->path, t.names);
	buf_addc(in->text, '{');
	for (size_t i = 0; t.names[i] && e == 0; i++) {
		const struct value_field *f = &value_fields(in->type)[i];

		if (f->kind == VALUE_AUTH_TYPE)
			e = check_auth_type(in, t.values[0], &t.values[i]);
		if (e == 0)
			e = read_member(in, f, t.values[i]);
	}
	buf_addc(in->text, '}');
	if (e < 0)
		return e;
	if (buf_error(in->text))
		return buf_error(in->text);
	*doc = (struct span){ buf_str(in->text) + from, in->text->len - from };
	return 0;
}
