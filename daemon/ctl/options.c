/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

enum {
	FOR_GET = 1 << 0,
	FOR_LIST = 1 << 1,
	FOR_STATUS = 1 << 2,
	FOR_WAIT = 1 << 3,
	FOR_IMPORT = 1 << 4,
	FOR_CONND = FOR_GET | FOR_LIST | FOR_STATUS | FOR_WAIT,
	FOR_ALL = FOR_CONND | FOR_IMPORT,
};

enum option_id {
	OPT_SOCKET,
	OPT_TIMEOUT,
	OPT_JSON,
	OPT_REVEAL,
	OPT_TEAM,
	OPT_MANAGER,
	OPT_ORGANIZATION,
	OPT_WORKSPACE,
	OPT_DEPLOYMENT,
	OPT_TOKEN_FILE,
	OPT_CA_FILE,
	OPT_CONNECTIONS,
	OPT_VARIABLES,
	OPT_FROM_AIRFLOW,
	OPT_DRY_RUN,
	OPT_UPDATE,
	OPT_INSECURE_HTTP,
	OPT_HELP,
	OPT_VERSION,
};

enum option_value { VALUE_NONE, VALUE_NEEDED, VALUE_OPTIONAL /* only behind an "=" */ };

struct option_row {
	const char *name; /* without its dashes */
	enum option_id id;
	enum option_value value;
	unsigned verbs;
};

static const struct option_row option_table[] = {
	{ "socket", OPT_SOCKET, VALUE_NEEDED, FOR_CONND },
	{ "timeout", OPT_TIMEOUT, VALUE_NEEDED, FOR_ALL },
	{ "json", OPT_JSON, VALUE_NONE, FOR_ALL },
	{ "reveal", OPT_REVEAL, VALUE_NONE, FOR_GET },
	{ "team", OPT_TEAM, VALUE_NEEDED, FOR_GET },
	{ "manager", OPT_MANAGER, VALUE_NEEDED, FOR_IMPORT },
	{ "organization", OPT_ORGANIZATION, VALUE_NEEDED, FOR_IMPORT },
	{ "workspace", OPT_WORKSPACE, VALUE_NEEDED, FOR_IMPORT },
	{ "deployment", OPT_DEPLOYMENT, VALUE_NEEDED, FOR_IMPORT },
	{ "token-file", OPT_TOKEN_FILE, VALUE_NEEDED, FOR_IMPORT },
	{ "ca-file", OPT_CA_FILE, VALUE_NEEDED, FOR_IMPORT },
	{ "connections", OPT_CONNECTIONS, VALUE_NEEDED, FOR_IMPORT },
	{ "variables", OPT_VARIABLES, VALUE_NEEDED, FOR_IMPORT },
	{ "from-airflow", OPT_FROM_AIRFLOW, VALUE_OPTIONAL, FOR_IMPORT },
	{ "dry-run", OPT_DRY_RUN, VALUE_NONE, FOR_IMPORT },
	{ "update", OPT_UPDATE, VALUE_NONE, FOR_IMPORT },
	{ "insecure-http", OPT_INSECURE_HTTP, VALUE_NONE, FOR_IMPORT },
	{ "help", OPT_HELP, VALUE_NONE, FOR_ALL },
	{ "version", OPT_VERSION, VALUE_NONE, FOR_ALL },
};

#define COMMON_HELP                                                                                \
	"  --socket PATH    where connd listens (default: $CONND_SOCKET, or\n"                     \
	"                   " CTL_DEFAULT_SOCKET ")\n"                                             \
	"  --timeout TIME   how long to wait for the whole answer: 500ms, 3s, 2m (default: 10s)\n" \
	"  --json           print JSON\n"                                                          \
	"  --help           this text\n"

struct verb_row {
	const char *name;
	unsigned bit;
	size_t n_words; /* with the verb itself */
	const char *usage;
	const char *help;
};

