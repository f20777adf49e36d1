/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/secret.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

enum field_type {
	FIELD_TEXT,
	FIELD_PORT,
	FIELD_SECRET, /* from a file, standard input or a prompt */
	FIELD_MAP,    /* a JSON object in a file: its members are secrets */
};

struct field {
	const char *name;
	int option;
	enum field_type type;
};

static const struct field connection_fields[] = {
	{ "type", OPT_TYPE, FIELD_TEXT },
	{ "host", OPT_HOST, FIELD_TEXT },
	{ "login", OPT_LOGIN, FIELD_TEXT },
	{ "schema", OPT_SCHEMA, FIELD_TEXT },
	{ "port", OPT_PORT, FIELD_PORT },
	{ "authTypeId", OPT_AUTH_TYPE, FIELD_TEXT },
	{ "password", OPT_PASSWORD, FIELD_SECRET },
	{ "password", OPT_PASSWORD_FILE, FIELD_SECRET },
	{ "extra", OPT_EXTRA_FILE, FIELD_MAP },
	{ NULL, 0, FIELD_TEXT },
};

static const struct field variable_fields[] = {
	{ "value", OPT_VALUE, FIELD_TEXT },
	{ "value", OPT_VALUE_FILE, FIELD_SECRET },
	{ NULL, 0, FIELD_TEXT },
};

static const struct field metrics_fields[] = {
	{ "endpoint", OPT_ENDPOINT, FIELD_TEXT },
	{ "authType", OPT_AUTH_TYPE, FIELD_TEXT },
	{ "username", OPT_USERNAME, FIELD_TEXT },
	{ "password", OPT_PASSWORD, FIELD_SECRET },
	{ "password", OPT_PASSWORD_FILE, FIELD_SECRET },
	{ "basicToken", OPT_BASIC_TOKEN_FILE, FIELD_SECRET },
	{ "headers", OPT_HEADERS_FILE, FIELD_MAP },
	{ "labels", OPT_LABELS_FILE, FIELD_MAP },
	{ NULL, 0, FIELD_TEXT },
};

static const struct field *
fields_of(const struct object_kind *kind)
{
	if (strcmp(kind->member, "connection") == 0)
		return connection_fields;
	return strcmp(kind->member, "metricsExport") == 0 ? metrics_fields : variable_fields;
}

bool
fields_given(const struct session *s, const struct object_kind *kind)
{
	for (const struct field *f = fields_of(kind); f->name; f++)
		if (cli_has(s->line, f->option))
			return true;
	return cli_has(s->line, OPT_UNSET);
}

/* --- setting ----------------------------------------------------------------------------- */

static void
note(struct change *c, const char *prefix, const char *name, const char *from, const char *to)
{
	char field[600];

	(void)snprintf(field, sizeof field, "%s%s", prefix, name);
	change_field(c, field, from, to);
}

static int
set_plain(const char *prefix, const char *name, const char *value, struct json *value_json,
    struct json *typed, struct change *c)
{
	char room[32];
	const char *old = object_shown(typed, name, room);

	if (old && strcmp(old, value) == 0) {
		json_free(value_json);
		return CTL_YES;
	}
	note(c, prefix, name, old, value);
	return json_take(typed, name, value_json) < 0 ? session_no_memory() : CTL_YES;
}

static int
set_port(const char *prefix, const char *value, struct json *typed, struct change *c)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || n < 1 || n > 65535)
		return ctl_fail(CTL_USAGE, NULL, "--port takes a number from 1 to 65535");
	return set_plain(prefix, "port", value, json_new_int(n), typed, c);
}

static int
set_secret(const char *path, const struct json *holder, const char *prefix, const char *name,
    struct json *typed, struct change *c)
{
	CLEANUP(buf_fini) struct buf secret = BUF_INIT(LIMIT_HTTP_BODY);
	int code = secret_read(path, name, &secret);

	if (code != CTL_YES)
		return code;
	if (!secret.len || memchr(secret.data, 0, secret.len))
		return ctl_fail(CTL_USAGE, NULL, "%s: empty, or with a NUL in it", name);
	note(c, prefix, name, holder && object_is_set(holder, name) ? OUTPUT_MASK : NULL,
	    OUTPUT_MASK);
	return json_take(typed, name, json_new_string(buf_str(&secret))) < 0 ? session_no_memory()
									     : CTL_YES;
}

/* Each member of `map` into the one of the body, beside those that are there. */
static int
merge_map(const struct json *map, const struct json *holder, const char *prefix, const char *name,
    struct json *typed, struct change *c)
{
	struct json *to;
	char field[300];

