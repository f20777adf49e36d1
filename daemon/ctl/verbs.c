/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connctl as a table. */
#include "ctl/verbs.h"

#include "base/base.h"
#include "ctl/options_table.h"

/* --- verbs ----------------------------------------------------------------------------- */

#define GROUPS(...)                                                                                \
	(const struct cli_group *const[])                                                          \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* in: where to look for it; own: what create takes besides. */
#define PLACE_VERBS(noun, title, in, own)                                                          \
	{ noun " list", VERB_PLACE_LIST, "", "list them",                                          \
		"Lists each " title "'s name, id and description.", GROUPS(in, &group_session) },  \
	    { noun " create", VERB_PLACE_CREATE, "NAME", "make one", "Makes a " title ".",         \
		    GROUPS(own, in, &group_change, &group_session) },                              \
	    { noun " rename", VERB_PLACE_RENAME, "NAME NEW", "give one another name",              \
		    "Gives a " title ", named by id or name, another name. Its id stays.",         \
		    GROUPS(in, &group_change, &group_session) },                                   \
	{                                                                                          \
		noun " delete", VERB_PLACE_DELETE, "NAME", "remove one",                           \
		    "Removes a " title ", named by id or name, with its own objects, for good.",   \
		    GROUPS(in, &group_change, &group_session)                                      \
	}