static const struct verb_row verb_table[] = {
	{ "get", FOR_GET, 3, "connctl get conn|var KEY [--reveal] [--team TEAM]",
	    "Usage: connctl get conn|var KEY [options]\n"
	    "\n"
	    "Shows one connection (conn) or Airflow variable (var) as connd serves it. Secrets "
	    "are\n"
	    "shown as ***: the password, every value of extra, a variable's value.\n"
	    "\n"
	    "  --reveal         print exactly the text Airflow receives, secrets included\n"
	    "  --team TEAM      ask as a task of this team: TEAM___KEY is tried before "
	    "KEY\n" COMMON_HELP "\n"
	    "Exit code: 0 found, 1 not found, 2 usage, 3 connd can not say (unreachable, not "
	    "ready,\n"
	    "expired, withheld, invalid), 4 denied.\n" },
	{ "import", FOR_IMPORT, 1,
	    "connctl import --manager URL --organization ID --workspace ID --token-file FILE ...",
	    "Usage: connctl import --manager URL --organization ID --token-file FILE\n"
	    "           --workspace ID [--deployment ID]... | --deployment ID\n"
	    "           [--connections FILE] [--variables FILE] | --from-airflow[=COMMAND]\n"
	    "\n"
	    "Brings connections and variables from Airflow into an Environment Manager, says of\n"
	    "each key what became of it, and goes on over one that is refused. Variables become\n"
	    "secret ones.\n"
	    "\n"
	    "  --connections FILE      what \"airflow connections export FILE.json\" wrote\n"
	    "  --variables FILE        what \"airflow variables export FILE.json\" wrote\n"
	    "  --from-airflow[=COMMAND]  run both exports now (default: airflow)\n"
	    "  --manager URL           https://HOST[:PORT]\n"
	    "  --organization ID       the organization's id\n"
	    "  --workspace ID          make objects of this Workspace ...\n"
	    "  --deployment ID         ... linked to this Deployment (may be given again);\n"
	    "                          without --workspace: objects of this Deployment alone\n"
	    "  --token-file FILE       the token, in a file that nobody else may read\n"
	    "  --dry-run               say what would be done, and do nothing\n"
	    "  --update                change keys that exist with other values; without it they\n"
	    "                          are skipped. Links, overrides, exclusions, auth types and\n"
	    "                          descriptions that Airflow does not have stay\n"
	    "  --ca-file FILE          trust these authorities only\n"
	    "  --insecure-http         allow plain http to another machine\n"
	    "  --timeout TIME          how long one call to the manager may take (default: 30s)\n"
	    "  --json                  print the report as JSON\n"
	    "  --help                  this text\n"
	    "\n"
	    "Exit code: 0 all is as the files say, 1 a key was skipped or refused, 2 usage or a\n"
	    "file that is no export, 3 the manager can not be reached or understood, 4 denied.\n" },
	{ "list", FOR_LIST, 1, "connctl list",
	    "Usage: connctl list [options]\n"
	    "\n"
	    "Lists the keys of the connections and variables this user may ask for, sorted.\n"
	    "\n" COMMON_HELP },
	{ "status", FOR_STATUS, 1, "connctl status",
	    "Usage: connctl status [options]\n"
	    "\n"
	    "Shows what connd holds and how fresh it is. The exit code is 0 whenever connd "
	    "answers,\n"
	    "whatever its state.\n"
	    "\n" COMMON_HELP },
	{ "wait", FOR_WAIT, 1, "connctl wait",
	    "Usage: connctl wait [--timeout TIME] [options]\n"
	    "\n"
	    "Waits until connd is ready: with [require] in connd.conf, until those keys are there "
	    "and\n"
	    "young enough; else until it has data it may serve. connd itself need not run yet.\n"
	    "Here --timeout is for the whole wait, 60s without it.\n"
	    "\n" COMMON_HELP "\n"
	    "Exit code: 0 ready, 2 usage, 3 not ready in time, 4 denied.\n" },
};

static const char program_help[] =
    "Usage: connctl VERB [options]\n"
    "\n"
    "Asks connd, the Airflow connections daemon, on its Unix socket.\n"
    "\n"
    "  get conn|var KEY   one connection or variable; secrets are *** without --reveal\n"
    "  import             bring connections and variables from Airflow to a manager\n"
    "  list               the keys of all connections and variables\n"
    "  status             what connd holds and how fresh it is\n"
    "  wait               until connd is ready\n"
    "\n"
    "Options stand before or after the words; -- ends them.\n"
    "\n" COMMON_HELP "  --version        the version\n"
    "\n"
    "Exit code: 0 yes, 1 not found, 2 usage, 3 connd unreachable or without a trustworthy\n"
    "answer, 4 denied. \"connctl VERB --help\" tells more.\n";

static const struct verb_row *
verb_find(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(verb_table); i++)
		if (strcmp(verb_table[i].name, name) == 0)
			return &verb_table[i];
	return NULL;
}

const char *
options_help(const char *verb)
{
	const struct verb_row *v;

	if (!verb)
		return program_help;
	v = verb_find(verb);
	return v ? v->help : NULL;
}

