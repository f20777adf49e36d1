/* SPDX-License-Identifier: Apache-2.0 */
/* connctl login and context list|use|delete. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "ctl/admin/admin.h"
#include "ctl/admin/change.h"
#include "ctl/admin/context.h"
#include "ctl/admin/place.h"
#include "ctl/admin/private_file.h"
#include "ctl/admin/table.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

static int
add_text(struct json *object, const char *name, const char *text)
{
	return text && *text ? json_take(object, name, json_new_string(text)) : 0;
}

/* --- login ----------------------------------------------------------------------------- */

/* Does the manager take the token? */
static int
try_token(struct session *s)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *row = NULL;
	int code = session_connect(s);

	if (code == CTL_YES) {
		session_path(s, &path, "%s", "");
		code = session_get(s, &path, &row);
	}
	json_free(row);
	return code;
}

static int
save(struct session *s, const char *name, const char *workspace)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(4096);
	struct json *c = json_new_object();
	int r = c ? 0 : -1, code;

	if (r == 0)
		r = add_text(c, "manager", s->url);
	if (r == 0)
		r = add_text(c, "organization", s->organization);
	if (r == 0)
		r = add_text(c, "workspace", workspace);
	if (r == 0)
		r = add_text(c, "caFile", s->ca_file);
	if (r == 0 && s->insecure_http)
		r = json_take(c, "insecureHttp", json_new_bool(true));
	if (r == 0)
		r = json_take(json_member(s->contexts, "contexts"), name, c);
	else
		json_free(c);
	if (r == 0)
		r = json_take(s->contexts, "current", json_new_string(name));
	if (r < 0)
		return session_no_memory();
	context_token_path(&path, name);
	code = private_file_write(buf_str(&path), &s->token);
	return code == CTL_YES ? context_save(s->contexts) : code;
}

static int
login(struct session *s)
{
	const char *name = s->line->n_operands ? s->line->operand[0] : "default";
	char workspace[TOKEN_ID_SIZE] = "";
	int code;

	if (!context_name_is_valid(name))
		return ctl_fail(CTL_USAGE, NULL, "a context's name is letters, digits, -, _ and .");
	s->url = cli_value(s->line, OPT_MANAGER);
	s->ca_file = cli_value(s->line, OPT_CA_FILE);
	s->insecure_http = cli_has(s->line, OPT_INSECURE_HTTP);
	if (s->o->import.organization)
		(void)snprintf(
		    s->organization, sizeof s->organization, "%s", s->o->import.organization);
	code = session_ask_token(s);
	if (code == CTL_YES)
		code = try_token(s);
	if (code == CTL_YES && cli_has(s->line, OPT_IN_WORKSPACE))
		code = place_workspace(s, workspace);
	if (code == CTL_YES)
		code = save(s, name, workspace);
	if (code != CTL_YES)
		return code;
	if (s->o->json)
		return admin_print(context_find(s->contexts, name));
	(void)fprintf(stderr, "connctl: the current context is now \"%s\"\n", name);
	return CTL_YES;
}

/* --- context --------------------------------------------------------------------------- */

static int
list(struct session *s)
{
	const struct json *all = json_get(s->contexts, "contexts"), *j;
	const char *current = context_current(s->contexts);
	struct table t = TABLE_INIT(4);
	int code;

	if (s->o->json)
		return admin_print(s->contexts);
	for (j = json_first(all); j; j = json_next(j)) {
		bool is_current = current && strcmp(json_name(j), current) == 0;

		table_cell(&t, is_current ? "*" : "");
		table_cell(&t, json_name(j));
		table_cell(&t, json_text(j, "manager"));
		table_cell(&t, json_text(j, "organization"));
	}
	code = table_print(&t);
	table_fini(&t);
	return code;
}

/* With --json prints what there is now. */
static int
save_all(struct session *s)
{
	int code = context_save(s->contexts);

	return code == CTL_YES && s->o->json ? admin_print(s->contexts) : code;
}

static int
use(struct session *s)
{
	if (json_take(s->contexts, "current", json_new_string(s->line->operand[0])) < 0)
		return session_no_memory();
	return save_all(s);
}

static int
forget(struct session *s)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(4096);
	const char *name = s->line->operand[0], *current = context_current(s->contexts);

	context_token_path(&path, name);
	(void)unlink(buf_str(&path));
	if (current && strcmp(current, name) == 0)
		json_remove(s->contexts, "current");
	json_remove(json_member(s->contexts, "contexts"), name);
	return save_all(s);
}

int
ctl_context(const struct ctl_options *o)
{
	struct session s = { .o = o,
		.line = o->line,
		.token = BUF_INIT(LIMIT_TOKEN + 256),
		.answer = BUF_INIT(LIMIT_PAGE_BYTES) };
	int verb = o->line->verb->id, code;

	json_global_init();
	code = context_load(&s.contexts);
	if (code == CTL_YES && (verb == VERB_CONTEXT_USE || verb == VERB_CONTEXT_DELETE) &&
	    !context_find(s.contexts, o->line->operand[0]))
		code = ctl_fail(CTL_NO, "\"connctl context list\" shows those that are there.",
		    "there is no context \"%s\"", o->line->operand[0]);
	if (code == CTL_YES)
		code = verb == VERB_LOGIN            ? login(&s)
		       : verb == VERB_CONTEXT_USE    ? use(&s)
		       : verb == VERB_CONTEXT_DELETE ? forget(&s)
						     : list(&s);
	session_close(&s);
	return code;
}
