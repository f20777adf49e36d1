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

	/* A second one of this name was refused before. */
	if (scan_find(object, name, &value) < 0 || !value.p || scan_type(value) == SCAN_NULL)
		return (struct span){ 0 };
	return value;
}

bool
object_value_has_name(struct span object, struct span name)
{
	struct span at = object, raw, value;
	struct buf text = BUF_INIT(LIMIT_VALUE);
	bool found = false;

	while (!found && scan_member(&at, &raw, &value)) {
		buf_reset(&text);
		found = scan_name_text(raw, &text) == 0 && span_equal(span_of_buf(&text), name);
	}
	buf_fini(&text);
	return found;
}

/* A string value, as it is written without escapes. */
static bool
is_string(struct span value, const char *text)
{
	return value.n == strlen(text) + 2 && value.p[0] == '"' &&
	       !memcmp(value.p + 1, text, value.n - 2);
}

static bool
is_one_of(struct span string, const char *const *words)
{
	for (; *words; words++)
		if (is_string(string, *words))
			return true;
	return false;
}

/* An auth type must be in the catalogue, and for this type of connection. */
static int
check_auth_type(struct span typed, struct span value, const char *path, struct fault *f)
{
	struct span type = value_doc_member(typed, "type");
	const struct auth_type *t;
	const char *want;

	t = auth_type_find((struct span){ value.p + 1, value.n - 2 });
	if (!t)
		return fault_set(f, "invalid", path, "names no auth type of the catalogue");
	want = auth_type_connection(t);
	if (want && type.p && !is_string(type, want))
		return fault_set(f, "invalid", path, "is for connections of type %s", want);
	return 0;
}

/* Strings that are not free text. */
static int
check_string(enum manager_type type, const struct value_field *field, struct span typed,
    struct span value, const char *path, struct fault *f)
{
	static const char *const exporters[] = { "PROMETHEUS", NULL };
	static const char *const auths[] = { "BASIC", "AUTH_TOKEN", "SIGV4", NULL };

	if (type == MANAGER_CONNECTION && !strcmp(field->name, "type") && value.n == 2)
		return fault_set(f, "invalid", path, "must not be empty");
	if (!strcmp(field->name, "authTypeId"))
		return check_auth_type(typed, value, path, f);
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
		if (++n > VALUE_MAX_MEMBERS)
			return fault_set(
			    f, "invalid", path, "must have at most %d members", VALUE_MAX_MEMBERS);
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
check_member(enum manager_type type, enum value_purpose purpose, const struct value_field *field,
    struct span typed, struct span value, const char *path, struct fault *f)
{
	if (purpose == VALUE_FOR_OVERRIDE && !field->overridable)
		return fault_set(f, "invalid", path, "cannot be overridden");
	switch (field->kind) {
	case VALUE_STRING:
		if (scan_type(value) != SCAN_STRING)
			return fault_set(f, "invalid", path, "must be a string");
		return check_string(type, field, typed, value, path, f);
	case VALUE_INT:
		return check_port(value, path, f);
	case VALUE_BOOL:
		return check_flag(purpose, value, path, f);
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

int
object_value_read(enum manager_type type, enum value_purpose purpose, struct span typed,
    const char *path, struct buf *text, struct span *doc, struct fault *f)
{
	char name[FAULT_FIELD_SIZE];
	size_t from = text->len;
	int e = 0;

	if (scan_type(typed) != SCAN_OBJECT)
		return fault_set(f, "invalid", path, "must be an object");
	buf_addc(text, '{');
	for (const struct value_field *field = value_fields(type); field->name && e == 0; field++) {
		struct span value = value_doc_member(typed, field->name);

		if (!strcmp(field->name, "authTypeId") && is_string(value, ""))
			value.p = NULL; /* names none */
		(void)snprintf(name, sizeof name, "%s.%s", path, field->name);
		if (!value.p && is_required(type, purpose, field->name))
			e = fault_set(f, "required", name, "is required");
		else if (value.p)
			e = check_member(type, purpose, field, typed, value, name, f);
		if (e == 0 && value.p)
			e = copy_member(field, value, name, text, f);
		else if (e == 0 && field->kind == VALUE_BOOL && purpose == VALUE_FOR_CREATE)
			jtext_member_bool(text, field->name, false);
	}
	buf_addc(text, '}');
	if (e < 0)
		return e;
	if (buf_error(text))
		return buf_error(text);
	*doc = (struct span){ buf_str(text) + from, text->len - from };
	return 0;
}
