/* SPDX-License-Identifier: Apache-2.0 */
/* connctl token list|create|revoke. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/file.h"
#include "base/limits.h"
#include "ctl/admin/admin.h"
#include "ctl/admin/change.h"
#include "ctl/admin/place.h"
#include "ctl/admin/table.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define MAX_SECONDS (INT64_C(36500) * 86400) /* a century, as the manager has it */

static int
fetch_tokens(struct session *s, struct json **rows)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);

	session_path(s, &path, "/tokens");
	return session_list(s, &path, "tokens", rows);
}

/* --- list -------------------------------------------------------------------------------- */

static const char *
state(const struct json *token)
{
	if (*json_text(token, "revokedAt"))
		return "revoked";
	return *json_text(token, "expiresAt") ? json_text(token, "expiresAt") : "never expires";
}

static int
list(struct session *s)
{
	struct table t = TABLE_INIT(6);
	struct json *rows = NULL;
	int code = fetch_tokens(s, &rows);

	if (code == CTL_YES && s->o->json) {
		code = admin_print_rows("tokens", rows);
	} else if (code == CTL_YES) {
		for (const struct json *j = json_first(rows); j; j = json_next(j)) {
			table_cell(&t, json_text(j, "name"));
			table_cell(&t, json_text(j, "id"));
			table_cell(&t, json_text(j, "scope"));
			table_cell(&t, json_text(j, "role"));
			table_cell(&t, state(j));
			table_cell(&t, json_text(j, "lastUsedAt"));
		}
		code = table_print(&t);
	}
	table_fini(&t);
	json_free(rows);
	return code;
}

/* --- create ------------------------------------------------------------------------------ */

/* "90d", "12h", "3600": seconds. Returns the exit code. */
static int
lifetime_read(const char *text, int64_t *out)
{
	int64_t ms;

	if (duration_read(text, &ms) < 0 || ms < 1000 || ms / 1000 > MAX_SECONDS)
		return ctl_fail(CTL_USAGE, NULL, "--expires-in takes a time like 90d or 12h");
	*out = ms / 1000;
	return CTL_YES;
}

/* What the token is for: the Deployment, the Workspace or, when neither is named, all of it. */
static int
scope_read(struct session *s, const char **scope, char id[static TOKEN_ID_SIZE])
{
	const char *deployment = cli_value(s->line, OPT_TARGET);
	char workspace[TOKEN_ID_SIZE] = "";
	int code = CTL_YES;

	if (cli_has(s->line, OPT_IN_WORKSPACE))
		code = place_workspace(s, workspace);
	if (code != CTL_YES)
		return code;
	*scope = deployment ? "DEPLOYMENT" : *workspace ? "WORKSPACE" : "ORGANIZATION";
	if (deployment)
		return place_find(
		    s, &place_kinds[PLACE_DEPLOYMENT], deployment, workspace, id, NULL);
	(void)snprintf(id, TOKEN_ID_SIZE, "%s", *workspace ? workspace : s->organization);
	return CTL_YES;
}

static int
add_text(struct json *body, struct change *c, const char *member, const char *text)
{
	change_field(c, member, NULL, text);
	return json_take(body, member, json_new_string(text));
}

static int
create_body(struct session *s, struct json *body, struct change *c)
{
	const char *scope = NULL, *expires = cli_value(s->line, OPT_EXPIRES_IN);
	char id[TOKEN_ID_SIZE] = "";
	int64_t seconds = 0;
	int code = expires ? lifetime_read(expires, &seconds) : CTL_YES, r;

	if (code == CTL_YES)
		code = scope_read(s, &scope, id);
	if (code != CTL_YES)
		return code;
	r = add_text(body, c, "name", s->line->operand[0]);
	if (r == 0)
		r = add_text(body, c, "scope", scope);
	if (r == 0)
		r = add_text(body, c, "scopeEntityId", id);
	if (r == 0)
		r = add_text(body, c, "role", cli_value(s->line, OPT_ROLE));
	change_field(c, "expires", NULL, expires ? expires : "never");
	if (r == 0 && expires)
		r = json_take(body, "expiresInSeconds", json_new_int(seconds));
	return r < 0 ? session_no_memory() : CTL_YES;
}

