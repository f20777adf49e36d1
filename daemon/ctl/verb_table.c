/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connctl as a table. */
#include "ctl/verb_table.h"

#include "base/base.h"
#include "ctl/options_table.h"
#include "ctl/verbs.h"

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

/* FIELDS: the groups of the kind's fields; CREATE: what create takes besides. */
#define OBJECT_VERBS(noun, title, fields, more, create)                                            \
	{ noun " list", VERB_OBJECT_LIST, "", "list them",                                         \
		"Lists the Workspace's " title                                                     \
		"s; with --deployment, those that this Deployment gets. "                          \
		"Secrets are not shown.",                                                          \
		GROUPS(&group_filter, &group_where, &group_session) },                             \
	    { noun " get", VERB_OBJECT_GET, "KEY", "show one",                                     \
		    "Shows one " title                                                             \
		    ": its fields, links and overrides. Secrets are shown as ***.",                \
		    GROUPS(&group_where, &group_session) },                                        \
	    { noun " create", VERB_OBJECT_CREATE, "KEY", "make one", "Makes a " title ".",         \
		    GROUPS(create, fields, more, &group_link, &group_about, &group_where,          \
			&group_change, &group_session) },                                          \
	    { noun " set", VERB_OBJECT_SET, "KEY", "change fields of one",                         \
		    "Changes the fields that are named; everything else stays: other fields, "     \
		    "secrets, links, "                                                             \
		    "overrides and exclusions.",                                                   \
		    GROUPS(fields, more, &group_unset, &group_about, &group_where, &group_edit,    \
			&group_session) },                                                         \
	    { noun " delete", VERB_OBJECT_DELETE, "KEY", "remove one",                             \
		    "Removes the " title                                                           \
		    ", for every Deployment that it is linked to. With connd-manager, "            \
		    "restore brings it back.",                                                     \
		    GROUPS(&group_where, &group_edit, &group_session) },                           \
	    { noun " link", VERB_OBJECT_LINK, "KEY", "link one to a Deployment",                   \
		    "Links the Workspace's " title " to one more Deployment.",                     \
		    GROUPS(&group_target, &group_in_workspace, &group_edit, &group_session) },     \
	    { noun " unlink", VERB_OBJECT_UNLINK, "KEY", "end the link to a Deployment",           \
		    "Ends the link of the Workspace's " title                                      \
		    " to a Deployment. The link's overrides go.",                                  \
		    GROUPS(&group_target, &group_in_workspace, &group_edit, &group_session) },     \
	    { noun " exclude", VERB_OBJECT_EXCLUDE, "KEY", "leave a Deployment out",               \
		    "Leaves a Deployment out of those that the " title                             \
		    " is linked to because it is linked to "                                       \
		    "every one.",                                                                  \
		    GROUPS(&group_target, &group_in_workspace, &group_edit, &group_session) },     \
	    { noun " override", VERB_OBJECT_OVERRIDE, "KEY", "give a Deployment other values",     \
		    "Gives one Deployment other values for the fields that are named, and links "  \
		    "it when it is "                                                               \
		    "not linked. Other overrides stay.",                                           \
		    GROUPS(&group_target, fields, &group_unset, &group_in_workspace, &group_edit,  \
			&group_session) },                                                         \
	    { noun " promote", VERB_OBJECT_PROMOTE, "KEY", "move one up to the Workspace",         \
		    "Makes a Deployment's own " title                                              \
		    " the Workspace's, linked to that Deployment, with its id. "                   \
		    "connd-manager alone has it.",                                                 \
		    GROUPS(&group_target, &group_in_workspace, &group_change, &group_session) },   \
	    { noun " history", VERB_OBJECT_HISTORY, "KEY", "who changed or read one",              \
		    "Shows who changed or read the " title                                         \
		    ", oldest first: the fields, never a value. "                                  \
		    "connd-manager alone has it.",                                                 \
		    GROUPS(&group_where, &group_session) },                                        \
	{                                                                                          \
		noun " restore", VERB_OBJECT_RESTORE, "KEY", "make one what it was",               \
		    "Makes the " title                                                             \
		    " what it was at a version, as a new version; one that was deleted comes "     \
		    "back with its id and links. connd-manager alone has it.",                     \
		    GROUPS(&group_version, &group_where, &group_change, &group_session)            \
	}

