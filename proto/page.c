/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/page.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json/scan.h"
#include "base/mem.h"

static const struct {
	struct span name;
	const char *body; /* the member of a row that holds the values of this type */
} types[MANAGER_N_TYPES] = {
	[MANAGER_CONNECTION] = { SPAN_LITERAL("CONNECTION"), "connection" },
	[MANAGER_AIRFLOW_VARIABLE] = { SPAN_LITERAL("AIRFLOW_VARIABLE"), "airflowVariable" },
	[MANAGER_ENVIRONMENT_VARIABLE] = { SPAN_LITERAL("ENVIRONMENT_VARIABLE"),
	    "environmentVariable" },
	[MANAGER_METRICS_EXPORT] = { SPAN_LITERAL("METRICS_EXPORT"), "metricsExport" },
};

const char *
manager_type_name(enum manager_type t)
{
	return types[t].name.p;
}

bool
manager_type_from(struct span name, enum manager_type *out)
{
	for (size_t i = 0; i < MANAGER_N_TYPES; i++)
		if (span_equal(name, types[i].name)) {
			*out = (enum manager_type)i;
			return true;
		}
	return false;
}

/* --- members -------------------------------------------------------------------------- */

/* A member to find, and where to put its value. null counts as absent. */
struct field {
	const char *name;
	struct span *value;
};

#define MAX_FIELDS 16
#define NONE       SIZE_MAX

/* Finds the members of an object. Returns the index of a duplicate one, or NONE. */
static size_t
collect(struct span object, const struct field *fields, size_t n)
{
	struct span name, value;
	bool seen[MAX_FIELDS] = { false };

	for (size_t i = 0; i < n; i++)
		*fields[i].value = (struct span){ 0 };
	while (scan_member(&object, &name, &value))
		for (size_t i = 0; i < n; i++) {
			if (!scan_name_is(name, fields[i].name))
				continue;
			if (seen[i])
				return i;
			seen[i] = true;
			if (scan_type(value) != SCAN_NULL)
				*fields[i].value = value;
			break;
		}
	return NONE;
}

static bool
is_type(struct span value, enum scan_type type)
{
	return value.p && scan_type(value) == type;
}

static bool
string_is(struct span value, const char *literal)
{
	return is_type(value, SCAN_STRING) &&
	       scan_name_is((struct span){ value.p + 1, value.n - 2 }, literal);
}

static bool
is_blank(struct span value)
{
	return is_type(value, SCAN_STRING) && value.n == 2;
}

static size_t
count_members(struct span object)
{
	struct span name, value;
	size_t n = 0;

	while (scan_member(&object, &name, &value))
		n++;
	return n;
}

/* --- one row -------------------------------------------------------------------------- */

struct reading {
	enum manager_type type;
	struct span deployment;
	struct buf *scratch;
	struct why *why;
	size_t index; /* of the row, from 1 */
	struct manager_row row;
};

/* Refuses the whole list. */
static int fail(struct reading *r, const char *fmt, ...) PRINTF(2, 3);

static int
fail(struct reading *r, const char *fmt, ...)
{
	va_list args;

	if (r->index)
		why_set(r->why, "row %zu: ", r->index);
	va_start(args, fmt);
	why_add_args(r->why, fmt, args);
	va_end(args);
	return -EBADMSG;
}

/* Bytes of a key as written, with quotes: an escape takes at most six bytes per byte of text. */
#define MAX_KEY (6 * LIMIT_KEY_BYTES + 2)
#define MAX_ID  1024

/* Returned by the functions below when only this row is unusable. */
#define SPOILT 1

static int
spoil(struct reading *r, const char *field)
{
	r->row = (struct manager_row){
		.verdict = ROW_INVALID,
		.key = r->row.key,
		.bad_field = span_of(field),
	};
	return SPOILT;
}

