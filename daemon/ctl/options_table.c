/* SPDX-License-Identifier: Apache-2.0 */
/* The options of connctl, in the groups that its verbs take. */
#include "ctl/options_table.h"

#include "ctl/ctl.h"
#include "ctl/verbs.h"

#define SOCKET_HELP                                                                                \
	"Where connd listens. Without it: $CONND_SOCKET. When the default is not there, a "        \
	"person's own connd is asked: $XDG_RUNTIME_DIR/connd/connd.sock."

static const struct cli_option socket_options[] = {
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "10s",
	    "How long to wait for the whole response: 500ms, 3s, 2m. A bare number is seconds." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
const struct cli_group group_socket = { "Asking connd", socket_options };

static const struct cli_option doctor_options[] = {
	{ "user", OPT_USER, 0, "USER", NULL,
	    "The user that Airflow's worker runs as: may it open the socket, and does [access] let "
	    "it read? Needs root, unless it is the user who asks." },
	{ "python", OPT_PYTHON, 0, "PATH", NULL,
	    "The Python that runs Airflow's tasks: adds the checks of \"python -m airflow_connd "
	    "doctor\", run by it as that user, with connctl's environment (AIRFLOW_HOME)." },
	{ "deployment", OPT_TARGET, 0, "NAME", NULL,
	    "The Deployment that connd should serve, by id or name." },
	{ "config", OPT_CONFIG, 0, "FILE", NULL,
	    "connd's configuration. Without it: /etc/connd/connd.conf, or else a person's own "
	    "(connctl init --local)." },
	{ "socket", OPT_SOCKET, 0, "PATH", NULL,
	    "Where connd listens. Without it: $CONND_SOCKET, then the configuration's." },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "14s",
	    "How long the whole run may take. --python needs more where Airflow starts slowly." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
const struct cli_group group_doctor = { NULL, doctor_options };

static const struct cli_option get_options[] = {
	{ "reveal", OPT_REVEAL, 0, NULL, NULL,
	    "Prints exactly the text that Airflow receives, secrets included, and one newline." },
	{ "team", OPT_TEAM, 0, "TEAM", NULL,
	    "Asks as a task of this team: TEAM___KEY is tried before KEY." },
	{ 0 },
};
const struct cli_group group_get = { NULL, get_options };

static const struct cli_option environment_options[] = {
	{ "airflow", OPT_AIRFLOW, 0, NULL, NULL,
	    "Adds connections and Airflow variables, as AIRFLOW_CONN_KEY and AIRFLOW_VAR_KEY with "
	    "the key in upper case." },
	{ "without", OPT_WITHOUT, CLI_REPEATS, "NAME", NULL, "Leaves this variable out." },
	{ 0 },
};
const struct cli_group group_environment = { "Environment variables", environment_options };

static const struct cli_option env_options[] = {
	{ "format", OPT_FORMAT, 0, "dotenv|shell|json", NULL,
	    "Prints values: a .env file that python-dotenv and docker compose read alike, export "
	    "commands for eval, or one JSON object." },
	{ "reveal", OPT_REVEAL, 0, NULL, NULL, "Lets --format print to a terminal." },
	{ 0 },
};
const struct cli_group group_env = { NULL, env_options };

static const struct cli_option exec_options[] = {
	{ "on-change", OPT_ON_CHANGE, 0, "ignore|restart|signal", "ignore",
	    "What happens when the variables have changed in connd, which is looked at every 1 to "
	    "2 s. restart: the command gets SIGTERM, SIGKILL if it still runs after 10 s, and is "
	    "started with the new variables. signal: it gets SIGHUP, and keeps the variables it "
	    "has." },
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "60s",
	    "How long to wait for a connd that has no data yet, or does not run yet." },
	{ 0 },
};
const struct cli_group group_exec = { NULL, exec_options };

static const struct cli_option diff_options[] = {
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ 0 },
};
const struct cli_group group_diff = { NULL, diff_options };