static const struct cli_verb verbs[] = {
	{ "get", VERB_GET, "conn|var KEY", "one connection or variable, its secrets masked",
	    "Shows one connection (conn) or Airflow variable (var) as connd serves it. Secrets are "
	    "shown as ***: the password, every value of extra, a variable's value. If the key is "
	    "not "
	    "there, the error says how many keys connd holds, of which Deployment and how fresh, "
	    "and "
	    "names the nearest key that this user may read.\n\n"
	    "Exit code: 0 found, 1 not found, 2 usage, 3 connd cannot say (unreachable, not ready, "
	    "expired, withheld, invalid), 4 denied.",
	    GROUPS(&group_get, &group_socket) },
	{ "import", VERB_IMPORT, "", "bring connections and variables from Airflow to a manager",
	    "Brings connections and variables from Airflow into an Environment Manager, over HTTP, "
	    "and "
	    "reports of each key what became of it: created, updated, unchanged, skipped or "
	    "refused, "
	    "with the reason and never with a value. A key that is refused does not stop the "
	    "others. "
	    "Variables become secret ones; a value that is not a string becomes its JSON text.\n\n"
	    "Needs --workspace or --deployment, and --connections, --variables or "
	    "--from-airflow.\n\n"
	    "Exit code: 0 all is as the files say, 1 a key was skipped or refused, 2 usage or a "
	    "file "
	    "that is not an export, 3 the manager cannot be reached or understood, 4 denied.",
	    GROUPS(&group_import, &group_manager) },
	{ "list", VERB_LIST, "", "the keys of all connections and variables",
	    "Lists the keys of the connections and variables that this user may ask for, sorted.",
	    GROUPS(&group_socket) },
	{ "refresh", VERB_REFRESH, "", "have connd ask the manager now",
	    "Has connd ask the manager for everything now, with the token read anew, and waits "
	    "until "
	    "that has ended. A Retry-After that the manager sent does not hold any more. Permitted "
	    "to "
	    "root, connd's own user, and users named by admin rules in [access] of connd.conf; "
	    "once a "
	    "second at most.\n\n"
	    "Exit code: 0 connd has what the manager has now, 2 usage, 3 the manager could not be "
	    "asked, or not in time, 4 denied.",
	    GROUPS(&group_socket) },
	{ "status", VERB_STATUS, "", "what connd holds and how fresh it is",
	    "Shows what connd holds and how fresh it is, the manager's URL, ids with their names "
	    "where "
	    "those are known, the socket, when the token expires, whether changes are pushed, and "
	    "the "
	    "snapshot. Counts are of the keys that this user may read; root and connd's own user "
	    "see "
	    "all. The exit code is 0 whenever connd answers, whatever its state.",
	    GROUPS(&group_socket) },
	{ "token renew", VERB_TOKEN_RENEW, "", "replace the token in a file before it expires",
	    "Replaces the token in --token-file by a new one with the same rights and length of "
	    "life, once less than half of its life is left; until then, and for a token that does "
	    "not expire, it changes nothing. The file is replaced in one step and keeps its owner "
	    "and mode; connd uses the new token from its next request on. The old token stays "
	    "valid until its own end. Made for a timer: connd-token-renew@.timer.\n\n"
	    "Exit code: 0 the file holds a token with more than half of its life left, 2 usage, 3 "
	    "the manager cannot be reached or the file not be written, 4 the manager refuses.",
	    GROUPS(&group_renew, &group_manager) },
	{ "top", VERB_TOP, "", "what is looked up most, and by which users",
	    "Counts the last lookups (1024 at most): by key, by user and by how they ended, the "
	    "most "
	    "first, with their rate. --json prints all rows, the text ten of each.\n\n"
	    "Permitted to root, connd's own user, and users named by admin rules in [access] of "
	    "connd.conf.",
	    GROUPS(&group_socket) },
	{ "trace", VERB_TRACE, "", "the last lookups, one by one",
	    "Prints the last lookups (1024 at most), the oldest first: when, uid and pid of the "
	    "client, how it ended, how many microseconds it took, how old the data was, the key, "
	    "the "
	    "team, the generation that it was answered from, and the trace id. Airflow's task log "
	    "has "
	    "the same id behind a lookup that failed. Keys that are most likely values are "
	    "shortened; values are never kept. --json prints one object a line.\n\n"
	    "Permitted to root, connd's own user, and users named by admin rules in [access] of "
	    "connd.conf.",
	    GROUPS(&group_trace, &group_socket) },
	{ "wait", VERB_WAIT, "", "wait until connd is ready",
	    "Waits until connd is ready: with [require] in connd.conf, until those keys are there "
	    "and "
	    "young enough; else until it has data it may serve. connd itself need not run yet.\n\n"
	    "Exit code: 0 ready, 2 usage, 3 not ready in time, 4 denied.",
	    GROUPS(&group_wait) },
	{ "login", VERB_LOGIN, "[CONTEXT]", "store a manager and a token as a context",
	    "Asks the manager whether it takes the token, stores both as a context (\"default\" "
	    "unless "
	    "named) and makes it the current one: contexts.json and NAME.token, of mode 0600, in "
	    "$XDG_CONFIG_HOME/connctl or ~/.config/connctl.",
	    GROUPS(&group_login) },
	{ "context list", VERB_CONTEXT_LIST, "", "list the contexts",
	    "Lists the contexts; a star marks the current one.", GROUPS(&group_json) },
	{ "context use", VERB_CONTEXT_USE, "CONTEXT", "make a context the current one",
	    "Makes a context the current one.", GROUPS(&group_json) },
	{ "context delete", VERB_CONTEXT_DELETE, "CONTEXT", "forget a context and its token",
	    "Removes a context and its token file from this machine. The token itself stays valid: "
	    "\"connctl token revoke\" ends it.",
	    GROUPS(&group_json) },
	PLACE_VERBS("workspace", "Workspace", &group_none, &group_place),
	PLACE_VERBS("deployment", "Deployment", &group_in_workspace, &group_place),
	PLACE_VERBS("project", "project", &group_in_workspace, &group_project),
	{ "organization show", VERB_ORGANIZATION_SHOW, "", "show the organization",
	    "Shows the organization, and whether secrets may be read over the API.",
	    GROUPS(&group_session) },
	{ "organization set", VERB_ORGANIZATION_SET, "", "change the organization",
	    "Changes the organization's name or the switch for reading secrets. Needs an OWNER of "
	    "the "
	    "organization. connd-manager alone lets the API change the switch.",
	    GROUPS(&group_organization, &group_change, &group_session) },
	{ "audit", VERB_AUDIT, "", "who changed or read what",
	    "Shows who changed or read what, oldest first: the time, the action, the token, the "
	    "type, the "
	    "name and the fields, never a value. connd-manager alone has it.",
	    GROUPS(&group_audit, &group_session) },
};

const struct cli_program ctl_program = {
	.name = "connctl",
	.version = CONND_VERSION,
	.summary = "Asks connd, the Airflow connections daemon, on its Unix socket.",
	.ending =
	    "Options stand before or after the words; -- ends them. \"connctl VERB --help\" says "
	    "more.\n\n"
	    "Exit code: 0 yes, 1 not found, 2 usage, 3 connd unreachable or without a trustworthy "
	    "response, 4 denied.",
	.verb = verbs,
	.n_verbs = N_ELEMENTS(verbs),
};