static const struct cli_verb verbs[] = {
	{ "env", VERB_ENV, "", "the Deployment's environment variables",
	    "Shows the Deployment's environment variables as connd serves them, those of its "
	    "ENVIRONMENT_VARIABLE objects that this user may read: the names, or with --format the "
	    "values, which go to a terminal with --reveal only.\n\n"
	    "Variables that decide which code runs, or which files a program uses, are refused, "
	    "and so are names that the format cannot hold: then nothing is printed. Among them are "
	    "LD_*, PATH, IFS, ENV, BASH_*, HOME, PYTHON*, PERL*, RUBY*, NODE_*, GIT_* and "
	    "CONND_*.\n\n"
	    "A .env file for \"docker run --env-file\" is another format, without quotes: use "
	    "\"connctl exec\" there.\n\n"
	    "Exit code: 0 printed, 1 a variable is refused, 2 usage, 3 connd cannot say "
	    "(unreachable, not ready, expired, withheld, invalid), 4 denied.",
	    GROUPS(&group_env, &group_environment, &group_socket) },
	{ "exec", VERB_EXEC, "-- COMMAND [ARG...]",
	    "run a command with the Deployment's environment variables",
	    "Runs a command with the variables that \"connctl env\" shows added to its "
	    "environment; "
	    "a variable of the same name is replaced. Waits until connd serves data, which it does "
	    "without the manager, too, as long as max_stale of connd.conf allows.\n\n"
	    "The command takes connctl's place in the process, or with --on-change restart or "
	    "signal is its child, to which signals are forwarded. Either way connctl ends as the "
	    "command ends. The command writes no core dump, since its environment holds secrets; "
	    "all programs of the same user can read that environment while it runs.\n\n"
	    "Variables that decide which code runs, or which files a program uses, are refused as "
	    "by \"connctl env\": then the command does not run.\n\n"
	    "Exit code: the command's; 126 it cannot be run, 127 it was not found; before it runs: "
	    "1 a variable is refused, 2 usage, 3 connd cannot say, 4 denied.",
	    GROUPS(&group_exec, &group_environment) },
	{ "explain", VERB_EXPLAIN, "conn|var KEY", "where a value comes from, or why there is none",
	    "Shows where the value of one connection (conn) or Airflow variable (var) comes from, "
	    "and if connd does not serve it, the cause and the command that helps. Values of "
	    "secrets are shown as ***.\n\n"
	    "From the socket alone: whether connd serves the key, its state and age, which "
	    "Deployment connd is for, whether the user may read the key and by which rule of "
	    "[access], and the nearest key.\n\n"
	    "With a person's token (a context of \"connctl login\", or --manager and "
	    "--token-file): "
	    "for each field, its value in the Workspace's object, in the override of the "
	    "Deployment's link and in the Deployment's own object, which of them wins, and who "
	    "changed it when; for a key that is missing, whether it is not created, not linked or "
	    "excluded. A project's object wins over a Deployment's. The history of a field is "
	    "connd-manager's; with the hosted API the date is that of the whole object.\n\n"
	    "With --airflow-config or --python: which of Airflow's sources answers a task, and "
	    "which ones (another backend, an environment variable, the metadata database) are "
	    "shadowed, or answer in place of connd.\n\n"
	    "Exit code: 0 connd serves the key (without connd: the Deployment has it), 1 it does "
	    "not exist there, 2 usage, 3 connd cannot say, 4 denied. The report is printed in each "
	    "case but usage and a connd that is not reached.",
	    GROUPS(&group_explain, &group_session) },
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
	{ "export", VERB_EXPORT, "[connections|variables]",
	    "what connd serves, as a file for Airflow or Kubernetes",
	    "Writes the connections or variables that connd serves to this user, secrets in the "
	    "clear, "
	    "all from one generation. A record that the manager withholds, or that is invalid, "
	    "ends it. "
	    "To a terminal it writes with --reveal only.\n\n"
	    "airflow-json and airflow-yaml hold every field. dotenv has KEY=URI and KEY=VALUE "
	    "lines: a "
	    "URI holds no description and does not distinguish an absent host, login or schema "
	    "from an "
	    "empty "
	    "one; a "
	    "value that is empty or has line breaks does not fit. k8s-secret holds all kinds, for "
	    "envFrom: AIRFLOW_CONN_KEY and AIRFLOW_VAR_KEY, the key in upper case, and environment "
	    "variables under their own names; keys with other characters than letters, digits, "
	    "- _ and . do not fit, nor more than 1 MiB.\n\n"
	    "Exit code: 0 written, 1 the format cannot hold a key, 2 usage, 3 connd cannot say, "
	    "4 denied.",
	    GROUPS(&group_export) },
	{ "import", VERB_IMPORT, "", "bring connections and variables from Airflow to a manager",
	    "Brings connections and variables from Airflow, or from any file that Airflow's own "
	    "import takes, into an Environment Manager, over HTTP, and "
	    "reports of each key what became of it: created, updated, unchanged, skipped or "
	    "refused, "
	    "with the reason and never with a value. A key that is refused does not stop the "
	    "others. "
	    "Variables become secret ones; a value that is not a string becomes its JSON text.\n\n"
	    "A file is JSON, YAML, or lines of NAME=VALUE. A connection is an object of Airflow's "
	    "fields or a connection URI. An object with the members value and description is a "
	    "variable with its description; in YAML, as in Airflow's import, any object with a "
	    "member "
	    "value is. If a name in a NAME=VALUE file begins with AIRFLOW_CONN_ or AIRFLOW_VAR_, "
	    "only "
	    "such names count, their keys are lower case, and \"export \" and quotes are those of "
	    "a "
	    "shell; otherwise names are keys and values are taken as they stand. YAML tags "
	    "other than those of plain data are refused, and so is what aliases make larger by "
	    "more "
	    "than 16 MiB.\n\n"
	    "Needs --workspace or --deployment, and --connections, --variables or "
	    "--from-airflow.\n\n"
	    "Exit code: 0 all is as the files say, 1 a key was skipped or refused, 2 usage or a "
	    "file "
	    "that is not an export, 3 the manager cannot be reached or understood, 4 denied.",
	    GROUPS(&group_import, &group_session) },
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
	{ "token list", VERB_TOKEN_LIST, "", "list the tokens",
	    "Lists the tokens that this one may see, revoked ones too: name, id, scope, role, end "
	    "and last "
	    "use. Needs an OWNER.",
	    GROUPS(&group_session) },
	{ "token create", VERB_TOKEN_CREATE, "NAME", "issue a token",
	    "Issues a token and prints its text alone, once: it cannot be shown again. Needs an "
	    "OWNER.",
	    GROUPS(&group_token, &group_change, &group_session) },
	{ "token revoke", VERB_TOKEN_REVOKE, "TOKEN", "end a token and its renewals",
	    "Ends a token, named by id or name, and all renewals of its family at once, held "
	    "requests "
	    "included.",
	    GROUPS(&group_change, &group_session) },
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
	{ "watch", VERB_WATCH, "[PATTERN...]", "changes as they arrive",
	    "Prints a line for each connection, variable and environment variable that connd's "
	    "copy gains, changes or loses: when, what happened, the key and the generation that "
	    "brought it. Never a value. A PATTERN selects keys: \"conn:prod_*\", \"var:*\", "
	    "\"env:*\", or \"prod_*\" for every kind. --json prints one object a line.\n\n"
	    "Goes on until it is interrupted, which is exit code 0. When connd restarts, it "
	    "connects again and says on standard error (with --json, as an object whose change is "
	    "\"reconnected\") whether connd's copy changed meanwhile; those changes are not "
	    "shown.",
	    GROUPS(&group_socket) },
	{ "scan", VERB_SCAN, "PATH...", "find values that connd holds in files",
	    "Searches files, and all files below directories, for the secret values that connd "
	    "holds: passwords, every value of extra, the values of variables and environment "
	    "variables, of 8 bytes and more. Each is searched for as it is, in base64 (at any "
	    "alignment, unbroken), "
	    "URL-escaped and JSON-escaped. Prints the file, the line, the key and the field, "
	    "never the value. - is standard input. Tar archives, container images (docker save, "
	    "OCI archives) and gzip are searched inside; zip, zstd, xz and bzip2 are not. Git "
	    "keeps its history compressed: \"git log -p --all | connctl scan -\" searches it. "
	    "Symbolic links below a directory are not followed.\n\n"
	    "Needs the right to read the values from connd's socket: keys that this user may not "
	    "read are not searched for.\n\n"
	    "Exit code: 0 nothing found, 1 found, 2 usage, or a file could not be searched, 3 "
	    "connd cannot say, 4 denied.",
	    GROUPS(&group_values, &group_socket) },
	{ "redact", VERB_REDACT, "", "mask values that connd holds in a stream",
	    "Copies standard input to standard output and writes *** for every value that "
	    "\"connctl scan\" would find. Output is held back only while it may be the beginning "
	    "of a value. The values are read from connd once, at the start; if that fails, "
	    "nothing is copied.\n\n"
	    "Exit code: 0 all is copied, 2 usage, 3 connd cannot say or the output cannot be "
	    "written, 4 denied.",
	    GROUPS(&group_redact, &group_socket) },
	{ "init", VERB_INIT, "", "write the configuration of a connd of your own",
	    "Writes, for this user alone, a configuration with which connd runs without root and "
	    "serves one Deployment for 30 days without its manager:\n\n"
	    "$XDG_CONFIG_HOME/connd (~/.config/connd): connd.conf, the token, and the snapshot's "
	    "key, of mode 0600; in $XDG_CONFIG_HOME/systemd/user the units connd.service and "
	    "connd.socket, unless they are installed for everybody. connd's snapshot is "
	    "$XDG_STATE_HOME/connd/snapshot (~/.local/state), its socket "
	    "$XDG_RUNTIME_DIR/connd/connd.sock.\n\n"
	    "Manager and token are those of the current context, or of the options; a token that "
	    "neither has is asked for (--token-file - reads standard input). Before anything is "
	    "written, the manager is asked for the Deployment and for one object of it. Either "
	    "all files are written or none.\n\n"
	    "The snapshot and its key are both in the home directory: the seal does not protect "
	    "them from other programs of this user, root, a backup of both, or a disk without "
	    "encryption.\n\n"
	    "Exit code: 0 written, 1 a configuration is there, or there is no such Deployment, 2 "
	    "usage, 3 the manager cannot be reached or a file not be written, 4 the manager "
	    "refuses the token.",
	    GROUPS(&group_init, &group_session) },
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
	OBJECT_VERBS("connection", "connection", &group_connection, &group_auth_type, &group_none),
	OBJECT_VERBS("variable", "variable", &group_variable, &group_none, &group_plain),
	OBJECT_VERBS("env-var", "environment variable", &group_variable, &group_none, &group_plain),
	OBJECT_VERBS("metrics-export", "metrics export", &group_metrics, &group_none, &group_none),
	{ "doctor", VERB_DOCTOR, "[conn|var] [KEY]", "find out why a lookup fails",
	    "Checks everything that a lookup needs, in the order in which one thing depends on "
	    "another: connd's configuration, the token, the manager and what it lets the token "
	    "read, the clock, connd's unit and limits, the socket, the data and whose it is, the "
	    "snapshot, and the rights of the user given by --user; with --python also Airflow's "
	    "configuration, the shim and the providers. With a key, also whether connd "
	    "has it and gives it to that user; of "
	    "a "
	    "key that is missing, whether it is only not linked to the Deployment.\n\n"
	    "Each line is a check, its verdict and what was found, and below it the command that "
	    "mends it. The last line names the cause: the first check that failed. Changes "
	    "nothing, "
	    "shows no secret, and ends in time whatever hangs. Run it as root: only "
	    "root can look as connd's user and as the worker's.\n\n"
	    "Exit code: 0 no check failed, 1 one did (the report is printed all the same), 2 it "
	    "could not run.",
	    GROUPS(&group_doctor) },
	{ "organization show", VERB_ORGANIZATION_SHOW, "", "show the organization",
	    "Shows the organization, and whether secrets may be read over the API.",
	    GROUPS(&group_session) },
	{ "organization set", VERB_ORGANIZATION_SET, "", "change the organization",
	    "Changes the organization's name or the switch for reading secrets. Needs an OWNER of "
	    "the "
	    "organization. connd-manager alone lets the API change the switch.",
	    GROUPS(&group_organization, &group_change, &group_session) },
	{ "sidecars", VERB_SIDECARS, "", "which connd have the newest data",
	    "Lists the connd that read from the manager, as each reports with its requests: host, "
	    "Deployment, version, status, a time, and its last error or its state. The status is "
	    "NEWEST, BEHIND (the time is since when) or SILENT (no report for five minutes; the "
	    "time is that of the last one). A connd without a report for a day is not listed. "
	    "connd-manager alone has this; [manager] report = no in connd.conf turns it off.",
	    GROUPS(&group_sidecars, &group_session) },
	{ "diff", VERB_DIFF, "A B", "what differs between two sides",
	    "Compares two sides and prints the keys that differ, and in which fields. Values are "
	    "compared by keyed hashes and never shown. Only the kinds that both sides can have are "
	    "compared: connections, Airflow variables, environment variables.\n\n"
	    "A side is one of:\n\n"
	    "connd: what connd serves to this user; while the manager is away, that is what its "
	    "snapshot holds.\n\n"
	    "deployment:NAME: what the manager has for a Deployment, links and overrides "
	    "resolved.\n\n"
	    "workspace:NAME: the Workspace's own objects.\n\n"
	    "connections:FILE, variables:FILE: what \"airflow connections export\" or \"airflow "
	    "variables export\" wrote: .json, .yaml, .yml or .env.\n\n"
	    "airflow, airflow:COMMAND: Airflow's metadata database. Runs both exports, without a "
	    "shell, into a directory that nobody else may enter and that is removed "
	    "afterwards.\n\n"
	    "The manager's sides need a token that may read secrets. Fields that are empty count "
	    "as "
	    "absent.\n\n"
	    "Exit code: 0 the sides are the same, 1 they differ, 2 they cannot be compared.",
	    GROUPS(&group_diff, &group_in_workspace, &group_session) },
	{ "audit", VERB_AUDIT, "", "who changed or read what",
	    "Shows who changed or read what, oldest first: the time, the action, the token, the "
	    "type, the "
	    "name, the fields, never a value, and the request's id. connd-manager alone has it.",
	    GROUPS(&group_audit, &group_session) },
	{ "render", VERB_RENDER, "prometheus|otel [KEY...]",
	    "metrics exports as a collector's configuration",
	    "Prints metrics exports, all or those named, as YAML: remote_write for a Prometheus, "
	    "or extensions and exporters (prometheusremotewrite) for an OpenTelemetry collector, "
	    "whose pipelines must name the exporters. With --deployment, as that Deployment gets "
	    "them. Secrets and the values of headers are *** without --reveal or --output.\n\n"
	    "Exit code: 0 written, 1 there is no such metrics export, 2 usage, 3 the manager "
	    "cannot be reached or the file not be written, 4 denied.",
	    GROUPS(&group_render, &group_where, &group_session) },
};