	if (!json_get(typed, name) && json_take(typed, name, json_new_object()) < 0)
		return session_no_memory();
	to = json_member(typed, name);
	for (const struct json *j = json_first(map); j; j = json_next(j)) {
		(void)snprintf(field, sizeof field, "%s.%s", name, json_name(j));
		note(c, prefix, field, holder && object_is_set(holder, field) ? OUTPUT_MASK : NULL,
		    OUTPUT_MASK);
		if (json_take(to, json_name(j), json_copy(j)) < 0)
			return session_no_memory();
	}
	return CTL_YES;
}

static int
set_map(const char *path, const struct json *holder, const char *prefix, const char *name,
    struct json *typed, struct change *c)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_HTTP_BODY);
	struct json *map = NULL;
	int code = secret_read(path, name, &text);

	if (code != CTL_YES)
		return code;
	if (json_parse(&map, span_of_buf(&text), NULL) < 0 || json_type(map) != SCAN_OBJECT)
		code = ctl_fail(CTL_USAGE, NULL, "%s: not a JSON object", path);
	else
		code = merge_map(map, holder, prefix, name, typed, c);
	json_free(map);
	return code;
}

/* A secret variable's value would be read by everybody who lists processes. */
static int
set_text(const struct session *s, const struct field *f, const char *prefix, struct json *typed,
    struct change *c, bool secret)
{
	const char *value = cli_value(s->line, f->option);

	if (f->option == OPT_VALUE && secret)
		return ctl_fail(CTL_USAGE,
		    "Pass --value-file FILE (-: standard input). For a value that is not secret: "
		    "--plain, at create.",
		    "the value is a secret, and other users can see the command line");
	return set_plain(prefix, f->name, value, json_new_string(value), typed, c);
}

int
fields_apply(struct session *s, const struct object_kind *kind, const struct json *holder,
    bool secret, const char *prefix, struct json *typed, struct change *c)
{
	int code = CTL_YES;

	for (const struct field *f = fields_of(kind); f->name && code == CTL_YES; f++) {
		const char *value = cli_value(s->line, f->option);

		if (!cli_has(s->line, f->option))
			continue;
		if (f->type == FIELD_TEXT)
			code = set_text(s, f, prefix, typed, c, secret);
		else if (f->type == FIELD_PORT)
			code = set_port(prefix, value, typed, c);
		else if (f->type == FIELD_SECRET)
			code = set_secret(value, holder, prefix, f->name, typed, c);
		else
			code = set_map(value, holder, prefix, f->name, typed, c);
	}
	return code;
}

/* --- clearing ---------------------------------------------------------------------------- */

static int
unset_one(const char *name, const struct json *holder, struct json *typed, struct change *c)
{
	char room[32];
	const char *old = object_shown(typed, name, room);

	if (strcmp(name, "extra") == 0) {
		note(c, "", name, OUTPUT_MASK, NULL);
		return json_take(typed, name, json_new_object()) < 0 ? session_no_memory()
								     : CTL_YES;
	}
	if (strncmp(name, "extra.", 6) == 0)
		return ctl_fail(CTL_USAGE, "--unset extra clears all of it.",
		    "an update cannot clear one member of extra");
	if (!old && object_is_set(holder, name))
		return ctl_fail(CTL_USAGE, "Delete the object and make it again.",
		    "an update cannot clear %s", name);
	if (!old)
		return CTL_YES;
	note(c, "", name, old, NULL);
	json_remove(typed, name);
	return CTL_YES;
}

int
fields_unset(struct session *s, const struct json *holder, struct json *typed, struct change *c)
{
	int code = CTL_YES;

	for (size_t i = 0; i < s->line->n_given && code == CTL_YES; i++)
		if (s->line->given[i].option->id == OPT_UNSET)
			code = unset_one(s->line->given[i].value, holder, typed, c);
	return code;
}

int
fields_unset_override(struct session *s, const struct json *holder, const char *prefix,
    struct json *typed, struct json *unset, struct change *c)
{
	for (size_t i = 0; i < s->line->n_given; i++) {
		const char *name = s->line->given[i].value;
		char room[32];
		const char *old;

		if (s->line->given[i].option->id != OPT_UNSET)
			continue;
		old = object_shown(typed, name, room);
		if (!old && !object_is_set(holder, name))
			continue;
		note(c, prefix, name, old && *old ? old : OUTPUT_MASK, NULL);
		json_remove(typed, name);
		if (strncmp(name, "extra.", 6) == 0 && json_member(typed, "extra"))
			json_remove(json_member(typed, "extra"), name + 6);
		if (json_append(unset, json_new_string(name)) < 0)
			return session_no_memory();
	}
	return CTL_YES;
}
