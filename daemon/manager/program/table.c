/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/table.h"

#include "base/attr.h"
#include "base/base.h"
#include "manager/program/verbs.h"

/* ---- options ---- */

static const struct cli_option data_options[] = {
	{ "data", OPT_DATA, CLI_NEEDED, "DIR", NULL, "The data directory." },
	{ "key-file", OPT_KEY_FILE, 0, "FILE", NULL,
	    "The key that seals the stored values: 32 bytes, raw or as 64 hex digits. Without it: "
	    "a "
	    "systemd credential named manager-key, or DIR/manager.key." },
	{ 0 },
};
static const struct cli_group data = { "Data directory", data_options };

static const struct cli_option store_options[] = {
	{ "store", OPT_STORE, 0, "URL", NULL,
	    "The PostgreSQL database, as postgresql://USER@HOST/DATABASE, with parameters as libpq "
	    "takes them. Any number of managers may share it, each with a data directory of its "
	    "own "
	    "and the same key. Without it: SQLite in the data directory. A password does not "
	    "belong "
	    "here, since other users can see it: passfile=FILE, PGPASSFILE or service=NAME name a "
	    "file that has it." },
	{ 0 },
};
static const struct cli_group store = { "Database", store_options };

#define MAX_LIFETIME_HELP                                                                          \
	"How long a token can be renewed, counted from its creation; s, m, h and d are units. A "  \
	"token that lives longer by itself is not renewed beyond its own end; one that never "     \
	"expires has no limit."

static const struct cli_option serve_options[] = {
	{ "listen", OPT_LISTEN, CLI_REPEATS, "ADDR:PORT|unix:PATH", "127.0.0.1:8888",
	    "Where to serve; four places at most. Port 0 takes a free one. A Unix socket gets mode "
	    "0666, since the token decides; a file .NAME.lock beside it tells the socket of a "
	    "running manager from one that a dead manager left, which is replaced. TLS is spoken "
	    "over TCP alone. The places are printed as one line of JSON once it serves." },
	{ "metrics", OPT_METRICS, 0, "ADDR:PORT", NULL,
	    "Serves /metrics (OpenMetrics) and /healthz there: plain HTTP, without a token, on "
	    "connections that are counted apart from the API's." },
	{ "log-requests", OPT_LOG_REQUESTS, 0, NULL, NULL,
	    "Logs every request: its id (as in X-Request-Id and in the body of a refusal), method, "
	    "path without the query, status, time and the token's id. Without it only requests "
	    "that are refused are logged, ten a second at most." },
	{ "tls-cert", OPT_TLS_CERT, 0, "FILE", NULL,
	    "Serves HTTPS with this certificate and its chain, in PEM. Needs --tls-key. Both are "
	    "loaded again when they change." },
	{ "tls-key", OPT_TLS_KEY, 0, "FILE", NULL, "The key of --tls-cert, in PEM." },
	{ "rate-get", OPT_RATE_GET, 0, "N/s", NULL,
	    "How often one token, with its renewals, may read something. What comes faster waits, "
	    "and is refused with 429 and Retry-After when that does not help. Without it there is "
	    "no limit." },
	{ "rate-post", OPT_RATE_POST, 0, "N/s", NULL, "The same for changes." },
	{ "audit-days", OPT_AUDIT_DAYS, 0, "DAYS", "90",
	    "How long the audit log, old versions of objects and revoked tokens are kept. What is "
	    "deleted is logged. When the clock stands more than a day from the newest record at "
	    "the start, or jumps by more than a day, nothing is deleted for a day." },
	{ "max-lifetime", OPT_MAX_LIFETIME, 0, "DURATION", "90d",
	    MAX_LIFETIME_HELP
	    " From 14 days before that end, a line in the log says so once a day, and "
	    "connd_manager_token_families_ending counts it." },
	{ "store-listen", OPT_STORE_LISTEN, 0, "URL", NULL,
	    "Where to listen for what other managers change, when --store leads through a pooler "
	    "such as pgbouncer: the database itself. Without it, and when it cannot be reached, "
	    "the number of the last change is read every 250 ms." },
	{ "store-connections", OPT_STORE_CONNECTIONS, 0, "N", "8",
	    "How many connections to the database of --store there are at most; 64 is the limit." },
	{ "fault", OPT_FAULT, CLI_REPEATS, "ROUTE:KIND[=VALUE][@PROBABILITY]", NULL,
	    "For rehearsals: what goes wrong. ROUTE: *, list, create, get, update, delete, "
	    "exclude, history, restore, promote. KIND: delay=TIME, 429[=SECONDS], 500, 503, reset, "
	    "truncate, malformed, drip, withhold. Examples: list:delay=2s, *:503@0.1." },
	{ 0 },
};
static const struct cli_group serve_group = { NULL, serve_options };

#define TOKEN_OUT                                                                                  \
	{                                                                                          \
		"token-out", OPT_TOKEN_OUT, 0, "FILE", NULL,                                       \
		    "Writes the token into a new file of mode 0600 instead of printing it."        \
	}