static const struct cli_option explain_options[] = {
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ "user", OPT_USER, 0, "USER", NULL,
	    "Asks connd as this user, with that user's groups, and reads the values that user may "
	    "read. Needs root." },
	{ "team", OPT_TEAM, 0, "TEAM", NULL,
	    "Asks as a task of this team: TEAM___KEY is tried before KEY." },
	{ "reveal", OPT_REVEAL, 0, NULL, NULL,
	    "Shows the values that connd serves, secrets included, to a user who may read them." },
	{ "deployment", OPT_TARGET, 0, "NAME", NULL,
	    "The Deployment, by id or name. Without it: the one that connd serves." },
	{ "project", OPT_PROJECT, 0, "NAME", NULL,
	    "A project, by id or name: what it has of its own, or is linked to it, comes before "
	    "what its Deployment has." },
	{ "airflow-config", OPT_AIRFLOW_CONFIG, 0, "FILE", NULL,
	    "The worker's airflow.cfg. With it, the report has the sources that Airflow asks, as "
	    "this file and the environment of connctl configure them; the metadata database is not "
	    "read." },
	{ "python", OPT_PYTHON, 0, "PATH", NULL,
	    "The worker's Python, with airflow-provider-connd installed. It runs \"python -m "
	    "airflow_connd explain\", which asks every source, the metadata database too. "
	    "--airflow-config then names the file that it reads (AIRFLOW_CONFIG)." },
	{ 0 },
};
const struct cli_group group_explain = { NULL, explain_options };

static const struct cli_option trace_options[] = {
	{ "follow", OPT_FOLLOW, 0, NULL, NULL,
	    "Begins with the last ten, and prints further ones as they come, until it is "
	    "interrupted." },
	{ 0 },
};
const struct cli_group group_trace = { NULL, trace_options };

static const struct cli_option wait_options[] = {
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "60s", "How long the whole wait may take." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
const struct cli_group group_wait = { NULL, wait_options };

static const struct cli_option export_options[] = {
	{ "socket", OPT_SOCKET, 0, "PATH", CTL_DEFAULT_SOCKET, SOCKET_HELP },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "10s",
	    "How long to wait for each response of connd." },
	{ "format", OPT_FORMAT, 0, "airflow-json|airflow-yaml|dotenv|k8s-secret", "airflow-json",
	    "What to write: a file for \"airflow connections import\" or \"airflow variables "
	    "import\", or the manifest of a Kubernetes Secret." },
	{ "output", OPT_OUTPUT, 0, "FILE", NULL,
	    "Writes to this file, with mode 0600, in place of standard output. A file that is "
	    "there is replaced." },
	{ "partial", OPT_PARTIAL, 0, NULL, NULL,
	    "Leaves out, and names, what the format cannot hold. Without it nothing is written "
	    "then." },
	{ "name", OPT_NAME, 0, "NAME", "airflow-connd", "The name of the Secret." },
	{ "reveal", OPT_REVEAL, 0, NULL, NULL, "Writes to a terminal, too." },
	{ 0 },
};
const struct cli_group group_export = { NULL, export_options };

static const struct cli_option import_options[] = {
	{ "connections", OPT_CONNECTIONS, 0, "FILE", NULL,
	    "A file that \"airflow connections import\" takes: JSON, YAML or NAME=VALUE lines." },
	{ "variables", OPT_VARIABLES, 0, "FILE", NULL,
	    "A file that \"airflow variables import\" takes." },
	{ "format", OPT_FORMAT, 0, "json|yaml|env", NULL,
	    "The format of both files. Without it the end of each name tells: .json, .yaml, .yml "
	    "or "
	    ".env; any other is JSON." },
	{ "from-airflow", OPT_FROM_AIRFLOW, CLI_OPTIONAL, "COMMAND", "airflow",
	    "Runs both exports now, without a shell, into a directory that nobody else may enter "
	    "and "
	    "that is removed afterwards." },
	{ "workspace", OPT_WORKSPACE, 0, "NAME", NULL,
	    "Makes objects of this Workspace, by id or name, linked to each --deployment." },
	{ "deployment", OPT_DEPLOYMENT, CLI_REPEATS, "NAME", NULL,
	    "A Deployment to link to, by id or name. Without --workspace: the one whose own "
	    "objects are made." },
	{ "dry-run", OPT_DRY_RUN, 0, NULL, NULL, "Says what would be done, and does nothing." },
	{ "update", OPT_UPDATE, 0, NULL, NULL,
	    "Changes keys that exist with other values, which are skipped otherwise. Links, "
	    "overrides, "
	    "exclusions, auth types, and descriptions that Airflow does not have, stay. An update "
	    "cannot remove a secret that the manager has and the file lacks: such a key is "
	    "refused." },
	{ 0 },
};
const struct cli_group group_import = { NULL, import_options };

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
const struct cli_group group_manager = { "Asking the manager", manager_options };