/* Decodes a string; *out stays absent for an absent value. 0, SPOILT, or scratch's error. */
static int
take_text(struct reading *r, const char *field, struct span value, struct span *out)
{
	size_t from = r->scratch->len;
	int rc;

	if (!value.p)
		return 0;
	if (scan_type(value) != SCAN_STRING)
		return spoil(r, field);
	rc = scan_string(value, r->scratch);
	if (rc == -EILSEQ)
		return spoil(r, field);
	if (rc < 0)
		return rc;
	*out = (struct span){ r->scratch->data + from, r->scratch->len - from };
	return 0;
}

static int
take_port(struct reading *r, struct span value)
{
	int64_t port = 0;

	if (value.p && (scan_int(value, &port) < 0 || port < 0 || port > 65535))
		return spoil(r, "port");
	r->row.port = (int32_t)port;
	return 0;
}

static int
take_extra(struct reading *r, struct span value)
{
	size_t from = r->scratch->len, n;
	int rc;

	if (!value.p)
		return 0;
	if (scan_type(value) != SCAN_OBJECT)
		return spoil(r, "extra");
	n = count_members(value);
	if (!n)
		return 0;
	if (n > LIMIT_ROW_NAMES)
		return spoil(r, "extra");
	rc = scan_compact(value, r->scratch);
	if (rc == -EILSEQ)
		return spoil(r, "extra");
	if (rc < 0)
		return rc;
	r->row.extra = (struct span){ r->scratch->data + from, r->scratch->len - from };
	return 0;
}

static int
read_connection(struct reading *r, struct span body, struct span description)
{
	struct manager_row *row = &r->row;
	struct span type, host, login, password, schema, port, extra;
	const struct field fields[] = {
		{ "type", &type },
		{ "host", &host },
		{ "login", &login },
		{ "password", &password },
		{ "schema", &schema },
		{ "port", &port },
		{ "extra", &extra },
	};
	struct span *const texts[] = { &row->conn_type, &row->host, &row->login, &row->password,
		&row->schema };
	size_t twice = collect(body, fields, N_ELEMENTS(fields));
	int rc;

	if (twice != NONE)
		return spoil(r, fields[twice].name);
	rc = take_text(r, "description", description, &row->description);
	for (size_t i = 0; rc == 0 && i < N_ELEMENTS(texts); i++)
		rc = take_text(r, fields[i].name, *fields[i].value, texts[i]);
	if (rc == 0 && !row->conn_type.n)
		rc = spoil(r, "type");
	if (rc == 0)
		rc = take_port(r, port);
	if (rc == 0)
		rc = take_extra(r, extra);
	if (!row->password.n)
		row->password.p = NULL; /* an empty password counts as absent */
	return rc;
}

/* Sets *open when isSecret is false: the value is then not a secret. */
static int
read_variable(struct reading *r, struct span body, bool *open)
{
	struct span value, is_secret;
	const struct field fields[] = { { "value", &value }, { "isSecret", &is_secret } };
	size_t twice = collect(body, fields, N_ELEMENTS(fields));

	if (twice != NONE)
		return spoil(r, fields[twice].name);
	if (is_secret.p && scan_type(is_secret) != SCAN_BOOL)
		return spoil(r, "isSecret");
	*open = is_secret.p && !scan_bool(is_secret);
	return take_text(r, "value", value, &r->row.value);
}

/*
 * True if the row holds the field that setFields names, or if that field is not a secret. name is
 * decoded.
 */
static bool
holds(const struct reading *r, const char *name, bool open)
{
	struct span at = r->row.extra, member, value;

	if (r->type != MANAGER_CONNECTION)
		return open || strcmp(name, "value") != 0 || r->row.value.n > 0;
	if (strcmp(name, "password") == 0)
		return r->row.password.n > 0;
	if (strncmp(name, "extra.", 6) != 0)
		return true;
	while (scan_member(&at, &member, &value))
		if (scan_name_is(member, name + 6))
			return !is_blank(value); /* null counts as a value here */
	return false;
}

/*
 * Compares setFields with the values in the row. The names of missing secrets are appended to
 * scratch as a JSON array, as written.
 */
