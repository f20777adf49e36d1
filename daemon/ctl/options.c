/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

enum {
	FOR_GET = 1 << 0,
	FOR_LIST = 1 << 1,
	FOR_STATUS = 1 << 2,
	FOR_WAIT = 1 << 3,
	FOR_ALL = FOR_GET | FOR_LIST | FOR_STATUS | FOR_WAIT,
};

enum option_id { OPT_SOCKET, OPT_TIMEOUT, OPT_JSON, OPT_REVEAL, OPT_TEAM, OPT_HELP, OPT_VERSION };

struct option_row {
	const char *name; /* without its dashes */
	enum option_id id;
	bool takes_value;
	unsigned verbs;
};

static const struct option_row option_table[] = {
	{ "socket", OPT_SOCKET, true, FOR_ALL },
	{ "timeout", OPT_TIMEOUT, true, FOR_ALL },
	{ "json", OPT_JSON, false, FOR_ALL },
	{ "reveal", OPT_REVEAL, false, FOR_GET },
	{ "team", OPT_TEAM, true, FOR_GET },
	{ "help", OPT_HELP, false, FOR_ALL },
	{ "version", OPT_VERSION, false, FOR_ALL },
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
	}
	return -EINVAL;
}

/* Do the words make a verb with what it needs? */
static enum options_verdict
words_check(const struct ctl_options *o, size_t n_given, unsigned used[], char *why)
{
	const struct verb_row *v;

	if (o->n_words == 0) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "no verb: get, list, status or wait");
		return OPTIONS_WRONG;
	}
	v = verb_find(o->word[0]);
	if (!v) {
		(void)snprintf(why, OPTIONS_WHY_SIZE,
		    "unknown verb \"%.40s\": get, list, status or wait", o->word[0]);
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
	if (row->takes_value && !value && *i + 1 < argc)
		value = argv[++*i];
	if (row->takes_value != (value != NULL)) {
		(void)snprintf(why, OPTIONS_WHY_SIZE, "--%s %s", row->name,
		    row->takes_value ? "wants a value" : "takes no value");
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
	*out = o;
	if (used[OPT_VERSION])
		return OPTIONS_VERSION;
	if (used[OPT_HELP] && (o.n_words == 0 || verb_find(o.word[0])))
		return OPTIONS_HELP;
	return words_check(&o, n_given, used, why);
}
