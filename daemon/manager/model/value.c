/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/model/value.h"

#include <errno.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"

static const struct value_field connection_fields[] = {
	{ "type", VALUE_STRING, VALUE_PLAIN, true },
	{ "authTypeId", VALUE_STRING, VALUE_PLAIN, false },
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

static bool
is_empty_string(struct span value)
{
	return value.p && value.n == 2 && value.p[0] == '"';
}

static bool
is_map(const struct value_field *f)
{
	return f->kind == VALUE_MAP || f->kind == VALUE_STRING_MAP;
}

static bool
is_empty_map(struct span map)
{
	struct span at = map, name, value;

	return !scan_member(&at, &name, &value);
}

/* Raw names may spell the same text in two ways when one of them has escapes. */
static bool
same_name(struct span a, struct span b)
{
	struct buf x = BUF_INIT(LIMIT_VALUE), y = BUF_INIT(LIMIT_VALUE);
	bool same;

	if (span_equal(a, b))
		return true;
	if (!memchr(a.p, '\\', a.n) && !memchr(b.p, '\\', b.n))
		return false;
	same = scan_name_text(a, &x) == 0 && scan_name_text(b, &y) == 0 && x.len == y.len &&
	       memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

static struct span
map_find(struct span map, struct span raw_name)
{
	struct span at = map, name, value;

	while (map.p && scan_member(&at, &name, &value)) {
		if (same_name(name, raw_name))
			return value;
	}
	return (struct span){ 0 };
}

static void
write_raw_member(struct buf *out, struct span raw_name, struct span value)
{
	if (out->len && out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	buf_addc(out, '"');
	buf_add(out, raw_name.p, raw_name.n);
	buf_adds(out, "\":");
	buf_add(out, value.p, value.n);
}

static void
write_member(struct buf *out, const char *name, struct span value)
{
	if (!value.p)
		return;
	jtext_name(out, name);
	buf_add(out, value.p, value.n);
}

void
value_lay_map(struct span base, struct span over, enum value_blank blank, struct buf *out)
{
	struct span at = base, name, value;

	buf_addc(out, '{');
	while (base.p && scan_member(&at, &name, &value)) {
		struct span over_value = map_find(over, name);
		bool keep =
		    !over_value.p || (is_empty_string(over_value) && blank != BLANK_REPLACES);

		write_raw_member(out, name, keep ? value : over_value);
	}
	at = over;
	while (over.p && scan_member(&at, &name, &value)) {
		if (map_find(base, name).p || (is_empty_string(value) && blank == BLANK_IS_NOTHING))
			continue;
		write_raw_member(out, name, value);
	}
	buf_addc(out, '}');
}

static void
set_map_fields(const char *field, struct span map, struct buf *out)
{
	struct span at = map, name, value;

	while (scan_member(&at, &name, &value)) {
		if (is_empty_string(value) || scan_type(value) == SCAN_NULL)
			continue;
		if (out->len && out->data[out->len - 1] != '[')
			buf_addc(out, ',');
		buf_addf(out, "\"%s.", field);
		buf_add(out, name.p, name.n);
		buf_addc(out, '"');
	}
}

#define MAX_FIELDS N_ELEMENTS(export_fields)
_Static_assert(N_ELEMENTS(connection_fields) <= MAX_FIELDS, "the longest list of fields");

/* In the order of the fields, whatever the document's is; read once, since long lists ask this of each row. */
void
value_set_fields(enum manager_type type, struct span doc, struct buf *out)
{
	const struct value_field *first = value_fields(type);
	struct span values[MAX_FIELDS] = { { 0 } }, at = doc, name, value;

	while (scan_member(&at, &name, &value)) {
		const struct value_field *f = value_field(type, name);

		if (f)
			values[f - first] = value;
	}
	buf_addc(out, '[');
	for (const struct value_field *f = first; f && f->name; f++) {
		value = values[f - first];
		if (!value.p || f->kind == VALUE_BOOL || strcmp(f->name, "authTypeId") == 0)
			continue;
		if (is_map(f)) {
			set_map_fields(f->name, value, out);
		} else if (!is_empty_string(value)) {
			if (out->len && out->data[out->len - 1] != '[')
				buf_addc(out, ',');
			jtext_string(out, span_of(f->name));
		}
	}
	buf_addc(out, ']');
}

static void
changed_name(const char *prefix, const char *field, struct span raw_name, struct buf *out)
{
	if (out->len && out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_addf(out, "\"%s%s%s", prefix, field, raw_name.p ? "." : "");
	if (raw_name.p)
		buf_add(out, raw_name.p, raw_name.n);
	buf_addc(out, '"');
}

static void
changed_members(
    const char *prefix, const char *field, struct span was, struct span now, struct buf *out)
{
	struct span at = now, name, value;

	while (now.p && scan_member(&at, &name, &value)) {
		if (!span_equal(map_find(was, name), value))
			changed_name(prefix, field, name, out);
	}
	at = was;
	while (was.p && scan_member(&at, &name, &value)) {
		if (!map_find(now, name).p)
			changed_name(prefix, field, name, out);
	}
}

void
value_changes(
    enum manager_type type, struct span was, struct span now, const char *prefix, struct buf *out)
{
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		struct span a = scan_get(was, f->name), b = scan_get(now, f->name);

		if (is_map(f))
			changed_members(prefix, f->name, a, b, out);
		else if (!span_equal(a, b))
			changed_name(prefix, f->name, (struct span){ 0 }, out);
	}
}

bool
value_is_secret(struct span doc)
{
	struct span flag = scan_get(doc, "isSecret");

	return flag.p && scan_bool(flag);
}

static bool
extra_is_secret(const struct value_mask *m, struct span raw_name)
{
	struct buf name = BUF_INIT(LIMIT_VALUE);
	bool secret = true;

	if (!m->secret_extra)
		return true;
	if (scan_name_text(raw_name, &name) == 0)
		secret = m->secret_extra(m->arg, span_of_buf(&name));
	buf_fini(&name);
	return secret;
}

/* An object keeps the names of its secrets, blank; an override says nothing of them. */
static void
mask_extra(struct span extra, const struct value_mask *m, struct buf *out)
{
	struct span at = extra, name, value;
	bool any = false;

	while (m->override && !any && scan_member(&at, &name, &value))
		any = !extra_is_secret(m, name);
	if (m->override && !any)
		return;
	jtext_name(out, "extra");
	buf_addc(out, '{');
	at = extra;
	while (scan_member(&at, &name, &value)) {
		if (!extra_is_secret(m, name))
			write_raw_member(out, name, value);
		else if (!m->override)
			write_raw_member(out, name, SPAN_LITERAL("\"\""));
	}
	buf_addc(out, '}');
}

void
value_mask(enum manager_type type, struct span doc, const struct value_mask *m, struct buf *out)
{
	buf_addc(out, '{');
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		struct span value = scan_get(doc, f->name);

		if (!value.p)
			continue;
		switch (f->secrecy) {
		case VALUE_PLAIN:
			write_member(out, f->name, value);
			break;
		case VALUE_SECRET:
			break;
		case VALUE_BY_FLAG:
			write_member(out, f->name, m->secret_flag ? SPAN_LITERAL("\"\"") : value);
			break;
		case VALUE_BY_AUTH_TYPE:
			mask_extra(value, m, out);
			break;
		}
	}
	buf_addc(out, '}');
}

/* The same for what is stored: update by update a map would outgrow what came in at once. */
static void
lay_stored_map(struct span was, struct span now, enum value_blank blank, struct buf *out)
{
	size_t from = out->len, n = 0;
	struct span at, name, value;

	value_lay_map(was, now, blank, out);
	if (buf_error(out))
		return;
	at = (struct span){ out->data + from, out->len - from };
	while (scan_member(&at, &name, &value))
		n++;
	if (n > VALUE_MAX_MEMBERS)
		out->error = -EMSGSIZE;
}

/*
 * A secret string of an update: what was sent, unless that is nothing; then what is stored. So a "" never
 * blanks, and is never stored as an override that would.
 */
static struct span
secret_after(struct span stored, struct span sent)
{
	return sent.p && !is_empty_string(sent) ? sent : stored;
}

int
value_update(enum manager_type type, struct span stored, struct span sent, struct buf *out)
{
	bool patch = type == MANAGER_METRICS_EXPORT;
	bool secret_flag = value_is_secret(stored);

	buf_addc(out, '{');
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		struct span was = scan_get(stored, f->name), now = scan_get(sent, f->name);

		if (f->kind == VALUE_BOOL) /* immutable */
			write_member(out, f->name, was);
		else if (f->secrecy == VALUE_SECRET || (f->secrecy == VALUE_BY_FLAG && secret_flag))
			write_member(out, f->name, secret_after(was, now));
		else if (f->secrecy == VALUE_BY_AUTH_TYPE && was.p && now.p && !is_empty_map(now)) {
			jtext_name(out, f->name);
			lay_stored_map(was, now, BLANK_KEEPS, out);
		} else if (f->secrecy != VALUE_PLAIN || patch)
			write_member(out, f->name, now.p ? now : was);
		else
			write_member(out, f->name, now);
	}
	buf_addc(out, '}');
	return buf_error(out);
}

/* Laying sent fields over stored overrides: plain ones as sent, secret ones kept. */
static void
override_fields(
    enum manager_type type, bool secret_flag, struct span stored, struct span sent, struct buf *out)
{
	buf_addc(out, '{');
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		struct span was = scan_get(stored, f->name), now = scan_get(sent, f->name);

		if (!f->overridable)
			continue;
		if (f->secrecy == VALUE_SECRET || (f->secrecy == VALUE_BY_FLAG && secret_flag)) {
			write_member(out, f->name, secret_after(was, now));
		} else if (f->secrecy != VALUE_BY_AUTH_TYPE) {
			write_member(out, f->name, now);
		} else if (!now.p) {
			write_member(out, f->name, was);
		} else if (!is_empty_map(now)) {
			size_t before = out->len;

			jtext_name(out, f->name);
			lay_stored_map(was, now, BLANK_IS_NOTHING, out);
			if (!buf_error(out) && out->data[out->len - 2] == '{') {
				mem_wipe(out->data + before, out->len - before);
				out->len = before;
			}
		}
	}
	buf_addc(out, '}');
}