static int
check_set_fields(struct reading *r, struct span set_fields, bool open)
{
	struct buf *scratch = r->scratch;
	size_t from = scratch->len, n = 0;
	struct span field;

	if (!set_fields.p)
		return 0;
	if (scan_type(set_fields) != SCAN_ARRAY)
		return spoil(r, "setFields");
	buf_addc(scratch, '[');
	while (scan_element(&set_fields, &field)) {
		size_t end = scratch->len;
		struct span name = { 0 };
		int rc = ++n > LIMIT_ROW_NAMES ? spoil(r, "setFields")
					       : take_text(r, "setFields", field, &name);

		if (rc)
			return rc;
		rc = holds(r, name.p, open);
		/* The decoded name is no longer needed. */
		mem_wipe(scratch->data + end, scratch->len - end);
		scratch->len = end;
		if (rc)
			continue;
		if (end > from + 1)
			buf_addc(scratch, ',');
		buf_add(scratch, field.p, field.n);
	}
	if (scratch->len == from + 1)
		return buf_error(scratch);
	buf_addc(scratch, ']');
	r->row = (struct manager_row){
		.verdict = ROW_WITHHELD,
		.key = r->row.key,
		.withheld_json = { scratch->data + from, scratch->len - from },
	};
	return buf_error(scratch);
}

static int
read_body(struct reading *r, struct span body, struct span description, struct span set_fields)
{
	bool open = false;
	int rc = 0;

	if (!is_type(body, SCAN_OBJECT))
		return spoil(r, types[r->type].body);
	switch (r->type) {
	case MANAGER_CONNECTION:
		rc = read_connection(r, body, description);
		break;
	case MANAGER_AIRFLOW_VARIABLE:
	case MANAGER_ENVIRONMENT_VARIABLE:
		rc = read_variable(r, body, &open);
		break;
	case MANAGER_METRICS_EXPORT:
	case MANAGER_N_TYPES:
		return 0;
	}
	if (rc == 0)
		rc = check_set_fields(r, set_fields, open);
	if (rc == 0 && r->row.verdict == ROW_GOOD && r->type != MANAGER_CONNECTION &&
	    !r->row.value.p)
		return spoil(r, "value");
	return rc;
}

static int
read_key(struct reading *r, struct span value)
{
	int rc;

	if (!is_type(value, SCAN_STRING) || value.n > MAX_KEY)
		return fail(r, "objectKey is missing or invalid");
	rc = take_text(r, "objectKey", value, &r->row.key);
	if (rc < 0)
		return rc;
	if (rc == SPOILT || !r->row.key.n || r->row.key.n > LIMIT_KEY_BYTES)
		return fail(r, "objectKey is missing or invalid");
	return 0;
}

/* A row of another Deployment means that this is not the requested list. */
static int
check_scope(struct reading *r, struct span scope, struct span id)
{
	struct span text = { 0 };
	int rc = 0;

	if (!is_type(scope, SCAN_STRING))
		return fail(r, "scope is missing or not a string");
	if (!r->deployment.p || !string_is(scope, "DEPLOYMENT"))
		return 0;
	if (id.n <= MAX_ID)
		rc = take_text(r, "scopeEntityId", id, &text);
	if (rc < 0)
		return rc;
	if (rc == SPOILT || !span_equal(text, r->deployment))
		return fail(r, "scopeEntityId is not the requested Deployment");
	return 0;
}

static int
read_row(struct reading *r, struct span row)
{
	struct span key, type, scope, scope_id, description, set_fields, body;
	const struct field fields[] = {
		{ "objectKey", &key },
		{ "objectType", &type },
		{ "scope", &scope },
		{ "scopeEntityId", &scope_id },
		{ "description", &description },
		{ "setFields", &set_fields },
		{ types[r->type].body, &body },
	};
	bool too_long = row.n > LIMIT_ROW;
	size_t twice;
	int rc;

	buf_reset(r->scratch);
	r->row = (struct manager_row){ 0 };
	if (scan_type(row) != SCAN_OBJECT)
		return fail(r, "not an object");
	twice = collect(row, fields, N_ELEMENTS(fields));
	if (twice != NONE)
		return fail(r, "%s occurs twice", fields[twice].name);

	/* Reserve all space at once: spans point into scratch, so it must not move. */
	if (!buf_room(r->scratch, too_long ? MAX_KEY + MAX_ID : 2 * row.n))
		return buf_error(r->scratch);
	rc = read_key(r, key);
	if (rc)
		return rc;
	if (!string_is(type, manager_type_name(r->type)))
		return fail(r, "objectType is not the requested one");
	rc = check_scope(r, scope, scope_id);
	if (rc)
		return rc;
	rc = too_long ? spoil(r, types[r->type].body) : read_body(r, body, description, set_fields);
	return rc == SPOILT ? 0 : rc;
}

