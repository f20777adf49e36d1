/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/body.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"

#define EXTRA "extra."

const char *
import_type(enum import_kind kind)
{
	return kind == IMPORT_CONNECTION ? "CONNECTION" : "AIRFLOW_VARIABLE";
}

const char *
import_member(enum import_kind kind)
{
	return kind == IMPORT_CONNECTION ? "connection" : "airflowVariable";
}

/* --- comparing ------------------------------------------------------------------------- */

static const char *
text_of(const struct json *object, const char *name)
{
	const char *text = json_string(json_get(object, name));

	return text ? text : "";
}

static int
same_text(const struct json *a, const struct json *b, bool *same)
{
	CLEANUP(buf_fini) struct buf x = BUF_INIT(LIMIT_ROW), y = BUF_INIT(LIMIT_ROW);

	json_write(a, &x);
	json_write(b, &y);
	*same = x.len == y.len && memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
	buf_fini(&y);
	return buf_error(&x);
}

/* Whatever the order of members. 0 or what json_write() met. */
static int
same_json(const struct json *a, const struct json *b, bool *same)
{
	const struct json *x, *y;
	int r = 0;

	if (!b || json_type(a) != json_type(b)) {
		*same = false;
		return 0;
	}
	if (json_type(a) != SCAN_OBJECT && json_type(a) != SCAN_ARRAY)
		return same_text(a, b, same);
	*same = json_count(a) == json_count(b);
	y = json_first(b);
	for (x = json_first(a); x && *same && r == 0; x = json_next(x)) {
		if (json_type(a) == SCAN_OBJECT)
			y = json_get(b, json_name(x));
		r = same_json(x, y, same);
		if (json_type(a) == SCAN_ARRAY)
			y = json_next(y);
	}
	return r;
}

static bool
has_members(const struct json *extra)
{
	return extra && json_type(extra) == SCAN_OBJECT && json_count(extra) > 0;
}

static int
same_extra(const struct json *want, const struct json *have, bool *same)
{
	const struct json *a = json_get(want, "extra"), *b = json_get(have, "extra");

	if (has_members(a) && has_members(b))
		return same_json(a, b, same);
	*same = !has_members(a) && !has_members(b);
	return 0;
}

/* Names of what differs, in one sentence that fits or is cut. */
static void
note(struct why *why, const char *name)
{
	why_add(why, "%s%s", *why->text ? ", " : "differs in ", name);
}

/*
 * The id of the auth type that the connection keeps; NULL: it has none, or one that is for another
 * type.
 */
static const char *
kept_auth_type(const struct json *want, const struct json *have)
{
	const struct json *auth = json_get(have, "connectionAuthType");
	const char *type = text_of(want, "type"), *of = text_of(auth, "airflowType");

	if (!auth || (strcmp(type, text_of(have, "type")) != 0 && strcmp(of, type) != 0 &&
			 strcmp(of, "generic") != 0))
		return NULL;
	return json_string(json_get(auth, "id"));
}

static int
compare_typed(const struct import_entry *e, const struct json *want, const struct json *have,
    bool hidden, struct why *why)
{
	static const char *const plain[] = { "type", "host", "login", "schema" };
	int64_t port = 0, other = 0;
	bool same = true;
	int r = 0;

	if (e->kind == IMPORT_CONNECTION) {
		for (size_t i = 0; i < N_ELEMENTS(plain); i++)
			if (strcmp(text_of(want, plain[i]), text_of(have, plain[i])) != 0)
				note(why, plain[i]);
		(void)json_int(json_get(want, "port"), &port);
		(void)json_int(json_get(have, "port"), &other);
		if (port != other)
			note(why, "port");
		if (json_get(have, "connectionAuthType") && !kept_auth_type(want, have))
			note(why, "authTypeId, which is for the other type");
		if (!hidden && strcmp(text_of(want, "password"), text_of(have, "password")) != 0)
			note(why, "password");
		if (!hidden)
			r = same_extra(want, have, &same);
		if (!same)
			note(why, "extra");
	} else if (!hidden && strcmp(text_of(want, "value"), text_of(have, "value")) != 0) {
		note(why, "value");
	}
	if (hidden)
		note(why, "secrets, perhaps: they are not shown here");
	return r;
}