static bool
is_unset(const struct override_change *c, const char *field, struct span raw_name)
{
	struct buf text = BUF_INIT(LIMIT_VALUE);
	bool found = false;

	buf_adds(&text, field);
	if (raw_name.p) {
		buf_addc(&text, '.');
		if (scan_name_text(raw_name, &text) != 0)
			text.error = -EILSEQ;
	}
	for (size_t i = 0; i < c->n_unset && !buf_error(&text) && !found; i++)
		found = span_equal(c->unset[i], span_of_buf(&text));
	buf_fini(&text);
	return found;
}

static void
unset_map(const char *field, struct span map, const struct override_change *c, struct buf *out)
{
	struct span at = map, name, value;
	bool any = false;

	while (scan_member(&at, &name, &value)) {
		if (is_unset(c, field, name))
			continue;
		if (!any) {
			jtext_name(out, field);
			buf_addc(out, '{');
		}
		any = true;
		write_raw_member(out, name, value);
	}
	if (any)
		buf_addc(out, '}');
}

static void
override_unset(
    enum manager_type type, struct span doc, const struct override_change *c, struct buf *out)
{
	buf_addc(out, '{');
	for (const struct value_field *f = value_fields(type); f && f->name; f++) {
		struct span value = scan_get(doc, f->name);

		if (!value.p || is_unset(c, f->name, (struct span){ 0 }))
			continue;
		if (is_map(f) && !is_empty_map(value))
			unset_map(f->name, value, c, out);
		else
			write_member(out, f->name, value);
	}
	buf_addc(out, '}');
}

