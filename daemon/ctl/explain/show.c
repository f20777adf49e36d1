/* SPDX-License-Identifier: Apache-2.0 */
/* The report of connctl explain for a person. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/table.h"
#include "ctl/explain/explain_internal.h"
#include "ctl/output.h"

static const char *
place_text(const struct json *part, const char *id, const char *name)
{
	return *json_text(part, name) ? json_text(part, name) : json_text(part, id);
}

static void
pair(struct table *t, const char *label, const struct buf *text)
{
	table_cell(t, label);
	table_cell(t, buf_str(text));
}

/* --- connd ------------------------------------------------------------------------------- */

static void
add_age(struct buf *out, const struct json *connd)
{
	int64_t age_ms, generation;

	if (!*json_text(connd, "state"))
		return;
	buf_addf(out, ": %s", json_text(connd, "state"));
	if (!json_int(json_get(connd, "age_ms"), &age_ms))
		return;
	buf_adds(out, " (confirmed ");
	output_duration(out, age_ms);
	buf_adds(out, " ago");
	if (json_int(json_get(connd, "generation"), &generation))
		buf_addf(out, ", generation %" PRId64, generation);
	buf_addc(out, ')');
}

static void
show_access(struct table *t, const struct explain *e)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);
	const char *rule = json_text(e->connd, "rule");
	bool allowed;

	if (!json_bool(json_get(e->connd, "allowed"), &allowed))
		return;
	buf_addf(&text, "user %s (uid %u) may%s read it: ", e->user.name, (unsigned)e->user.uid,
	    allowed ? "" : " not");
	if (*rule)
		buf_adds(&text, rule);
	else
		buf_adds(&text, allowed ? "connd has no [access] rules" : "no rule allows it");
	pair(t, "access", &text);
}

static void
show_connd(struct table *t, const struct explain *e)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);
	const struct json *c = e->connd;

	if (!c)
		return;
	buf_adds(&text, json_text(c, "socket"));
	if (*json_text(c, "deployment"))
		buf_addf(
		    &text, ", Deployment \"%s\"", place_text(c, "deployment", "deployment_name"));
	else if (*json_text(c, "workspace"))
		buf_addf(&text, ", Workspace \"%s\"", place_text(c, "workspace", "workspace_name"));
	add_age(&text, c);
	pair(t, "connd", &text);
	buf_reset(&text);
	buf_adds(&text,
	    strcmp(json_text(c, "record"), "value") == 0 ? "served" : json_text(c, "record"));
	pair(t, "record", &text);
	show_access(t, e);
}

/* --- the manager ------------------------------------------------------------------------- */

static void
show_reach(struct buf *text, const struct json *m)
{
	static const struct {
		const char *reach, *words;
	} known[] = {
		{ "own", "has an object of its own" },
		{ "linked", "is linked to the Workspace's object" },
		{ "auto-linked", "gets the Workspace's object, as every Deployment does" },
		{ "excluded", "is excluded from the Workspace's object" },
		{ "not-linked", "is not linked to the Workspace's object" },
		{ "absent", "gets no such object" },
	};
	const struct json *deployment = json_get(m, "deployment");

	if (!deployment) {
		buf_addf(
		    text, "Workspace \"%s\"", place_text(json_get(m, "workspace"), "id", "name"));
		return;
	}
	buf_addf(text, "Deployment \"%s\" ", place_text(deployment, "id", "name"));
	for (size_t i = 0; i < N_ELEMENTS(known); i++)
		if (strcmp(json_text(m, "reach"), known[i].reach) == 0)
			buf_adds(text, known[i].words);
}

static void
show_objects(struct table *t, const struct json *m)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);
	const struct json *objects = json_get(m, "objects"), *j;

	for (j = objects ? json_first(objects) : NULL; j; j = json_next(j)) {
		bool wins = false;

		(void)json_bool(json_get(j, "wins"), &wins);
		buf_reset(&text);
		buf_addf(&text, "%s's, id %s, changed %s by %s%s", json_text(j, "scope"),
		    json_text(j, "id"), json_text(j, "at"), json_text(j, "by"),
		    wins ? "" : " (not used here)");
		pair(t, "object", &text);
	}
}

static void
show_manager(struct table *t, const struct explain *e)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);
	const struct json *m = e->manager;

	if (!m && session_is_named(e->o)) {
		buf_adds(&text, "not known: standard error says why");
		pair(t, "manager", &text);
		return;
	}
	if (!m) {
		buf_adds(&text,
		    "not asked: \"connctl login\" or --manager names it; it knows where "
		    "each field comes from");
		pair(t, "manager", &text);
		return;
	}
	buf_addf(&text, "%s: ", json_text(m, "url"));
	show_reach(&text, m);
	pair(t, "manager", &text);
	show_objects(t, m);
}