/* An empty secret keeps the stored one, so an update cannot remove what the file lacks. */
static bool
is_stuck(const struct json *want, const struct json *have, const char *field)
{
	const struct json *extra = json_get(want, "extra"), *j;
	bool secret = true;

	if (strcmp(field, "password") == 0)
		return !*text_of(want, "password");
	if (strcmp(field, "value") == 0) {
		(void)json_bool(json_get(have, "isSecret"), &secret);
		return secret && !*text_of(want, "value");
	}
	if (strncmp(field, EXTRA, strlen(EXTRA)) != 0 || !has_members(extra))
		return false; /* an empty extra clears all of it */
	j = json_get(extra, field + strlen(EXTRA));
	return !j || (json_string(j) && !*json_string(j));
}

static const struct json *
find_place(const struct json *places, const char *id)
{
	const struct json *j = places ? json_first(places) : NULL;

	while (j && strcmp(text_of(j, "scopeEntityId"), id) != 0)
		j = json_next(j);
	return j;
}

static bool
is_linked(const struct json *row, const char *deployment)
{
	bool every = false;

	if (find_place(json_get(row, "links"), deployment))
		return true;
	(void)json_bool(json_get(row, "autoLinkDeployments"), &every);
	return every && !find_place(json_get(row, "excludeLinks"), deployment);
}

/* What no update can bring about: *why says what, and true. */
static bool
is_blocked(const struct json *want, const struct json *have, const struct json *row,
    const struct ctl_import_options *o, struct why *why)
{
	const struct json *set = json_get(row, "setFields"), *j;

	for (j = set ? json_first(set) : NULL; j; j = json_next(j)) {
		if (!json_string(j) || !is_stuck(want, have, json_string(j)))
			continue;
		why_set(
		    why, "an update cannot remove what only the manager has: %s", json_string(j));
		return true;
	}
	for (size_t i = 0; o->workspace && i < o->n_deployments; i++) {
		if (!find_place(json_get(row, "excludeLinks"), o->deployment[i]))
			continue;
		why_set(why, "is excluded from Deployment %s there", o->deployment[i]);
		return true;
	}
	return false;
}

int
import_compare(const struct import_entry *e, const struct json *row,
    const struct ctl_import_options *o, bool hidden, enum import_relation *relation,
    struct why *why)
{
	const struct json *have = json_get(row, import_member(e->kind));
	struct json *want = NULL;
	int r;

	why->text[0] = 0;
	if (!have || json_type(have) != SCAN_OBJECT || !*text_of(row, "id"))
		return -EBADMSG;
	r = json_parse(&want, span_of(e->typed), NULL);
	if (r == 0)
		r = compare_typed(e, want, have, hidden, why);
	if (r < 0)
		goto out;
	/* Airflow writes one whether there is one or not: none says nothing. */
	if (*e->description && strcmp(e->description, text_of(row, "description")) != 0)
		note(why, "description");
	for (size_t i = 0; o->workspace && i < o->n_deployments; i++) {
		if (!is_linked(row, o->deployment[i])) {
			note(why, "links");
			break;
		}
	}
	*relation = why->text[0] ? IMPORT_DIFFERS : IMPORT_SAME;
	if (why->text[0] && is_blocked(want, have, row, o, why))
		*relation = IMPORT_BLOCKED;
out:
	json_free(want);
	return r;
}

/* --- bodies ---------------------------------------------------------------------------- */

static void
write_place(struct buf *out, const char *scope, const char *id)
{
	if (out->len && out->data[out->len - 1] == '}')
		buf_addc(out, ',');
	buf_addc(out, '{');
	jtext_member_string(out, "scope", span_of(scope));
	jtext_member_string(out, "scopeEntityId", span_of(id));
}

/*
 * As they are. One without a field may have secrets that are not shown: sent back like that it
 * would clear them. What changes nothing is to drop a field that it has not got, or a secret that
 * is "".
 */
