/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl connection|variable|env-var|metrics-export promote|restore: what connd-manager alone has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/objects.h"
#include "ctl/admin/place.h"
#include "ctl/verbs.h"

/* --- promote ----------------------------------------------------------------------------- */

int
objects_promote(struct session *s, const struct object_kind *kind)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct change c = { .action = "promote", .kind = kind->noun, .name = s->line->operand[0] };
	struct object_scope scope;
	struct object o = { 0 };
	int code = object_scope(s, &scope);

	if (code == CTL_YES)
		code = object_read(s, kind, &scope, s->line->operand[0], &o);
	session_path(s, &path, "/environment-objects/%s/promote", o.id);
	change_field(&c, "scope", "DEPLOYMENT", "WORKSPACE");
	change_field(&c, "link", NULL, cli_value(s->line, OPT_TARGET));
	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = session_send(s, "POST", &path, NULL, o.tag, NULL);
		if (code == CTL_YES)
			code = change_done(s, &c, o.id);
	}
	object_fini(&o);
	change_fini(&c);
	return code;
}

/* --- restore ----------------------------------------------------------------------------- */

static int
version_read(const char *text, int64_t *out)
{
	char *end;

	*out = strtoll(text, &end, 10);
	if (text[0] < '1' || text[0] > '9' || *end)
		return ctl_fail(CTL_USAGE, NULL, "--to-version takes a number from 1");
	return CTL_YES;
}

static int
restore(struct session *s, struct change *c, const struct buf *path, struct json *body,
    int64_t version, const char *id, const char *tag)
{
	char text[32];
	int code;

	(void)snprintf(text, sizeof text, "%lld", (long long)version);
	change_field(c, "version", NULL, text);
	if (json_take(body, "version", json_new_int(version)) < 0)
		return session_no_memory();
	if (!change_agreed(s, c, &code))
		return code;
	code = session_send(s, "POST", path, body, tag, NULL);
	return code == CTL_YES ? change_done(s, c, id) : code;
}

static bool
is_named(const struct change *c, const char *field)
{
	for (const struct json *j = c->fields ? json_first(c->fields) : NULL; j; j = json_next(j))
		if (strcmp(json_text(j, "field"), field) == 0)
			return true;
	return false;
}

/* "links.ID" and "links.ID.host" with the Deployment's name, as other changes are shown. */
static const char *
shown_field(const struct json *deployments, const char *field, char room[static 512])
{
	static const char link[] = "links.";
	const char *id = field + sizeof link - 1, *name;
	char copy[TOKEN_ID_SIZE];
	size_t n;

	if (strncmp(field, link, sizeof link - 1) != 0)
		return field;
	n = strcspn(id, ".");
	(void)snprintf(copy, sizeof copy, "%.*s", (int)n, id);
	name = place_name(deployments, copy);
	if (id[n])
		(void)snprintf(room, 512, "for %s: %s", name, id + n + 1);
	else
		(void)snprintf(room, 512, "link to %s", name);
	return room;
}

/* Names each field that an entry changed, once. Values of versions are not to be had. */
static void
name_fields(
    struct change *c, const struct json *deployments, const struct json *entry, const char *then)
{
	char room[512];
	const struct json *fields = json_get(entry, "fields"), *j;

	for (j = fields && json_type(fields) == SCAN_ARRAY ? json_first(fields) : NULL; j;
	     j = json_next(j)) {
		const char *name = json_string(j);

		if (name)
			name = shown_field(deployments, name, room);
		if (name && !is_named(c, name))
			change_field(c, name, "as it is", then);
	}
}

/* What was changed since that version is what changes back. */
static int
name_changes_since(struct session *s, struct change *c, const char *id, int64_t version)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	CLEANUP(buf_fini) struct buf places = BUF_INIT(LIMIT_HTTP_URI);
	struct json *rows = NULL, *deployments = NULL;
	char then[48];
	int code;

	session_path(s, &places, "/deployments");
	code = session_list(s, &places, "deployments", &deployments);
	session_path(s, &path, "/environment-objects/%s/history", id);
	if (code == CTL_YES)
		code = session_list(s, &path, "history", &rows);
	(void)snprintf(then, sizeof then, "as in version %lld", (long long)version);
	for (const struct json *j = rows ? json_first(rows) : NULL; j; j = json_next(j)) {
		int64_t v = 0;

		if (json_int(json_get(j, "version"), &v) && v > version &&
		    strncmp(json_text(j, "action"), "READ", 4) != 0)
			name_fields(c, deployments, j, then);
	}
	json_free(rows);
	json_free(deployments);
	return code;
}