/* --- fields ------------------------------------------------------------------------------ */

/* Appends the values that another one overrides: "workspace: db". */
static void
add_others(struct buf *out, const struct json *values, const char *from)
{
	for (const struct json *j = json_first(values); j; j = json_next(j))
		if (strcmp(json_text(j, "from"), from) != 0)
			buf_addf(out, "%s%s: %s", out->len ? ", " : "", json_text(j, "from"),
			    json_text(j, "value"));
}

static void
show_field(struct table *t, const struct json *field)
{
	CLEANUP(buf_fini) struct buf others = BUF_INIT(LIMIT_ROW);
	const char *from = json_text(field, "from");
	const struct json *values = json_get(field, "values"), *j = json_first(values);

	while (j && strcmp(json_text(j, "from"), from) != 0)
		j = json_next(j);
	add_others(&others, values, from);
	table_cell(t, json_text(field, "field"));
	table_cell(t, *json_text(field, "served") ? json_text(field, "served")
		      : j                         ? json_text(j, "value")
						  : "-");
	table_cell(t, *from ? from : "not used here");
	table_cell(t, j ? json_text(j, "at") : "");
	table_cell(t, j ? json_text(j, "by") : "");
	table_cell(t, buf_str(&others));
}

static void
show_fields(const struct explain *e, struct buf *out)
{
	static const char *const titles[] = { "FIELD", "VALUE", "FROM", "CHANGED", "BY",
		"OTHER VALUES" };
	const struct json *fields = e->manager ? json_get(e->manager, "fields") : NULL, *j;
	struct table t = TABLE_INIT(N_ELEMENTS(titles));

	if (!fields || !json_count(fields))
		return;
	for (size_t i = 0; i < N_ELEMENTS(titles); i++)
		table_cell(&t, titles[i]);
	for (j = json_first(fields); j; j = json_next(j))
		show_field(&t, j);
	buf_addc(out, '\n');
	table_write(&t, out);
	table_fini(&t);
}

/* What connd serves, where no manager says where it comes from. */
static void
show_value(const struct explain *e, struct buf *out)
{
	const struct json *value = e->connd ? json_get(e->connd, "value") : NULL;

	if (e->manager || !value)
		return;
	buf_adds(out, "\nvalue  ");
	if (json_string(value))
		output_safe(out, span_of(json_string(value)));
	else
		json_write(value, out);
	buf_addc(out, '\n');
}

/* --- Airflow ----------------------------------------------------------------------------- */

static void
show_source(struct table *t, const struct json *j)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(LIMIT_REPLY);
	bool has;

	buf_addf(&name, "%s (%s)", json_text(j, "source"), json_text(j, "name"));
	table_cell(t, buf_str(&name));
	if (!json_bool(json_get(j, "has"), &has))
		table_cell(t, "unknown");
	else
		table_cell(t, has ? "has it" : "does not have it");
	table_cell(t, json_text(j, "role"));
	table_cell(t, json_text(j, "why"));
}

static void
show_airflow(const struct explain *e, struct buf *out)
{
	static const char *const titles[] = { "AIRFLOW ASKS", "", "", "" };
	const struct json *part = json_get(e->report, "airflow"), *j;
	struct table t = TABLE_INIT(N_ELEMENTS(titles));

	if (!part)
		return;
	for (size_t i = 0; i < N_ELEMENTS(titles); i++)
		table_cell(&t, titles[i]);
	for (j = json_first(json_get(part, "sources")); j; j = json_next(j))
		show_source(&t, j);
	buf_addc(out, '\n');
	table_write(&t, out);
	table_fini(&t);
	buf_addf(out, "a task gets it from: %s\n",
	    *json_text(part, "answers") ? json_text(part, "answers") : "no source that is known");
}

void
explain_show(const struct explain *e, struct buf *out)
{
	struct table t = TABLE_INIT(2);

	buf_addf(out, "%s \"", e->is_connection ? "connection" : "variable");
	output_safe(out, span_of(e->key));
	buf_adds(out, "\"\n");
	show_connd(&t, e);
	show_manager(&t, e);
	table_write(&t, out);
	table_fini(&t);
	show_fields(e, out);
	show_value(e, out);
	show_airflow(e, out);
}