static void
keep_overrides(struct buf *out, const struct import_entry *e, const struct json *overrides)
{
	jtext_name(out, "overrides");
	if (json_count(overrides) > 0) {
		buf_addc(out, '{');
		jtext_name(out, import_member(e->kind));
		json_write(overrides, out);
		buf_addc(out, '}');
	} else if (e->kind == IMPORT_CONNECTION) {
		buf_adds(out, "{\"connection\":{},\"unsetFields\":[\"host\"]}");
	} else {
		buf_adds(out, "{\"airflowVariable\":{\"value\":\"\"}}");
	}
}

/* Links as they are, with their overrides in the form an update wants them. */
static void
keep_links(struct buf *out, const struct import_entry *e, const struct json *links)
{
	const struct json *j, *overrides;

	for (j = links ? json_first(links) : NULL; j; j = json_next(j)) {
		write_place(out, text_of(j, "scope"), text_of(j, "scopeEntityId"));
		overrides = json_get(j, e->kind == IMPORT_CONNECTION ? "connectionOverrides"
								     : "airflowVariableOverrides");
		if (overrides && json_type(overrides) == SCAN_OBJECT)
			keep_overrides(out, e, overrides);
		buf_addc(out, '}');
	}
}

static void
write_links(struct buf *out, const struct import_entry *e, const struct json *row,
    const struct ctl_import_options *o)
{
	const struct json *projects = row ? json_get(row, "projectLinks") : NULL;

	jtext_name(out, "links");
	buf_addc(out, '[');
	if (row)
		keep_links(out, e, json_get(row, "links"));
	for (size_t i = 0; i < o->n_deployments; i++) {
		if (row && is_linked(row, o->deployment[i]))
			continue;
		write_place(out, "DEPLOYMENT", o->deployment[i]);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	if (projects) {
		jtext_name(out, "projectLinks");
		buf_addc(out, '[');
		keep_links(out, e, projects);
		buf_addc(out, ']');
	}
}

/* What an update would clear if it did not name it. */
static void
keep_rest(struct buf *out, const struct json *row)
{
	static const char *const kept[] = { "autoLinkDeployments", "autoLinkProjects",
		"excludeLinks" };

	for (size_t i = 0; i < N_ELEMENTS(kept); i++) {
		const struct json *j = json_get(row, kept[i]);

		if (!j)
			continue;
		jtext_name(out, kept[i]);
		json_write(j, out);
	}
}

/*
 * What the typed body of an update has besides: the auth type, and an `extra` that clears the one
 * that is there.
 */
static void
write_typed_rest(struct buf *out, const struct import_entry *e, const struct json *row)
{
	const struct json *have = json_get(row, import_member(e->kind));
	struct json *want = NULL;
	int r = json_parse(&want, span_of(e->typed), NULL);

	if (r < 0) {
		out->error = r;
		return;
	}
	if (kept_auth_type(want, have))
		jtext_member_string(out, "authTypeId", span_of(kept_auth_type(want, have)));
	if (json_get(have, "extra") && !json_get(want, "extra")) {
		jtext_name(out, "extra");
		buf_adds(out, "{}");
	}
	json_free(want);
}

static void
write_typed(struct buf *out, const struct import_entry *e, const struct json *row)
{
	size_t n = strlen(e->typed) - 1; /* without the closing brace */

	jtext_name(out, import_member(e->kind));
	buf_add(out, e->typed, n);
	if (row)
		write_typed_rest(out, e, row);
	else if (e->kind == IMPORT_VARIABLE)
		jtext_member_bool(out, "isSecret", true);
	buf_addc(out, '}');
}

void
import_body(const struct import_entry *e, const struct json *row,
    const struct ctl_import_options *o, struct buf *out)
{
	const char *description =
	    *e->description || !row ? e->description : text_of(row, "description");

	buf_addc(out, '{');
	if (!row) {
		jtext_member_string(out, "objectKey", span_of(e->key));
		jtext_member_string(out, "objectType", span_of(import_type(e->kind)));
		jtext_member_string(
		    out, "scope", span_of(o->workspace ? "WORKSPACE" : "DEPLOYMENT"));
		jtext_member_string(
		    out, "scopeEntityId", span_of(o->workspace ? o->workspace : o->deployment[0]));
	}
	if (*description)
		jtext_member_string(out, "description", span_of(description));
	write_typed(out, e, row);
	if (o->workspace)
		write_links(out, e, row, o);
	if (row)
		keep_rest(out, row);
	buf_addc(out, '}');
}