static const struct cli_option init_options[] = {
	{ "organization", OPT_ORGANIZATION, CLI_NEEDED, "NAME", NULL, "The organization." },
	{ "workspace", OPT_WORKSPACE, CLI_NEEDED, "NAME", NULL, "Its first Workspace." },
	{ "deployment", OPT_DEPLOYMENT, CLI_NEEDED | CLI_REPEATS, "NAME", NULL,
	    "A Deployment of that Workspace; a hundred at most." },
	TOKEN_OUT,
	{ 0 },
};
static const struct cli_group init = { NULL, init_options };

static const struct cli_option deployment_options[] = {
	{ "workspace-id", OPT_WORKSPACE_ID, CLI_NEEDED, "ID", NULL, "Its Workspace." },
	{ "name", OPT_NAME, CLI_NEEDED, "NAME", NULL, "Its name, one of a kind in the Workspace." },
	{ 0 },
};
static const struct cli_group deployment = { NULL, deployment_options };

static const struct cli_option token_options[] = {
	{ "name", OPT_NAME, CLI_NEEDED, "NAME", NULL, "Its name in lists and in the audit log." },
	{ "scope", OPT_SCOPE, CLI_NEEDED, "organization|workspace|deployment", NULL,
	    "What kind of place it is for." },
	{ "scope-id", OPT_SCOPE_ID, 0, "ID", NULL,
	    "That place. Needed for a Workspace or a Deployment: \"organization show\" lists their "
	    "ids." },
	{ "role", OPT_ROLE, CLI_NEEDED, "OWNER|OPERATOR|AUTHOR|MEMBER", NULL,
	    "What it may do there: MEMBER and AUTHOR read, which is what connd needs; OPERATOR "
	    "also "
	    "changes objects, Deployments and projects; OWNER also issues tokens." },
	{ "expires-in", OPT_EXPIRES_IN, 0, "SECONDS", NULL,
	    "When it expires. Without it: never. Renewals prolong it until the server's "
	    "--max-lifetime (90d unless set) after its creation; a token that lives as long by "
	    "itself is not prolonged." },
	TOKEN_OUT,
	{ 0 },
};
static const struct cli_group token = { NULL, token_options };

static const struct cli_option token_list_options[] = {
	{ "max-lifetime", OPT_MAX_LIFETIME, 0, "DURATION", "90d",
	    "Without a running server: what familyEndsAt is counted with." },
	{ 0 },
};
static const struct cli_group token_list = { NULL, token_list_options };

static const struct cli_option revoke_options[] = {
	{ "id", OPT_ID, CLI_NEEDED, "ID", NULL, "The token; \"token list\" shows ids." },
	{ 0 },
};
static const struct cli_group revoke = { NULL, revoke_options };

static const struct cli_option switch_options[] = {
	{ "secrets-fetching", OPT_SECRETS_FETCHING, CLI_NEEDED, "on|off", NULL,
	    "Whether anybody may fetch secrets over the API at all. It is on after init." },
	{ 0 },
};
static const struct cli_group switches = { NULL, switch_options };

static const struct cli_option rotate_options[] = {
	{ "new-key-file", OPT_NEW_KEY_FILE, 0, "FILE", NULL,
	    "The key to change to, when DIR/manager.key is not used: serve with --key-file FILE "
	    "from then on." },
	{ 0 },
};
static const struct cli_group rotate = { NULL, rotate_options };

static const struct cli_option tls_options[] = {
	{ "host", OPT_HOST, CLI_REPEATS, "NAME", NULL,
	    "A DNS name or an address to put into the certificate, besides this machine's own." },
	{ "expires-in", OPT_EXPIRES_IN, 0, "SECONDS", NULL,
	    "How long it is good. Without it: ten years." },
	{ 0 },
};
static const struct cli_group tls = { NULL, tls_options };

static const struct cli_option login_options[] = {
	{ "id", OPT_ID, 0, "ID", NULL,
	    "The token to sign in as; \"token list\" shows ids. Without it: the organization's "
	    "oldest "
	    "OWNER, which is the one that init made." },
	{ "url", OPT_URL, 0, "URL", NULL,
	    "The manager as the browser reaches it, as https://manager.example:8443. Without "
	    "it: the first TCP address that the running server serves." },
	{ 0 },
};
static const struct cli_group login = { NULL, login_options };

static const struct cli_option migrate_options[] = {
	{ "from", OPT_FROM, CLI_NEEDED, "sqlite:DIR|URL", NULL,
	    "The database to copy: that of a data directory, or a PostgreSQL one as "
	    "postgresql://USER@HOST/DATABASE." },
	{ "to", OPT_TO, CLI_NEEDED, "sqlite:DIR|URL", NULL,
	    "Where to copy it: a data directory that exists, or an empty PostgreSQL database." },
	{ "key-file", OPT_KEY_FILE, 0, "FILE", NULL,
	    "The key of both. Without it: that of the data directory, of --from first." },
	{ 0 },
};
static const struct cli_group migrate = { NULL, migrate_options };