/* The text goes to a new file of mode 0600, or to standard output, and is never shown again. */
static int
hand_over(struct session *s, const struct json *made)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_TOKEN + 64);
	const char *path = cli_value(s->line, OPT_TOKEN_OUT);
	struct why why;

	if (!*json_text(made, "token"))
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager's response has no token");
	if (!path && s->o->json)
		return admin_print(made);
	buf_adds(&text, json_text(made, "token"));
	buf_addc(&text, '\n');
	(void)fprintf(stderr, "connctl: made token %s\n", json_text(made, "id"));
	if (!path)
		return output_flush(&text);
	if (file_create(path, buf_str(&text), text.len, &why) < 0)
		return ctl_fail(CTL_UNAVAILABLE,
		    "The token is made, and its text is lost: revoke it.", "%s: %s",
		    json_text(made, "id"), why.text);
	return CTL_YES;
}

static int
create(struct session *s)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct change c = { .action = "create", .kind = "token", .name = s->line->operand[0] };
	struct json *body = json_new_object(), *made = NULL;
	int code = body ? create_body(s, body, &c) : session_no_memory();

	session_path(s, &path, "/tokens");
	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = session_send(s, "POST", &path, body, NULL, &made);
		if (code == CTL_YES)
			code = hand_over(s, made);
	}
	json_free(made);
	json_free(body);
	change_fini(&c);
	return code;
}

/* --- revoke ------------------------------------------------------------------------------ */

/* The token of this id, or the only one of this name that is not revoked. Returns the exit code. */
static int
token_find(const struct json *rows, const char *text, const struct json **out)
{
	size_t n = 0;

	for (const struct json *j = json_first(rows); j; j = json_next(j)) {
		if (*json_text(j, "revokedAt"))
			continue;
		if (strcmp(json_text(j, "id"), text) != 0 &&
		    strcmp(json_text(j, "name"), text) != 0)
			continue;
		*out = j;
		n++;
		if (strcmp(json_text(j, "id"), text) == 0)
			return CTL_YES;
	}
	if (n == 1)
		return CTL_YES;
	if (n == 0)
		return ctl_fail(
		    CTL_NO, NULL, "there is no token \"%s\" that could be revoked", text);
	return ctl_fail(CTL_USAGE, "Pass its id; \"connctl token list\" shows it.",
	    "%zu tokens are named \"%s\"", n, text);
}

/* How many tokens are of its family: all of them end. */
static void
note_family(const struct json *rows, const struct json *token, struct change *c)
{
	char text[32];
	size_t n = 0;

	for (const struct json *j = json_first(rows); j; j = json_next(j))
		if (strcmp(json_text(j, "familyId"), json_text(token, "familyId")) == 0 &&
		    !*json_text(j, "revokedAt"))
			n++;
	(void)snprintf(text, sizeof text, "%zu", n ? n : 1);
	change_field(c, "tokens of its family that end", text, NULL);
}

static int
revoke(struct session *s)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct change c = { .action = "revoke", .kind = "token", .name = s->line->operand[0] };
	const struct json *token = NULL;
	struct json *rows = NULL;
	int code = fetch_tokens(s, &rows);

	if (code == CTL_YES)
		code = token_find(rows, s->line->operand[0], &token);
	if (code == CTL_YES) {
		change_field(&c, "scope", json_text(token, "scope"), NULL);
		change_field(&c, "role", json_text(token, "role"), NULL);
		note_family(rows, token, &c);
		session_path(s, &path, "/tokens/%s", json_text(token, "id"));
	}
	if (code == CTL_YES && change_agreed(s, &c, &code)) {
		code = session_send(s, "DELETE", &path, NULL, NULL, NULL);
		if (code == CTL_YES)
			code = change_done(s, &c, json_text(token, "id"));
	}
	json_free(rows);
	change_fini(&c);
	return code;
}

int
ctl_token(const struct ctl_options *o)
{
	struct session s;
	int code = session_open(&s, o);

	if (code == CTL_YES)
		code = o->line->verb->id == VERB_TOKEN_LIST     ? list(&s)
		       : o->line->verb->id == VERB_TOKEN_CREATE ? create(&s)
								: revoke(&s);
	session_close(&s);
	return code;
}
