/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sides of a comparison come from: connd, a manager, an export of Airflow. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/admin/object.h"
#include "ctl/admin/place.h"
#include "ctl/diff/side.h"
#include "ctl/import/airflow_export.h"
#include "ctl/import/file.h"
#include "ctl/records.h"
#include "ctl/verbs.h"

/* --- connd ------------------------------------------------------------------------------- */

static bool
every_record(const struct ctl_options *o, enum secrets_kind kind, const char *key)
{
	(void)o;
	(void)kind;
	(void)key;
	return true;
}

/* 0 or -EBADMSG. */
static int
add_record(struct side *side, const struct record *r)
{
	struct side_entry *e = side_add(side, r->kind, r->key);
	struct json *connection = NULL;
	int code;

	if (r->kind != SECRETS_CONNECTION) {
		side_text(side, e, "value", r->text);
		return 0;
	}
	code = json_parse(&connection, (struct span){ r->text, r->length }, NULL);
	if (code == 0)
		side_connection(side, e, connection);
	json_free(connection);
	return code == -ENOMEM ? 0 : code;
}

int
side_read_connd(struct side *side, const struct ctl_options *o)
{
	struct records records;
	int code = records_read(o, every_record, NULL, &records), r = 0;

	for (size_t i = 0; i < SIDE_KINDS; i++)
		side->has[i] = true;
	for (size_t i = 0; code == CTL_YES && r == 0 && i < records.n; i++)
		r = add_record(side, &records.record[i]);
	records_fini(&records);
	return r < 0 ? ctl_fail(CTL_UNAVAILABLE, NULL, "connd's response cannot be understood")
		     : code;
}

/* --- the manager ------------------------------------------------------------------------- */

static const char *const nouns[SIDE_KINDS] = {
	[SECRETS_CONNECTION] = "connection",
	[SECRETS_VARIABLE] = "variable",
	[SECRETS_ENV] = "env-var",
};

static bool
has_field(const struct side_entry *e, const char *name)
{
	for (size_t i = 0; i < e->n_fields; i++)
		if (strcmp(e->field[i].name, name) == 0)
			return true;
	return false;
}

/* Does setFields name a field that the row does not show? */
static bool
is_withheld(const struct side_entry *e, const struct json *row)
{
	const struct json *set = json_get(row, "setFields"), *j;
	const char *name;

	for (j = set && json_type(set) == SCAN_ARRAY ? json_first(set) : NULL; j;
	     j = json_next(j)) {
		name = json_string(j);
		if (name && !has_field(e, strcmp(name, "type") == 0 ? "conn_type" : name))
			return true;
	}
	return false;
}

/* A row without a value is one that nobody can use: its key is there, without fields. */
static void
add_row(
    struct side *side, enum secrets_kind kind, const struct object_kind *of, const struct json *row)
{
	struct side_entry *e = side_add(side, kind, json_text(row, "objectKey"));
	const struct json *typed = json_get(row, of->member);

	if (kind == SECRETS_CONNECTION)
		side_text(side, e, "description", json_text(row, "description"));
	if (typed && kind == SECRETS_CONNECTION)
		side_connection(side, e, typed);
	else if (typed)
		side_text(side, e, "value", json_text(typed, "value"));
	if (e && is_withheld(e, row))
		e->refused = "the manager withholds a secret of it";
}

static int
read_kind(
    struct side *side, struct session *s, enum secrets_kind kind, const struct object_scope *scope)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	const struct object_kind *of = object_kind_named(nouns[kind]);
	struct json *rows = NULL;
	int code;

	session_path(s, &path, "/environment-objects");
	session_query(&path, "objectType", of->type);
	session_query(&path, "showSecrets", "true");
	session_query(&path, "sorts", "objectKey:asc");
	object_scope_query(&path, scope);
	if (scope->is_deployment)
		session_query(&path, "resolveLinked", "true");
	code = session_list(s, &path, "environmentObjects", &rows);
	for (const struct json *j = code == CTL_YES ? json_first(rows) : NULL; j; j = json_next(j))
		add_row(side, kind, of, j);
	json_free(rows);
	return code;
}

int
side_read_manager(struct side *side, struct session *s, bool is_deployment, const char *name)
{
	struct object_scope scope = { .is_deployment = is_deployment };
	char workspace[TOKEN_ID_SIZE] = "";
	int code = CTL_YES;

	if (is_deployment && cli_has(s->line, OPT_IN_WORKSPACE))
		code = place_workspace(s, workspace);
	if (code == CTL_YES)
		code =
		    place_find(s, &place_kinds[is_deployment ? PLACE_DEPLOYMENT : PLACE_WORKSPACE],
			name, workspace, scope.id, NULL);
	for (enum secrets_kind kind = 0; kind < SIDE_KINDS && code == CTL_YES; kind++) {
		side->has[kind] = true;
		code = read_kind(side, s, kind, &scope);
	}
	return code;
}

/* --- an export of Airflow ---------------------------------------------------------------- */

/* 0 or -ENOMEM. */
static int
add_import(struct side *side, const struct import_entry *from)
{
	bool is_connection = from->kind == IMPORT_CONNECTION;
	struct side_entry *e =
	    side_add(side, is_connection ? SECRETS_CONNECTION : SECRETS_VARIABLE, from->key);
	struct json *typed = NULL;
	int r;

	if (!e)
		return -ENOMEM;
	e->refused = from->refused;
	if (from->refused)
		return 0;
	r = json_parse(&typed, span_of(from->typed), NULL);
	if (r < 0)
		return -ENOMEM;
	if (is_connection) {
		side_text(side, e, "description", from->description);
		side_connection(side, e, typed);
	} else {
		side_text(side, e, "value", json_text(typed, "value"));
	}
	json_free(typed);
	return 0;
}

static int
read_text(enum import_kind kind, const char *path, const char *command, struct buf *text)
{
	struct why why;
	int r = path ? file_read(path, text, &why) : export_run(command, kind, text, &why);

	return r < 0 ? ctl_fail(CTL_USAGE, NULL, "%s", why.text) : CTL_YES;
}

int
side_read_export(struct side *side, enum secrets_kind kind, const char *path, const char *command)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_SYNC_BYTES);
	enum import_kind of = kind == SECRETS_CONNECTION ? IMPORT_CONNECTION : IMPORT_VARIABLE;
	struct import_list list = { 0 };
	struct import_fault fault = { 0 };
	int code = read_text(of, path, command, &text), r;

	if (code != CTL_YES)
		return code;
	side->has[kind] = true;
	r = import_read(
	    &list, of, path ? import_format_of(path) : IMPORT_JSON, span_of_buf(&text), &fault);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = add_import(side, &list.entry[i]);
	import_list_fini(&list);
	if (r == -EBADMSG && fault.line)
		return ctl_fail(CTL_USAGE, NULL, "%s line %zu: %s", path ? path : command,
		    fault.line, fault.why.text);
	if (r == -EBADMSG)
		return ctl_fail(CTL_USAGE, NULL, "%s: %s", path ? path : command, fault.why.text);
	return r < 0 ? session_no_memory() : CTL_YES;
}