/* --- the page ------------------------------------------------------------------------- */

static int
read_count(struct reading *r, const char *name, struct span value, int64_t *out)
{
	if (!value.p || scan_int(value, out) < 0 || *out < 0)
		return fail(r, "%s is not a count", name);
	return 0;
}

static int
read_list(struct reading *r, struct span list, struct span *rows, int64_t *total)
{
	struct span total_count, limit, offset;
	const struct field fields[] = {
		{ "environmentObjects", rows },
		{ "totalCount", &total_count },
		{ "limit", &limit },
		{ "offset", &offset },
	};
	int64_t ignored;
	size_t twice;
	int rc;

	if (scan_type(list) != SCAN_OBJECT)
		return fail(r, "the list is not an object");
	twice = collect(list, fields, N_ELEMENTS(fields));
	if (twice != NONE)
		return fail(r, "%s occurs twice", fields[twice].name);
	if (!is_type(*rows, SCAN_ARRAY))
		return fail(r, "environmentObjects is not an array");
	rc = read_count(r, "totalCount", total_count, total);
	if (rc == 0 && limit.p)
		rc = read_count(r, "limit", limit, &ignored);
	if (rc == 0 && offset.p)
		rc = read_count(r, "offset", offset, &ignored);
	return rc;
}

int
manager_page_read(struct span text, enum manager_type type, struct span deployment,
    int (*row)(void *arg, const struct manager_row *row), void *arg, struct buf *scratch,
    struct manager_page *page, struct why *why)
{
	struct reading r = {
		.type = type,
		.deployment = deployment,
		.scratch = scratch,
		.why = why,
	};
	struct manager_page p = { 0 };
	struct span list, rows, value;
	size_t at;
	int rc;

	*why->text = '\0';
	if (scan_check(text, SCAN_LENIENT, &list, &at) < 0)
		return fail(&r, "not JSON at byte %zu", at);
	rc = read_list(&r, list, &rows, &p.total);
	while (rc == 0 && scan_element(&rows, &value)) {
		r.index = ++p.n_rows;
		rc = read_row(&r, value);
		if (rc == 0)
			rc = row(arg, &r.row);
	}
	buf_reset(scratch);
	if (rc == 0)
		*page = p;
	return rc;
}

/* --- errors --------------------------------------------------------------------------- */

void
manager_error_message(struct span text, struct buf *out)
{
	struct span body, message;

	if (scan_check(text, SCAN_LENIENT, &body, NULL) < 0 || scan_type(body) != SCAN_OBJECT ||
	    scan_find(body, "message", &message) < 0 || !is_type(message, SCAN_STRING))
		return;
	if (scan_string(message, out) < 0)
		return; /* appends nothing; an error of out stays in out */
}

/* Returns the text after the first occurrence of word, ignoring case; absent if there is none. */
static struct span
behind(struct span text, const char *word)
{
	size_t n = strlen(word);

	for (; text.n >= n; text.p++, text.n--)
		if (strncasecmp(text.p, word, n) == 0)
			return (struct span){ text.p + n, text.n - n };
	return (struct span){ 0 };
}

bool
manager_secrets_refused(struct span body)
{
	struct span rest = behind(body, "showsecrets");

	while (rest.p && rest.n && *rest.p == '=')
		rest = behind(rest, "showsecrets");
	return rest.p && behind(body, "organization").p && behind(body, "not allowed").p;
}
