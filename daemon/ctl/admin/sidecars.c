/* SPDX-License-Identifier: Apache-2.0 */
/* connctl sidecars: which connd are up to date, as they report to the manager. */
#include <string.h>

#include "base/limits.h"
#include "ctl/admin/admin.h"
#include "ctl/admin/place.h"
#include "ctl/admin/table.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

/* Adds the filter of --deployment or --workspace. Returns the exit code. */
static int
add_place(struct session *s, struct buf *path)
{
	const char *deployment = cli_value(s->line, OPT_TARGET);
	char workspace[TOKEN_ID_SIZE] = "", id[TOKEN_ID_SIZE] = "";
	int code = CTL_YES;

	if (cli_has(s->line, OPT_IN_WORKSPACE))
		code = place_workspace(s, workspace);
	if (code == CTL_YES && deployment)
		code =
		    place_find(s, &place_kinds[PLACE_DEPLOYMENT], deployment, workspace, id, NULL);
	if (code == CTL_YES && *id)
		session_query(path, "deploymentId", id);
	else if (code == CTL_YES && *workspace)
		session_query(path, "workspaceId", workspace);
	return code;
}

static void
add_row(struct table *t, const struct json *sidecar)
{
	const char *error = json_text(sidecar, "lastError");
	const char *behind = json_text(sidecar, "behindSince");

	table_cell(t, json_text(sidecar, "name"));
	table_cell(t, json_text(sidecar, "scopeEntityId"));
	table_cell(t, json_text(sidecar, "version"));
	table_cell(t, json_text(sidecar, "status"));
	table_cell(t, *behind ? behind : json_text(sidecar, "seenAt"));
	table_cell(t, *error ? error : json_text(sidecar, "state"));
}

static int
print(struct session *s, const struct json *rows)
{
	struct table t = TABLE_INIT(6);
	int code;

	if (s->o->json)
		return admin_print_rows("sidecars", rows);
	for (const struct json *j = json_first(rows); j; j = json_next(j))
		add_row(&t, j);
	code = table_print(&t);
	table_fini(&t);
	return code;
}

int
ctl_sidecars(const struct ctl_options *o)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *rows = NULL;
	struct session s;
	int code = session_open(&s, o);

	if (code == CTL_YES) {
		session_path(&s, &path, "/sidecars");
		code = add_place(&s, &path);
	}
	if (code == CTL_YES)
		code = session_list(&s, &path, "sidecars", &rows);
	if (code == CTL_YES)
		code = print(&s, rows);
	json_free(rows);
	session_close(&s);
	return code;
}
