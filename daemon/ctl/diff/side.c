/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/diff/side.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"

/* --- hashing ----------------------------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(json_name(*x), json_name(*y));
}

static void write_sorted(const struct json *j, struct buf *out);

static void
write_object(const struct json *object, struct buf *out)
{
	size_t n = json_count(object), i = 0;
	const struct json **member = mem_calloc(n + 1, sizeof *member);

	if (!member) {
		out->error = -ENOMEM;
		return;
	}
	for (const struct json *j = json_first(object); j; j = json_next(j))
		member[i++] = j;
	qsort(member, n, sizeof *member, by_name);
	buf_addc(out, '{');
	for (i = 0; i < n; i++) {
		jtext_string(out, span_of(json_name(member[i])));
		buf_addc(out, ':');
		write_sorted(member[i], out);
		buf_addc(out, ',');
	}
	buf_addc(out, '}');
	mem_free(member);
}

/* JSON text with its members sorted. Recurses no deeper than LIMIT_JSON_DEPTH. */
static void
write_sorted(const struct json *j, struct buf *out)
{
	if (json_type(j) == SCAN_OBJECT) {
		write_object(j, out);
	} else if (json_type(j) == SCAN_ARRAY) {
		buf_addc(out, '[');
		for (const struct json *k = json_first(j); k; k = json_next(k)) {
			write_sorted(k, out);
			buf_addc(out, ',');
		}
		buf_addc(out, ']');
	} else {
		json_write(j, out);
	}
}

/* The place of a new field, which keeps the fields sorted; NULL: out of memory. */
static struct side_field *
field_add(struct side_entry *e, const char *name)
{
	struct side_field *grown = mem_resize(e->field, (e->n_fields + 1) * sizeof *grown);
	size_t at = e->n_fields;
	char *copy;

	if (!grown)
		return NULL;
	e->field = grown;
	copy = mem_strdup(name);
	if (!copy)
		return NULL;
	for (; at > 0 && strcmp(grown[at - 1].name, name) > 0; at--)
		grown[at] = grown[at - 1];
	grown[at] = (struct side_field){ .name = copy };
	e->n_fields++;
	return &grown[at];
}

void
side_field(struct side *side, struct side_entry *e, const char *name, const struct json *value)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_ROW);
	const char *string = json_string(value);
	struct side_field *f;

	if (!e || json_type(value) == SCAN_NULL || (string && !*string))
		return;
	write_sorted(value, &text);
	f = buf_error(&text) ? NULL : field_add(e, name);
	if (f)
		hash_long(f->hash, side->hash_key, sizeof side->hash_key, text.data, text.len);
	else
		side->failed = true;
}

void
side_text(struct side *side, struct side_entry *e, const char *name, const char *text)
{
	struct json *value = json_new_string(text);

	if (value)
		side_field(side, e, name, value);
	else
		side->failed = true;
	json_free(value);
}

static void
add_extra(struct side *side, struct side_entry *e, const struct json *extra)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(LIMIT_ROW);

	for (const struct json *j = json_first(extra); j; j = json_next(j)) {
		buf_reset(&name);
		buf_addf(&name, "extra.%s", json_name(j));
		side_field(side, e, buf_str(&name), j);
	}
}

void
side_connection(struct side *side, struct side_entry *e, const struct json *connection)
{
	for (const struct json *j = json_first(connection); j; j = json_next(j)) {
		const char *name = json_name(j);

		if (strcmp(name, "extra") == 0 && json_type(j) == SCAN_OBJECT)
			add_extra(side, e, j);
		else if (strcmp(name, "connectionAuthType") != 0)
			side_field(side, e, strcmp(name, "type") == 0 ? "conn_type" : name, j);
	}
}

/* --- entries ----------------------------------------------------------------------------- */

struct side_entry *
side_add(struct side *side, enum secrets_kind kind, const char *key)
{
	size_t room = side->room ? 2 * side->room : 64;
	struct side_entry *grown;
	char *copy = mem_strdup(key);

	if (copy && side->n == side->room) {
		grown = mem_resize(side->entry, room * sizeof *grown);
		if (grown) {
			side->entry = grown;
			side->room = room;
		}
	}
	if (!copy || side->n == side->room) {
		mem_free(copy);
		side->failed = true;
		return NULL;
	}
	side->entry[side->n] = (struct side_entry){ .kind = kind, .key = copy };
	return &side->entry[side->n++];
}

static int
by_kind_and_key(const void *a, const void *b)
{
	const struct side_entry *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->key, y->key);
}

void
side_fini(struct side *side)
{
	for (size_t i = 0; i < side->n; i++) {
		for (size_t k = 0; k < side->entry[i].n_fields; k++)
			mem_free(side->entry[i].field[k].name);
		mem_free(side->entry[i].field);
		mem_free(side->entry[i].key);
	}
	mem_free(side->entry);
	*side = (struct side){ 0 };
}

/* --- which side -------------------------------------------------------------------------- */

/* What stands behind "prefix:"; NULL: text has another prefix. */
static const char *
after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 && text[n] == ':' && text[n + 1] ? text + n + 1 : NULL;
}

static int
read_manager(struct side *side, const char *text, const struct ctl_options *o, struct session *s,
    bool *is_open)
{
	const char *deployment = after(text, "deployment"), *workspace = after(text, "workspace");

	if (!*is_open) {
		int code = session_open(s, o);

		*is_open = true;
		if (code != CTL_YES)
			return code;
	}
	return side_read_manager(side, s, deployment, deployment ? deployment : workspace);
}

static int
read_airflow(struct side *side, const char *command)
{
	int code = side_read_export(side, SECRETS_CONNECTION, NULL, command);

	return code == CTL_YES ? side_read_export(side, SECRETS_VARIABLE, NULL, command) : code;
}

static int
read_named(struct side *side, const char *text, const struct ctl_options *o, struct session *s,
    bool *is_open)
{
	const char *rest;

	if (strcmp(text, "connd") == 0)
		return side_read_connd(side, o);
	if (after(text, "deployment") || after(text, "workspace"))
		return read_manager(side, text, o, s, is_open);
	if ((rest = after(text, "connections")))
		return side_read_export(side, SECRETS_CONNECTION, rest, NULL);
	if ((rest = after(text, "variables")))
		return side_read_export(side, SECRETS_VARIABLE, rest, NULL);
	if (strcmp(text, "airflow") == 0 || (rest = after(text, "airflow")))
		return read_airflow(side, rest ? rest : "airflow");
	return ctl_fail(CTL_USAGE,
	    "Write connd, deployment:NAME, workspace:NAME, connections:FILE, variables:FILE or "
	    "airflow[:COMMAND].",
	    "\"%s\" is not a side of a comparison", text);
}

int
side_read(struct side *side, const char *text, const struct ctl_options *o, struct session *s,
    bool *is_open)
{
	int code;

	side->text = text;
	code = read_named(side, text, o, s, is_open);
	if (code != CTL_YES)
		return code;
	if (side->failed)
		return session_no_memory();
	if (side->n)
		qsort(side->entry, side->n, sizeof *side->entry, by_kind_and_key);
	return CTL_YES;
}
