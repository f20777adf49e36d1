/* SPDX-License-Identifier: Apache-2.0 */
/* The one cause of a key that is not served, and what to do. */
#include <string.h>

#include "ctl/explain/explain_internal.h"
#include "ctl/missing.h"
#include "ctl/verbs.h"

static const char *
noun(const struct explain *e)
{
	return e->is_connection ? "connection" : "variable";
}

/* The name of a place of the report, or its id. */
static const char *
place_text(const struct json *place)
{
	if (!place)
		return "";
	return *json_text(place, "name") ? json_text(place, "name") : json_text(place, "id");
}

/* A word of a command that can be pasted into a shell. */
static void
add_word(struct buf *out, const char *word)
{
	static const char *const plain =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:";

	if (*word && !word[strspn(word, plain)]) {
		buf_adds(out, word);
		return;
	}
	buf_addc(out, '\'');
	for (; *word; word++)
		buf_adds(out, *word == '\'' ? "'\\''" : (const char[]){ *word, '\0' });
	buf_addc(out, '\'');
}

/* --- what connd says --------------------------------------------------------------------- */

/* The fields of Withheld, or the field of Invalid. */
static void
add_fields(struct explain *e)
{
	const struct json *fields = json_get(e->connd, "fields"), *j;

	buf_adds(&e->cause, json_text(e->connd, "field"));
	for (j = fields && json_type(fields) == SCAN_ARRAY ? json_first(fields) : NULL; j;
	     j = json_next(j))
		buf_addf(&e->cause, "%s%s", j == json_first(fields) ? "" : ", ", json_string(j));
}

static int
denied(struct explain *e)
{
	const char *rule = json_text(e->connd, "rule");

	buf_addf(&e->cause, "user %s may not read this key: ", e->user.name);
	if (*rule)
		buf_addf(&e->cause, "%s", rule);
	else
		buf_adds(&e->cause, "no rule of [access] allows it");
	buf_adds(&e->next, "[access] in connd.conf says who may.");
	return CTL_DENIED;
}

static int
withheld(struct explain *e)
{
	buf_adds(&e->cause, "the manager withholds secrets of this key: ");
	add_fields(e);
	buf_adds(&e->next, "Give connd's token the right to read secrets, and switch secrets on: "
			   "\"connctl organization set --secrets-fetching on\".");
	return CTL_UNAVAILABLE;
}

static int
invalid(struct explain *e)
{
	buf_adds(&e->cause, "the manager's value cannot be used, because of ");
	add_fields(e);
	buf_addf(&e->next, "Correct it: \"connctl %s set %s ...\".", noun(e), e->key);
	return CTL_UNAVAILABLE;
}

static int
no_data(struct explain *e, const char *what)
{
	const char *reason = json_text(e->connd, "reason");

	buf_adds(&e->cause, what);
	if (*reason)
		buf_addf(&e->cause, ": %s", reason);
	buf_adds(&e->next, "\"connctl status\" shows what connd waits for.");
	return CTL_UNAVAILABLE;
}

/* --- what the manager says --------------------------------------------------------------- */

static void
add_linked(struct explain *e)
{
	const struct json *linked = json_get(e->manager, "linked_to"), *j;

	if (!linked || !json_count(linked))
		return;
	buf_adds(&e->cause, "; it is linked to ");
	for (j = json_first(linked); j; j = json_next(j))
		buf_addf(&e->cause, "%s%s", j == json_first(linked) ? "" : ", ", json_string(j));
}

/* The command that links it, with the options that name the manager. */
static void
add_link_command(struct explain *e, const char *deployment)
{
	static const struct {
		int id;
		const char *name;
	} kept[] = {
		{ OPT_CONTEXT, "context" },
		{ OPT_MANAGER, "manager" },
		{ OPT_ORGANIZATION, "organization" },
		{ OPT_TOKEN_FILE, "token-file" },
		{ OPT_CA_FILE, "ca-file" },
	};

	buf_addf(&e->next, "connctl %s link ", noun(e));
	add_word(&e->next, e->key);
	buf_adds(&e->next, " --deployment ");
	add_word(&e->next, deployment);
	for (size_t i = 0; i < N_ELEMENTS(kept); i++) {
		if (!cli_has(e->o->line, kept[i].id))
			continue;
		buf_addf(&e->next, " --%s ", kept[i].name);
		add_word(&e->next, cli_value(e->o->line, kept[i].id));
	}
}