int
options_duration(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 }, { "h", 3600000 } };
	char *end;
	double n;

	/* strtod() also knows signs, exponents, hex, inf and nan: digits and a point only. */
	n = strtod(text, &end);
	if (end == text || end != text + strspn(text, "0123456789."))
		return -EINVAL;
	for (size_t i = 0; i < N_ELEMENTS(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		n *= units[i].ms;
		if (!(n >= 1 && n <= 24.0 * 3600 * 1000))
			return -EINVAL;
		*ms = (int64_t)n;
		return 0;
	}
	return -EINVAL;
}

/* arg: `name` or `name=value`. */
static const struct option_row *
option_find(const char *arg, const char **value)
{
	size_t n = strcspn(arg, "=");

	*value = arg[n] ? arg + n + 1 : NULL;
	for (size_t i = 0; i < N_ELEMENTS(option_table); i++)
		if (strlen(option_table[i].name) == n && memcmp(option_table[i].name, arg, n) == 0)
			return &option_table[i];
	return NULL;
}

/* An id goes into a URL's path: letters, digits, - and _ only. 0 or -EINVAL with why. */
static int
id_apply(const char **out, const char *name, const char *value, char *why)
{
	size_t n = 0;

	while ((value[n] >= '0' && value[n] <= '9') || (value[n] >= 'a' && value[n] <= 'z') ||
	       (value[n] >= 'A' && value[n] <= 'Z') || value[n] == '-' || value[n] == '_')
		n++;
	*out = value;
	if (n > 0 && n <= 64 && !value[n])
		return 0;
	(void)snprintf(why, OPTIONS_WHY_SIZE, "--%s wants an id, not \"%.40s\"", name, value);
	return -EINVAL;
}

static int
deployment_apply(const char *value, struct ctl_import_options *out, char *why)
{
	if (out->n_deployments < CTL_MAX_DEPLOYMENTS)
		return id_apply(&out->deployment[out->n_deployments++], "deployment", value, why);
	(void)snprintf(why, OPTIONS_WHY_SIZE, "at most %d times --deployment", CTL_MAX_DEPLOYMENTS);
	return -EINVAL;
}

/* Options of import alone. 0 or -EINVAL with why. */
static int
import_apply(enum option_id id, const char *value, struct ctl_import_options *out, char *why)
{
	switch (id) {
	case OPT_MANAGER:
		out->manager = value;
		return 0;
	case OPT_ORGANIZATION:
		return id_apply(&out->organization, "organization", value, why);
	case OPT_WORKSPACE:
		return id_apply(&out->workspace, "workspace", value, why);
	case OPT_DEPLOYMENT:
		return deployment_apply(value, out, why);
	case OPT_TOKEN_FILE:
		out->token_file = value;
		return 0;
	case OPT_CA_FILE:
		out->ca_file = value;
		return 0;
	case OPT_CONNECTIONS:
		out->connections = value;
		return 0;
	case OPT_VARIABLES:
		out->variables = value;
		return 0;
	case OPT_FROM_AIRFLOW:
		out->from_airflow = value && value[0] ? value : "airflow";
		return 0;
	case OPT_DRY_RUN:
		out->dry_run = true;
		return 0;
	case OPT_UPDATE:
		out->update = true;
		return 0;
	case OPT_INSECURE_HTTP:
		out->insecure_http = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Is there all that import needs, and nothing that excludes another? NULL or what to say. */
static const char *
import_fault(const struct ctl_import_options *i)
{
	if (!i->manager)
		return "import needs --manager URL";
	if (!i->organization)
		return "import needs --organization ID";
	if (!i->token_file)
		return "import needs --token-file FILE";
	if (!i->workspace && i->n_deployments == 0)
		return "import needs --workspace ID or --deployment ID";
	if (!i->workspace && i->n_deployments > 1)
		return "several --deployment need --workspace, whose objects are linked to them";
	if (!i->connections && !i->variables && !i->from_airflow)
		return "import needs --connections FILE, --variables FILE or --from-airflow";
	if ((i->connections || i->variables) && i->from_airflow)
		return "files or --from-airflow, not both";
	return NULL;
}

/* 0, or -EINVAL with a sentence in why. */
static int
option_apply(enum option_id id, const char *value, struct ctl_options *out, char *why)
{
	switch (id) {
	case OPT_SOCKET:
		if (value[0] && strlen(value) <= LIMIT_SOCKET_PATH) {
			out->socket = value;
			return 0;
		}
		(void)snprintf(why, OPTIONS_WHY_SIZE, "--socket wants a path of 1 to %d bytes",
		    LIMIT_SOCKET_PATH);
		return -EINVAL;
	case OPT_TIMEOUT:
		if (options_duration(value, &out->timeout_ms) == 0)
			return 0;
		(void)snprintf(why, OPTIONS_WHY_SIZE,
		    "--timeout wants a time like 500ms, 3s or 2m, not \"%.40s\"", value);
		return -EINVAL;
	case OPT_TEAM:
		out->team = value;
		return 0;
	case OPT_JSON:
		out->json = true;
		return 0;
	case OPT_REVEAL:
		out->reveal = true;
		return 0;
	case OPT_HELP:
	case OPT_VERSION:
		return 0;
	default:
		return import_apply(id, value, &out->import, why);
	}
}

/* Do the words make a verb with what it needs? */
static enum options_verdict
words_check(const struct ctl_options *o, size_t n_given, unsigned used[], char *why)
{
	const struct verb_row *v;

	if (o->n_words == 0) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "no verb: get, import, list, status or wait");
		return OPTIONS_WRONG;
	}
	v = verb_find(o->word[0]);
	if (!v) {
		(void)snprintf(why, OPTIONS_WHY_SIZE,
		    "unknown verb \"%.40s\": get, import, list, status or wait", o->word[0]);
		return OPTIONS_WRONG;
	}
	for (size_t i = 0; i < N_ELEMENTS(option_table); i++) {
		if (!used[i] || option_table[i].verbs & v->bit)
			continue;
		(void)snprintf(
		    why, OPTIONS_WHY_SIZE, "%s has no option --%s", v->name, option_table[i].name);
		return OPTIONS_WRONG;
	}
	if (n_given != v->n_words) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "%s words for %s: %s",
		    n_given < v->n_words ? "too few" : "too many", v->name, v->usage);
		return OPTIONS_WRONG;
	}
	if (v->bit == FOR_GET && strcmp(o->word[1], "conn") != 0 &&
	    strcmp(o->word[1], "var") != 0) {
		(void)snprintf(
		    why, OPTIONS_WHY_SIZE, "get knows conn and var, not \"%.40s\"", o->word[1]);
		return OPTIONS_WRONG;
	}
	if (v->bit == FOR_IMPORT && import_fault(&o->import)) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "%s", import_fault(&o->import));
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