/* An object that is there becomes what it was. */
static int
restore_version(struct session *s, const struct object_kind *kind, const struct object_scope *scope,
    struct change *c, struct json *body)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	const char *text = cli_value(s->line, OPT_VERSION);
	struct object o = { 0 };
	int64_t version = 0;
	int code;

	if (!text)
		return ctl_fail(CTL_USAGE, "\"history\" lists the versions.",
		    "which version? Pass --to-version");
	code = version_read(text, &version);
	if (code == CTL_YES)
		code = object_read(s, kind, scope, s->line->operand[0], &o);
	session_path(s, &path, "/environment-objects/%s/restore", o.id);
	if (code == CTL_YES)
		code = name_changes_since(s, c, o.id, version);
	if (code == CTL_YES)
		code = restore(s, c, &path, body, version, o.id, o.tag);
	object_fini(&o);
	return code;
}

/* The newest entry of the audit log that can bring the key back. */
static const struct json *
find_deleted(const struct json *rows, const struct object_kind *kind,
    const struct object_scope *scope, const char *key, int64_t version)
{
	for (const struct json *j = json_first(rows); j; j = json_next(j)) {
		bool restorable = false;
		int64_t v = 0;

		(void)json_bool(json_get(j, "restorable"), &restorable);
		if (!restorable || !json_int(json_get(j, "version"), &v) ||
		    (version && v != version))
			continue;
		if (strcmp(json_text(j, "name"), key) == 0 &&
		    strcmp(json_text(j, "objectType"), kind->type) == 0 &&
		    strcmp(json_text(j, "scopeEntityId"), scope->id) == 0)
			return j;
	}
	return NULL;
}

static int
restore_from(struct session *s, const struct json *entry, struct change *c, struct json *body)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	const char *id = json_text(entry, "subjectId");
	int64_t version = 0;

	(void)json_int(json_get(entry, "version"), &version);
	session_path(s, &path, "/audit-log/restore");
	if (json_take(body, "subjectId", json_new_string(id)) < 0)
		return session_no_memory();
	return restore(s, c, &path, body, version, id, NULL);
}

/* An object that was deleted comes back as it was last, or at the version that is asked for. */
static int
restore_deleted(struct session *s, const struct object_kind *kind, const struct object_scope *scope,
    struct change *c, struct json *body)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	const char *key = s->line->operand[0], *text = cli_value(s->line, OPT_VERSION);
	const struct json *entry;
	struct json *rows = NULL;
	int64_t version = 0;
	int code = text ? version_read(text, &version) : CTL_YES;

	session_path(s, &path, "/audit-log");
	if (code == CTL_YES)
		code = session_list(s, &path, "history", &rows);
	if (code != CTL_YES)
		return code;
	entry = find_deleted(rows, kind, scope, key, version);
	if (entry)
		code = restore_from(s, entry, c, body);
	else
		code = ctl_fail(CTL_NO, NULL,
		    "there is no %s \"%s\", and none that was deleted is kept", kind->noun, key);
	json_free(rows);
	return code;
}

int
objects_restore(struct session *s, const struct object_kind *kind)
{
	struct change c = { .action = "restore", .kind = kind->noun, .name = s->line->operand[0] };
	struct json *body = json_new_object();
	struct object_scope scope;
	char id[TOKEN_ID_SIZE] = "";
	int code = body ? object_scope(s, &scope) : session_no_memory();

	if (code == CTL_YES)
		code = object_find(s, kind, &scope, s->line->operand[0], id);
	if (code == CTL_YES)
		code = *id ? restore_version(s, kind, &scope, &c, body)
			   : restore_deleted(s, kind, &scope, &c, body);
	json_free(body);
	change_fini(&c);
	return code;
}