/* ---- verbs ---- */

#define GROUPS(...)                                                                                \
	(const struct cli_group *const[])                                                          \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

#define NOT_DURABLE                                                                                \
	" When the disk fails it takes effect in a running server all the same, which prints "     \
	"\"durable\": false and a warning."

static const struct cli_verb verbs[] = {
	{ "", VERB_SERVE, "", "serve the Environment Manager's API",
	    "Serves the Environment Manager's API until SIGTERM.",
	    GROUPS(&serve_group, &data, &store) },
	{ "init", VERB_INIT, "", "make a data directory",
	    "Makes the data directory and prints the ids and the token of an organization OWNER, "
	    "which does not expire. No token is ever shown again. Changes nothing where a database "
	    "is.",
	    GROUPS(&init, &data, &store) },
	{ "deployment create", VERB_DEPLOYMENT_CREATE, "", "make a Deployment",
	    "Makes a Deployment and prints its id.", GROUPS(&deployment, &data, &store) },
	{ "deployment list", VERB_DEPLOYMENT_LIST, "", "list Deployments",
	    "Lists the Deployments with their ids and Workspaces.", GROUPS(&data, &store) },
	{ "token create", VERB_TOKEN_CREATE, "", "issue a token",
	    "Issues a token and prints its id and its text, which is never shown again.",
	    GROUPS(&token, &data, &store) },
	{ "token list", VERB_TOKEN_LIST, "", "list tokens",
	    "Lists the tokens with their ids, rights, times and families; never their texts.",
	    GROUPS(&token_list, &data, &store) },
	{ "token revoke", VERB_TOKEN_REVOKE, "", "revoke a token",
	    "Ends the token and all of its family: the token it was renewed from, and all "
	    "renewals." NOT_DURABLE,
	    GROUPS(&revoke, &data, &store) },
	{ "login-link", VERB_LOGIN_LINK, "", "make a link that signs in to the page",
	    "Prints a URL that signs in to the Environment page as a token, without its text. The "
	    "code in it is good for a minute, once; it is behind a #, which browsers send to "
	    "nobody.",
	    GROUPS(&login, &data, &store) },
	{ "organization show", VERB_ORGANIZATION_SHOW, "", "show the organization",
	    "Shows the organization's id, its switch, its Workspaces and its Deployments.",
	    GROUPS(&data, &store) },
	{ "organization set", VERB_ORGANIZATION_SET, "", "switch the fetching of secrets",
	    "Switches the fetching of secrets on or off for the whole organization." NOT_DURABLE,
	    GROUPS(&switches, &data, &store) },
	{ "rotate-key", VERB_ROTATE_KEY, "", "change the key that seals the values",
	    "Puts another key under every stored value, while the server runs, and prints the new "
	    "key's id.",
	    GROUPS(&rotate, &data, &store) },
	{ "backup", VERB_BACKUP, "FILE", "copy the database",
	    "Copies the whole database into a new file, or to stdout when FILE is -, while the "
	    "server goes on. The file has its name when it is whole and on disk. Meanwhile the "
	    "data directory needs room for another copy. A backup opens with the key of its day "
	    "alone: keep that key too, and somewhere else. A database on PostgreSQL is copied with "
	    "pg_dump instead.",
	    GROUPS(&data, &store) },
	{ "restore", VERB_RESTORE, "FILE", "make the database from a backup",
	    "Makes the database of a data directory that has a key and none yet.", GROUPS(&data) },
	{ "migrate", VERB_MIGRATE, "", "copy the store into another database",
	    "Copies everything from SQLite to PostgreSQL or back, in one transaction, then reads "
	    "both and compares them row by row. No server may use the data directory; managers on "
	    "PostgreSQL should be stopped, since they can change nothing meanwhile. The key stays "
	    "as it is. A second run compares again; a database with another content is not "
	    "touched.",
	    GROUPS(&migrate) },
	{ "tls init", VERB_TLS_INIT, "", "make a certificate",
	    "Makes DIR/tls.key and a self-signed DIR/tls.crt, for this machine's names and each "
	    "--host. Prints the options to serve with, and the lines for connd.conf with the pin "
	    "of the key. Replaces nothing.",
	    GROUPS(&tls, &data) },
};

const struct cli_program manager_program = {
	.name = "connd-manager",
	.version = CONND_VERSION,
	.summary =
	    "The self-hosted Environment Manager. Without a verb it serves the API. The other "
	    "verbs but init, restore, migrate and tls init act at once, beside a running server or "
	    "without "
	    "one, and all print JSON.",
	.ending = "Exit code: 0 done, 1 it could not be done, 2 usage.",
	.verb = verbs,
	.n_verbs = N_ELEMENTS(verbs),
	.strict = true,
};