/* An argument that is an option, and perhaps its value in the next one. 0 or -EINVAL with why. */
static int
option_read(
    int argc, char *const argv[], int *i, struct ctl_options *out, unsigned used[], char *why)
{
	const struct option_row *row;
	const char *value, *arg = argv[*i];

	row = strncmp(arg, "--", 2) == 0 ? option_find(arg + 2, &value) : NULL;
	if (!row) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "unknown option \"%.40s\"", arg);
		return -EINVAL;
	}
	if (row->value == VALUE_NEEDED && !value && *i + 1 < argc)
		value = argv[++*i];
	if (row->value != VALUE_OPTIONAL && (row->value == VALUE_NEEDED) != (value != NULL)) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "--%s %s", row->name,
		    row->value == VALUE_NEEDED ? "wants a value" : "takes no value");
		return -EINVAL;
	}
	used[row - option_table] = 1;
	return option_apply(row->id, value, out, why);
}

enum options_verdict
options_read(int argc, char *const argv[], const char *getenv_socket, struct ctl_options *out,
    char why[static OPTIONS_WHY_SIZE])
{
	struct ctl_options o = { .socket = CTL_DEFAULT_SOCKET,
		.timeout_ms = CTL_DEFAULT_TIMEOUT_MS };
	unsigned used[N_ELEMENTS(option_table)] = { 0 };
	bool ended = false;
	size_t n_given = 0;

	if (getenv_socket && getenv_socket[0] &&
	    option_apply(OPT_SOCKET, getenv_socket, &o, why) < 0) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "CONND_SOCKET is longer than %d bytes",
		    LIMIT_SOCKET_PATH);
		return OPTIONS_WRONG;
	}
	for (int i = 1; i < argc; i++) {
		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (!ended && argv[i][0] == '-' && argv[i][1]) {
			if (option_read(argc, argv, &i, &o, used, why) < 0)
				return OPTIONS_WRONG;
		} else {
			if (o.n_words < CTL_MAX_WORDS)
				o.word[o.n_words++] = argv[i];
			n_given++;
		}
	}
	if (!used[OPT_TIMEOUT] && o.n_words && strcmp(o.word[0], "wait") == 0)
		o.timeout_ms = CTL_WAIT_TIMEOUT_MS;
	if (!used[OPT_TIMEOUT] && o.n_words && strcmp(o.word[0], "import") == 0)
		o.timeout_ms = CTL_IMPORT_TIMEOUT_MS;
	*out = o;
	if (used[OPT_VERSION])
		return OPTIONS_VERSION;
	if (used[OPT_HELP] && (o.n_words == 0 || verb_find(o.word[0])))
		return OPTIONS_HELP;
	return words_check(&o, n_given, used, why);
}
