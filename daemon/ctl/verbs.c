/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connctl as a table. */
#include "ctl/verbs.h"

#include "base/base.h"
#include "ctl/ctl.h"

/* --- options --------------------------------------------------------------------------- */

#define SOCKET_HELP "Where connd listens. Without it: $CONND_SOCKET."

static const struct cli_option socket_options[] = {
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "10s",
	    "How long to wait for the whole response: 500ms, 3s, 2m. A bare number is seconds." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
static const struct cli_group socket_group = { "Asking connd", socket_options };

static const struct cli_option get_options[] = {
	{ "reveal", OPT_REVEAL, 0, NULL, NULL,
	    "Prints exactly the text that Airflow receives, secrets included, and one newline." },
	{ "team", OPT_TEAM, 0, "TEAM", NULL,
	    "Asks as a task of this team: TEAM___KEY is tried before KEY." },
	{ 0 },
};
static const struct cli_group get_group = { NULL, get_options };

static const struct cli_option wait_options[] = {
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "60s", "How long the whole wait may take." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
static const struct cli_group wait_group = { NULL, wait_options };

static const struct cli_option import_options[] = {
	{ "connections", OPT_CONNECTIONS, 0, "FILE", NULL,
	    "What \"airflow connections export FILE.json\" wrote." },
	{ "variables", OPT_VARIABLES, 0, "FILE", NULL,
	    "What \"airflow variables export FILE.json\" wrote." },
	{ "from-airflow", OPT_FROM_AIRFLOW, CLI_OPTIONAL, "COMMAND", "airflow",
	    "Runs both exports now, without a shell, into a directory that nobody else may enter "
	    "and "
	    "that is removed afterwards." },
	{ "workspace", OPT_WORKSPACE, 0, "ID", NULL,
	    "Makes objects of this Workspace, linked to each --deployment." },
	{ "deployment", OPT_DEPLOYMENT, CLI_REPEATS, "ID", NULL,
	    "A Deployment to link to. Without --workspace: the one whose own objects are made." },
	{ "dry-run", OPT_DRY_RUN, 0, NULL, NULL, "Says what would be done, and does nothing." },
	{ "update", OPT_UPDATE, 0, NULL, NULL,
	    "Changes keys that exist with other values, which are skipped otherwise. Links, "
	    "overrides, "
	    "exclusions, auth types, and descriptions that Airflow does not have, stay. An update "
	    "cannot remove a secret that the manager has and the file lacks: such a key is "
	    "refused." },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "30s",
	    "How long one request to the manager may take." },
	{ 0 },
};
static const struct cli_group import_group = { NULL, import_options };

static const struct cli_option manager_options[] = {
	{ "manager", OPT_MANAGER, CLI_NEEDED, "URL", NULL,
	    "https://HOST[:PORT]. Plain http is for this machine alone unless --insecure-http is "
	    "given." },
	{ "organization", OPT_ORGANIZATION, CLI_NEEDED, "ID", NULL, "The organization." },
	{ "token-file", OPT_TOKEN_FILE, CLI_NEEDED, "FILE", NULL,
	    "The token, in a file that nobody else may read." },
	{ "ca-file", OPT_CA_FILE, 0, "FILE", NULL, "Trusts these authorities only." },
	{ "insecure-http", OPT_INSECURE_HTTP, 0, NULL, NULL,
	    "Allows plain http to another machine." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
static const struct cli_group manager_group = { "Asking the manager", manager_options };

/* --- verbs ----------------------------------------------------------------------------- */

#define GROUPS(...)                                                                                \
	(const struct cli_group *const[])                                                          \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
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
	    GROUPS(&get_group, &socket_group) },
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
	    GROUPS(&import_group, &manager_group) },
	{ "list", VERB_LIST, "", "the keys of all connections and variables",
	    "Lists the keys of the connections and variables that this user may ask for, sorted.",
	    GROUPS(&socket_group) },
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
	    GROUPS(&socket_group) },
	{ "status", VERB_STATUS, "", "what connd holds and how fresh it is",
	    "Shows what connd holds and how fresh it is, the manager's URL, ids with their names "
	    "where "
	    "those are known, the socket, when the token expires, whether changes are pushed, and "
	    "the "
	    "snapshot. Counts are of the keys that this user may read; root and connd's own user "
	    "see "
	    "all. The exit code is 0 whenever connd answers, whatever its state.",
	    GROUPS(&socket_group) },
	{ "wait", VERB_WAIT, "", "wait until connd is ready",
	    "Waits until connd is ready: with [require] in connd.conf, until those keys are there "
	    "and "
	    "young enough; else until it has data it may serve. connd itself need not run yet.\n\n"
	    "Exit code: 0 ready, 2 usage, 3 not ready in time, 4 denied.",
	    GROUPS(&wait_group) },
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