/* The Workspace has it, and the Deployment does not get it. */
static int
not_linked(struct explain *e, bool excluded)
{
	const struct json *deployment = json_get(e->manager, "deployment");
	const char *workspace = place_text(json_get(e->manager, "workspace"));

	buf_addf(
	    &e->cause, "%s \"%s\" exists in Workspace \"%s\", and ", noun(e), e->key, workspace);
	if (excluded)
		buf_addf(&e->cause, "Deployment \"%s\" is excluded", place_text(deployment));
	else
		buf_addf(&e->cause, "is not linked to Deployment \"%s\"", place_text(deployment));
	add_linked(e);
	add_link_command(e, place_text(deployment));
	return CTL_NO;
}

static void
add_absent(struct explain *e)
{
	const struct json *deployment = json_get(e->manager, "deployment");

	if (deployment)
		buf_addf(&e->cause, "neither Deployment \"%s\" nor its Workspace \"%s\" has",
		    place_text(deployment), place_text(json_get(e->manager, "workspace")));
	else
		buf_addf(&e->cause, "Workspace \"%s\" does not have",
		    place_text(json_get(e->manager, "workspace")));
	buf_addf(&e->cause, " a %s \"%s\"", noun(e), e->key);
}

/* What connd knows: how many keys it holds, of which Deployment, and the nearest one. */
static int
not_there(struct explain *e)
{
	const struct missing m = { .o = e->o,
		.is_connection = e->is_connection,
		.not_found = span_of_buf(&e->not_found) };
	const char *near = e->manager ? json_text(e->manager, "nearest") : "";
	struct buf ignored = BUF_INIT(e->cause.max);

	if (e->manager)
		add_absent(e);
	if (*near)
		buf_addf(&e->next, "Nearest: \"%s\".", near);
	else if (e->connd)
		missing_describe(&m, e->manager ? &ignored : &e->cause, &e->next);
	else
		buf_addf(&e->next, "\"connctl %s list\" shows what there is.", noun(e));
	buf_fini(&ignored);
	return CTL_NO;
}

/* The manager would give it to this Deployment; connd has not got it. */
static int
not_fetched(struct explain *e)
{
	buf_addf(
	    &e->cause, "the manager has this %s for the Deployment, and connd does not", noun(e));
	buf_adds(&e->next, "\"connctl refresh\" fetches it now; \"connctl status\" shows the last "
			   "error.");
	return CTL_NO;
}

static bool
has_winner(const struct explain *e)
{
	const struct json *objects = json_get(e->manager, "objects"), *j;
	bool wins = false;

	for (j = objects ? json_first(objects) : NULL; j && !wins; j = json_next(j))
		(void)json_bool(json_get(j, "wins"), &wins);
	return wins;
}

static int
not_found(struct explain *e)
{
	const char *reach = e->manager ? json_text(e->manager, "reach") : "";

	if (e->manager && has_winner(e))
		return e->connd ? not_fetched(e) : CTL_YES;
	if (strcmp(reach, "not-linked") == 0)
		return not_linked(e, false);
	if (strcmp(reach, "excluded") == 0)
		return not_linked(e, true);
	return not_there(e);
}

/* --- another Deployment's connd ---------------------------------------------------------- */

/* Is --deployment another one than connd serves? */
static bool
is_another(struct explain *e)
{
	const struct json *wanted = e->manager ? json_get(e->manager, "deployment") : NULL;
	const char *name = cli_value(e->o->line, OPT_TARGET);
	const char *id = e->connd ? json_text(e->connd, "deployment") : "";
	const char *known = e->connd ? json_text(e->connd, "deployment_name") : "";

	if (!name || !*id)
		return false;
	if (wanted)
		return strcmp(json_text(wanted, "id"), id) != 0;
	return strcmp(name, id) != 0 && strcmp(name, known) != 0;
}

static int
another(struct explain *e)
{
	const char *name = json_text(e->connd, "deployment_name");

	buf_addf(&e->cause, "the connd at %s serves Deployment \"%s\", not \"%s\"", e->o->socket,
	    *name ? name : json_text(e->connd, "deployment"), cli_value(e->o->line, OPT_TARGET));
	buf_adds(&e->next, "--socket names another connd; [manager] deployment in its connd.conf "
			   "says which Deployment it serves.");
	return CTL_NO;
}

int
explain_cause(struct explain *e)
{
	const char *record = e->connd ? json_text(e->connd, "record") : "not-found";

	if (is_another(e))
		return another(e);
	if (strcmp(record, "value") == 0)
		return CTL_YES;
	if (strcmp(record, "not-found") == 0)
		return not_found(e);
	if (strcmp(record, "denied") == 0)
		return denied(e);
	if (strcmp(record, "withheld") == 0)
		return withheld(e);
	if (strcmp(record, "invalid") == 0)
		return invalid(e);
	if (strcmp(record, "not-ready") == 0)
		return no_data(e, "connd has no data yet");
	if (strcmp(record, "expired") == 0)
		return no_data(e, "connd's data is too old to be trusted");
	return no_data(e, "connd cannot respond just now");
}
