/* SPDX-License-Identifier: Apache-2.0 */
/* connctl organization show|set. */
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/admin.h"
#include "ctl/admin/change.h"
#include "ctl/admin/table.h"
#include "ctl/verbs.h"

static const char *
on_off(const struct json *row)
{
	bool on = false;

	if (!json_bool(json_get(row, "environmentSecretsFetching"), &on))
		return NULL;
	return on ? "on" : "off";
}

static int
print_organization(struct session *s, const struct json *row)
{
	struct table t = TABLE_INIT(2);
	int code;

	if (s->o->json)
		return admin_print(row);
	table_cell(&t, "id");
	table_cell(&t, json_text(row, "id"));
	table_cell(&t, "name");
	table_cell(&t, json_text(row, "name"));
	table_cell(&t, "secrets fetching");
	table_cell(&t, on_off(row) ? on_off(row) : "unknown: this manager does not report it");
	code = table_print(&t);
	table_fini(&t);
	return code;
}

/* Adds what the options change. Returns the exit code. */
static int
build(struct session *s, const struct json *row, struct json *body, struct change *c)
{
	const char *name = cli_value(s->line, OPT_NAME), *now = on_off(row);
	const char *fetching = cli_value(s->line, OPT_SECRETS_FETCHING);
	int r = 0;

	if (!name && !fetching)
		return ctl_fail(CTL_USAGE, NULL, "pass --name or --secrets-fetching");
	if (name && strcmp(name, json_text(row, "name")) != 0) {
		change_field(c, "name", json_text(row, "name"), name);
		r = json_take(body, "name", json_new_string(name));
	}
	if (r == 0 && fetching && (!now || strcmp(fetching, now) != 0)) {
		change_field(c, "secrets fetching", now, fetching);
		r = json_take(
		    body, "environmentSecretsFetching", json_new_bool(strcmp(fetching, "on") == 0));
	}
	return r < 0 ? session_no_memory() : CTL_YES;
}

static int
set(struct session *s, const struct buf *path, const struct json *row)
{
	struct json *body = json_new_object();
	struct change c = {
		.action = "update", .kind = "organization", .name = json_text(row, "name")
	};
	int code = body ? build(s, row, body, &c) : session_no_memory();

	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = session_send(s, "POST", path, body, NULL, NULL);
		if (code == CTL_YES)
			code = change_done(s, &c, json_text(row, "id"));
	}
	json_free(body);
	change_fini(&c);
	return code;
}

int
ctl_organization(const struct ctl_options *o)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct session s;
	struct json *row = NULL;
	int code = session_open(&s, o);

	if (code == CTL_YES) {
		session_path(&s, &path, "%s", "");
		code = session_get(&s, &path, &row);
	}
	if (code == CTL_YES)
		code = o->line->verb->id == VERB_ORGANIZATION_SET ? set(&s, &path, row)
								  : print_organization(&s, row);
	json_free(row);
	session_close(&s);
	return code;
}