#define OBJECT_KEYS(noun)                                                                          \
	{                                                                                          \
		noun, NULL, "KEY",                                                                 \
		    "connctl " noun " list --timeout 1s 2>/dev/null | sed \"s/  .*//\""            \
	}

/* What the shells complete from connd and from the manager. */
static const struct cli_source sources[] = {
	{ "get conn", NULL, NULL,
	    "connctl list --timeout 500ms 2>/dev/null | sed -n \"s/^connection  *//p\"" },
	{ "get var", NULL, NULL,
	    "connctl list --timeout 500ms 2>/dev/null | sed -n \"s/^variable  *//p\"" },
	OBJECT_KEYS("connection"),
	OBJECT_KEYS("variable"),
	OBJECT_KEYS("env-var"),
	OBJECT_KEYS("metrics-export"),
	{ NULL, "deployment", "NAME",
	    "connctl deployment list --timeout 1s 2>/dev/null | sed \"s/  .*//\"" },
	{ NULL, "workspace", "NAME",
	    "connctl workspace list --timeout 1s 2>/dev/null | sed \"s/  .*//\"" },
};

const struct cli_program ctl_program = {
	.name = "connctl",
	.version = CONND_VERSION,
	.summary = "Asks connd, the Airflow connections daemon, on its Unix socket, and "
		   "administers its manager "
		   "over HTTP.",
	.ending =
	    "Options stand before or after the words; -- ends them. \"connctl VERB --help\" says "
	    "more.\n\n"
	    "Exit code: 0 yes, 1 not found, 2 usage, 3 connd unreachable or without a trustworthy "
	    "response, 4 denied. With --json an error is one object on standard error: "
	    "{\"error\": {\"code\", \"message\", \"next\"}}, where code is the exit code.",
	.verb = verbs,
	.n_verbs = N_ELEMENTS(verbs),
	.source = sources,
	.n_sources = N_ELEMENTS(sources),
};