static const struct cli_option renew_options[] = {
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "10s",
	    "How long one request to the manager may take." },
	{ 0 },
};
const struct cli_group group_renew = { NULL, renew_options };

/* --- administration ---------------------------------------------------------------------- */

static const struct cli_option session_options[] = {
	{ "context", OPT_CONTEXT, 0, "NAME", NULL,
	    "A manager that \"connctl login\" has stored. Without it: ASTRO_API_TOKEN (with "
	    "ASTRO_DOMAIN) if "
	    "it is set, then the current context." },
	{ "manager", OPT_MANAGER, 0, "URL", NULL,
	    "https://HOST[:PORT], in place of a context. Plain http is for this machine alone "
	    "unless "
	    "--insecure-http is given." },
	{ "organization", OPT_ORGANIZATION, 0, "ID", NULL,
	    "The organization, if the token does not name it." },
	{ "token-file", OPT_TOKEN_FILE, 0, "FILE", NULL,
	    "The token, in a file that nobody else may read." },
	{ "ca-file", OPT_CA_FILE, 0, "FILE", NULL, "Trusts these authorities only." },
	{ "insecure-http", OPT_INSECURE_HTTP, 0, NULL, NULL,
	    "Allows plain http to another machine." },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "30s",
	    "How long one request to the manager may take." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
const struct cli_group group_session = { "Administration", session_options };

#define YES_HELP "Makes the change without asking. Off a terminal nothing is changed without it."
#define DRY_RUN                                                                                    \
	{                                                                                          \
		"dry-run", OPT_DRY_RUN, 0, NULL, NULL, "Shows the change and does not make it."    \
	}

static const struct cli_option change_options[] = {
	{ "yes", OPT_YES, 0, NULL, NULL, YES_HELP },
	DRY_RUN,
	{ 0 },
};
const struct cli_group group_change = { "Changes", change_options };

static const struct cli_option edit_options[] = {
	{ "yes", OPT_YES, 0, NULL, NULL,
	    YES_HELP " If somebody else has changed the object since it was read, nothing is "
		     "changed. A manager that sends no ETag (the hosted one does not) leaves a "
		     "race: updatedAt is compared just before the write, and a change made between "
		     "the two is overwritten." },
	DRY_RUN,
	{ 0 },
};
const struct cli_group group_edit = { "Changes of an object that is there", edit_options };

static const struct cli_option in_workspace_options[] = {
	{ "workspace", OPT_IN_WORKSPACE, 0, "NAME", NULL,
	    "The Workspace, by id or name. Without it: the context's, or the only one there is." },
	{ 0 },
};
const struct cli_group group_in_workspace = { "The Workspace", in_workspace_options };

static const struct cli_option place_options[] = {
	{ "description", OPT_DESCRIPTION, 0, "TEXT", NULL, "What it is for." },
	{ 0 },
};
const struct cli_group group_place = { NULL, place_options };

static const struct cli_option project_options[] = {
	{ "description", OPT_DESCRIPTION, 0, "TEXT", NULL, "What it is for." },
	{ "deployment", OPT_TARGET, 0, "NAME", NULL,
	    "The Deployment it belongs to, by id or name." },
	{ 0 },
};
const struct cli_group group_project = { NULL, project_options };

static const struct cli_option organization_options[] = {
	{ "name", OPT_NAME, 0, "NAME", NULL, "Its new name." },
	{ "secrets-fetching", OPT_SECRETS_FETCHING, 0, "on|off", NULL,
	    "Whether secrets may be read over the API at all. While it is off, connd gets none." },
	{ 0 },
};
const struct cli_group group_organization = { NULL, organization_options };

static const struct cli_option sidecars_options[] = {
	{ "deployment", OPT_TARGET, 0, "NAME", NULL,
	    "Only those of this Deployment, by id or name." },
	{ "workspace", OPT_IN_WORKSPACE, 0, "NAME", NULL, "Only those in this Workspace." },
	{ 0 },
};
const struct cli_group group_sidecars = { NULL, sidecars_options };

static const struct cli_option audit_options[] = {
	{ "follow", OPT_FOLLOW, 0, NULL, NULL,
	    "Goes on with new entries every two seconds, until it is stopped. With --json each is "
	    "one line." },
	{ "limit", OPT_LIMIT, 0, "N", "50", "How many entries, the newest ones." },
	{ "request-id", OPT_REQUEST_ID, 0, "ID", NULL,
	    "Only what the request with this id did: the request id that connctl status and "
	    "connctl "
	    "trace --json show is that of the sync that brought the data." },
	{ "workspace", OPT_IN_WORKSPACE, 0, "NAME", NULL, "Only what is in this Workspace." },
	{ 0 },
};
const struct cli_group group_audit = { NULL, audit_options };

static const struct cli_option login_options[] = {
	{ "manager", OPT_MANAGER, CLI_NEEDED, "URL", NULL,
	    "https://HOST[:PORT]. Plain http is for this machine alone unless --insecure-http is "
	    "given." },
	{ "token-file", OPT_TOKEN_FILE, 0, "FILE", NULL,
	    "The token, in a file that nobody else may read; - is standard input. Without it, it "
	    "is asked "
	    "for on the terminal and not shown." },
	{ "organization", OPT_ORGANIZATION, 0, "ID", NULL,
	    "The organization, if the token does not name it." },
	{ "workspace", OPT_IN_WORKSPACE, 0, "NAME", NULL,
	    "The Workspace that verbs mean when they do not name one." },
	{ "ca-file", OPT_CA_FILE, 0, "FILE", NULL, "Trusts these authorities only." },
	{ "insecure-http", OPT_INSECURE_HTTP, 0, NULL, NULL,
	    "Allows plain http to another machine." },
	{ "timeout", OPT_TIMEOUT, 0, "TIME", "30s",
	    "How long one request to the manager may take." },
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints the context as JSON." },
	{ 0 },
};
const struct cli_group group_login = { NULL, login_options };

static const struct cli_option init_options[] = {
	{ "local", OPT_LOCAL, 0, NULL, NULL, "For this user on this machine." },
	{ "deployment", OPT_TARGET, 0, "NAME", NULL,
	    "The Deployment, by id or name. Without it: the only one that the token sees." },
	{ "force", OPT_FORCE, 0, NULL, NULL,
	    "Replaces a configuration that is there. The snapshot's key stays." },
	{ 0 },
};
const struct cli_group group_init = { NULL, init_options };

static const struct cli_option json_options[] = {
	{ "json", OPT_JSON, 0, NULL, NULL, "Prints JSON." },
	{ 0 },
};
const struct cli_group group_json = { NULL, json_options };

static const struct cli_option no_options[] = { { 0 } };
const struct cli_group group_none = { NULL, no_options };

/* --- environment objects ---------------------------------------------------------------- */

static const struct cli_option where_options[] = {
	{ "deployment", OPT_TARGET, 0, "NAME", NULL,
	    "The Deployment, by id or name, in place of the Workspace: its own objects. In a list, "
	    "also those "
	    "that are linked to it." },
	{ "workspace", OPT_IN_WORKSPACE, 0, "NAME", NULL,
	    "The Workspace, by id or name. Without it: the context's, or the only one there is." },
	{ 0 },
};
const struct cli_group group_where = { "Where the object is", where_options };

static const struct cli_option filter_options[] = {
	{ "search", OPT_SEARCH, 0, "TEXT", NULL, "Only those whose key contains it, in any case." },
	{ "linked", OPT_LINKED, 0, "all|restricted", NULL,
	    "Only those that are linked to all Deployments, or only the others." },
	{ "updated-by", OPT_UPDATED_BY, 0, "NAME", NULL,
	    "Only those that a token changed last: its id, or a part of its name." },
	{ "updated-since", OPT_UPDATED_SINCE, 0, "TIME", NULL,
	    "Only those changed at that time or later, in UTC: 2026-01-31 or "
	    "2026-01-31T12:00:00Z." },
	{ "updated-before", OPT_UPDATED_BEFORE, 0, "TIME", NULL,
	    "Only those changed before that time." },
	{ 0 },
};
const struct cli_group group_filter = { "Which ones (connd-manager alone knows these)",
	filter_options };

static const struct cli_option target_options[] = {
	{ "deployment", OPT_TARGET, CLI_NEEDED, "NAME", NULL, "The Deployment, by id or name." },
	{ 0 },
};
const struct cli_group group_target = { "Which Deployment", target_options };

static const struct cli_option connection_options[] = {
	{ "type", OPT_TYPE, 0, "TYPE", NULL, "The connection's type, like postgres." },
	{ "host", OPT_HOST, 0, "TEXT", NULL, "The host." },
	{ "login", OPT_LOGIN, 0, "TEXT", NULL, "The login." },
	{ "schema", OPT_SCHEMA, 0, "TEXT", NULL, "The schema." },
	{ "port", OPT_PORT, 0, "N", NULL, "The port." },
	{ "password", OPT_PASSWORD, 0, NULL, NULL, "Asks for the password on the terminal." },
	{ "password-file", OPT_PASSWORD_FILE, 0, "FILE", NULL,
	    "The password, in a file; - is standard input." },
	{ "extra-file", OPT_EXTRA_FILE, 0, "FILE", NULL,
	    "A JSON object; - is standard input. Its members are set, other members of extra "
	    "stay." },
	{ 0 },
};
const struct cli_group group_connection = { "Fields of a connection", connection_options };

static const struct cli_option auth_type_options[] = {
	{ "auth-type", OPT_AUTH_TYPE, 0, "ID", NULL,
	    "How the connection authenticates: an id of the manager's catalogue, or any other." },
	{ 0 },
};
const struct cli_group group_auth_type = { NULL, auth_type_options };

static const struct cli_option variable_options[] = {
	{ "value-file", OPT_VALUE_FILE, 0, "FILE", NULL,
	    "The value, in a file; - is standard input. One newline at its end is dropped." },
	{ "value", OPT_VALUE, 0, "TEXT", NULL, "The value of a variable that is not secret." },
	{ 0 },
};
const struct cli_group group_variable = { "The value of a variable", variable_options };

static const struct cli_option plain_options[] = {
	{ "plain", OPT_PLAIN, 0, NULL, NULL,
	    "Makes a variable whose value may be shown. Without it, the value is a secret, for "
	    "good." },
	{ 0 },
};
const struct cli_group group_plain = { NULL, plain_options };

static const struct cli_option metrics_options[] = {
	{ "endpoint", OPT_ENDPOINT, 0, "URL", NULL, "Where metrics are sent." },
	{ "auth-type", OPT_AUTH_TYPE, 0, "BASIC|AUTH_TOKEN|SIGV4", NULL, "How it authenticates." },
	{ "username", OPT_USERNAME, 0, "TEXT", NULL, "The user's name." },
	{ "password", OPT_PASSWORD, 0, NULL, NULL, "Asks for the password on the terminal." },
	{ "password-file", OPT_PASSWORD_FILE, 0, "FILE", NULL,
	    "The password, in a file; - is standard input." },
	{ "basic-token-file", OPT_BASIC_TOKEN_FILE, 0, "FILE", NULL,
	    "The token, in a file; - is standard input." },
	{ "headers-file", OPT_HEADERS_FILE, 0, "FILE", NULL, "Headers to send, as a JSON object." },
	{ "labels-file", OPT_LABELS_FILE, 0, "FILE", NULL, "Labels to add, as a JSON object." },
	{ 0 },
};
const struct cli_group group_metrics = { "Fields of a metrics export", metrics_options };

static const struct cli_option unset_options[] = {
	{ "unset", OPT_UNSET, CLI_REPEATS, "FIELD", NULL,
	    "Clears a field. An object's secret cannot be cleared; an override of one can, and "
	    "then the "
	    "Workspace's value holds again." },
	{ 0 },
};
const struct cli_group group_unset = { "Clearing fields", unset_options };

static const struct cli_option about_options[] = {
	{ "description", OPT_DESCRIPTION, 0, "TEXT", NULL, "What it is for." },
	{ "auto-link", OPT_AUTO_LINK, 0, "yes|no", NULL,
	    "Whether a Workspace's object is linked to every Deployment, present and future." },
	{ 0 },
};
const struct cli_group group_about = { "About the object", about_options };

static const struct cli_option link_options[] = {
	{ "link", OPT_LINK, CLI_REPEATS, "NAME", NULL,
	    "A Deployment to link the Workspace's object to." },
	{ 0 },
};
const struct cli_group group_link = { NULL, link_options };

static const struct cli_option version_options[] = {
	{ "to-version", OPT_VERSION, 0, "N", NULL,
	    "The version, as the history shows it. Of a deleted object, without it: the last "
	    "one." },
	{ 0 },
};
const struct cli_group group_version = { NULL, version_options };

static const struct cli_option token_options[] = {
	{ "role", OPT_ROLE, CLI_NEEDED, "OWNER|OPERATOR|AUTHOR|MEMBER", NULL,
	    "What it may do: MEMBER and AUTHOR read, OPERATOR changes objects and places, OWNER "
	    "also hands "
	    "out tokens and has the switch." },
	{ "deployment", OPT_TARGET, 0, "NAME", NULL,
	    "The Deployment it is for, by id or name. With neither, it is for the whole "
	    "organization." },
	{ "workspace", OPT_IN_WORKSPACE, 0, "NAME", NULL,
	    "The Workspace it is for, by id or name; with --deployment, where that is." },
	{ "expires-in", OPT_EXPIRES_IN, 0, "TIME", NULL,
	    "When it expires: 90d, 12h. A bare number is seconds. Without it, it never does. "
	    "Renewals prolong it until the manager's --max-lifetime (90d unless set) after its "
	    "creation; a token that lives as long by itself is not prolonged." },
	{ "token-out", OPT_TOKEN_OUT, 0, "FILE", NULL,
	    "Writes the token into a new file of mode 0600 instead of printing it." },
	{ 0 },
};
const struct cli_group group_token = { NULL, token_options };

#define EXCEPT_HELP                                                                                \
	"Leaves out values of keys that match, like \"conn:aws_*\", or of one field: "             \
	"\"conn:*:extra.region_name\"."

static const struct cli_option values_options[] = {
	{ "except", OPT_EXCEPT, CLI_REPEATS, "PATTERN", NULL, EXCEPT_HELP },
	{ 0 },
};
const struct cli_group group_values = { NULL, values_options };

static const struct cli_option redact_options[] = {
	{ "except", OPT_EXCEPT, CLI_REPEATS, "PATTERN", NULL, EXCEPT_HELP },
	{ "keys", OPT_KEYS, 0, NULL, NULL, "Writes [connd:KEY] in place of ***." },
	{ 0 },
};
const struct cli_group group_redact = { NULL, redact_options };

static const struct cli_option render_options[] = {
	{ "output", OPT_OUTPUT, 0, "FILE", NULL,
	    "Writes the configuration with its secrets into this file, of mode 0600, in place of "
	    "printing it." },
	{ "reveal", OPT_REVEAL, 0, NULL, NULL, "Prints the secrets, which are *** otherwise." },
	{ 0 },
};
const struct cli_group group_render = { NULL, render_options };