/*
 * Terraform compares what it configured with what it reads, and finds an override object missing that has nothing in
 * it, or nothing that is told. A variable's has a value, or is none.
 */
static void
end_override(
    enum manager_type type, const struct override_change *change, size_t begin, struct buf *out)
{
	bool may_be_empty = type == MANAGER_CONNECTION || type == MANAGER_METRICS_EXPORT;

	if (buf_error(out) || out->len - begin != 2 || !change->fields.p || !may_be_empty)
		return;
	out->len = begin;
	buf_adds(out, VALUE_EMPTY_OVERRIDE);
}

int
value_override_update(enum manager_type type, bool secret_flag, struct span stored,
    const struct override_change *change, bool description_sent, struct buf *out)
{
	size_t begin = out->len;
	struct buf laid = BUF_INIT(2 * LIMIT_VALUE);
	struct span doc = stored;
	bool has_fields = change->fields.p && !is_empty_map(change->fields);

	if (!change->given && !description_sent) {
		buf_add(out, stored.p, stored.n);
		return buf_error(out);
	}
	if (!change->given || (!has_fields && change->n_unset == 0)) {
		buf_adds(out, "{}");
		end_override(type, change, begin, out);
		return buf_error(out);
	}
	if (change->fields.p) {
		override_fields(type, secret_flag, stored, change->fields, &laid);
		doc = span_of_buf(&laid);
	}
	if (buf_error(&laid)) {
		int r = buf_error(&laid);

		buf_fini(&laid);
		return r;
	}
	override_unset(type, doc, change, out);
	end_override(type, change, begin, out);
	buf_fini(&laid);
	return buf_error(out);
}
