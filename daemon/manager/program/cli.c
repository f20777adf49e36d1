/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "manager/api/rate.h"
#include "manager/api/token.h"
#include "manager/http/server.h"

enum option_id {
	OPT_DATA,
	OPT_KEY_FILE,
	OPT_NEW_KEY_FILE,
	OPT_LISTEN,
	OPT_AUDIT_DAYS,
	OPT_ORGANIZATION,
	OPT_WORKSPACE,
	OPT_DEPLOYMENT,
	OPT_NAME,
	OPT_WORKSPACE_ID,
	OPT_SCOPE,
	OPT_SCOPE_ID,
	OPT_ROLE,
	OPT_EXPIRES_IN,
	OPT_ID,
	OPT_SECRETS_FETCHING,
	OPT_RATE_GET,
	OPT_RATE_POST,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_FAULT,
	OPT_METRICS,
	OPT_LOG_REQUESTS,
	OPT_HOST,
	OPT_TOKEN_OUT,
	OPT_MAX_LIFETIME,
	OPT_N,
};

static const char *const option_names[OPT_N] = {
	[OPT_DATA] = "--data",
	[OPT_KEY_FILE] = "--key-file",
	[OPT_NEW_KEY_FILE] = "--new-key-file",
	[OPT_LISTEN] = "--listen",
	[OPT_AUDIT_DAYS] = "--audit-days",
	[OPT_ORGANIZATION] = "--organization",
	[OPT_WORKSPACE] = "--workspace",
	[OPT_DEPLOYMENT] = "--deployment",
	[OPT_NAME] = "--name",
	[OPT_WORKSPACE_ID] = "--workspace-id",
	[OPT_SCOPE] = "--scope",
	[OPT_SCOPE_ID] = "--scope-id",
	[OPT_ROLE] = "--role",
	[OPT_EXPIRES_IN] = "--expires-in",
	[OPT_ID] = "--id",
	[OPT_SECRETS_FETCHING] = "--secrets-fetching",
	[OPT_RATE_GET] = "--rate-get",
	[OPT_RATE_POST] = "--rate-post",
	[OPT_TLS_CERT] = "--tls-cert",
	[OPT_TLS_KEY] = "--tls-key",
	[OPT_FAULT] = "--fault",
	[OPT_METRICS] = "--metrics",
	[OPT_LOG_REQUESTS] = "--log-requests",
	[OPT_HOST] = "--host",
	[OPT_TOKEN_OUT] = "--token-out",
	[OPT_MAX_LIFETIME] = "--max-lifetime",
};

/* A century: more than enough, and its milliseconds are far from their end. */
#define MAX_DAYS           36500
#define DEFAULT_AUDIT_DAYS 90
#define MAX_SECONDS        (MAX_DAYS * INT64_C(86400))

#define BIT(o) (1U << (o))
#define ALWAYS (BIT(OPT_DATA) | BIT(OPT_KEY_FILE))

/* Each verb's words, the options it must have, and those it may. */
static const struct verb_row {
	const char *word, *second;
	unsigned must, may;
	bool file; /* and behind its words a FILE */
} verbs[] = {
	[VERB_SERVE] = { "", NULL, BIT(OPT_DATA),
	    BIT(OPT_LISTEN) | BIT(OPT_AUDIT_DAYS) | BIT(OPT_RATE_GET) | BIT(OPT_RATE_POST) |
		BIT(OPT_TLS_CERT) | BIT(OPT_TLS_KEY) | BIT(OPT_FAULT) | BIT(OPT_METRICS) |
		BIT(OPT_LOG_REQUESTS) | BIT(OPT_MAX_LIFETIME),
	    false },
	[VERB_INIT] = { "init", NULL,
	    BIT(OPT_DATA) | BIT(OPT_ORGANIZATION) | BIT(OPT_WORKSPACE) | BIT(OPT_DEPLOYMENT),
	    BIT(OPT_TOKEN_OUT), false },
	[VERB_DEPLOYMENT_CREATE] = { "deployment", "create",
	    BIT(OPT_DATA) | BIT(OPT_WORKSPACE_ID) | BIT(OPT_NAME), 0, false },
	[VERB_DEPLOYMENT_LIST] = { "deployment", "list", BIT(OPT_DATA), 0, false },
	[VERB_TOKEN_CREATE] = { "token", "create",
	    BIT(OPT_DATA) | BIT(OPT_NAME) | BIT(OPT_SCOPE) | BIT(OPT_SCOPE_ID) | BIT(OPT_ROLE),
	    BIT(OPT_EXPIRES_IN) | BIT(OPT_TOKEN_OUT), false },
	[VERB_TOKEN_LIST] = { "token", "list", BIT(OPT_DATA), BIT(OPT_MAX_LIFETIME), false },
	[VERB_TOKEN_REVOKE] = { "token", "revoke", BIT(OPT_DATA) | BIT(OPT_ID), 0, false },
	[VERB_ORGANIZATION_SET] = { "organization", "set",
	    BIT(OPT_DATA) | BIT(OPT_SECRETS_FETCHING), 0, false },
	[VERB_ORGANIZATION_SHOW] = { "organization", "show", BIT(OPT_DATA), 0, false },
	[VERB_ROTATE_KEY] = { "rotate-key", NULL, BIT(OPT_DATA), BIT(OPT_NEW_KEY_FILE), false },
	[VERB_BACKUP] = { "backup", NULL, BIT(OPT_DATA), 0, true },
	[VERB_RESTORE] = { "restore", NULL, BIT(OPT_DATA), 0, true },
	[VERB_TLS_INIT] = { "tls", "init", BIT(OPT_DATA), BIT(OPT_HOST) | BIT(OPT_EXPIRES_IN),
	    false },
};

static bool PRINTF(2, 3) refuse(char *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, CLI_WHY_SIZE, format, ap);
	va_end(ap);
	return false;
}

static bool
set_id(struct id *out, const char *text, const char *option, char *why)
{
	if (id_from(span_of(text), out))
		return true;
	return refuse(why, "%s takes an id: c and 24 lower-case letters or digits", option);
}

static bool
set_name(const char **out, const char *text, const char *option, char *why)
{
	*out = text;
	if (!text[0] || strlen(text) >= TOKEN_NAME_SIZE)
		return refuse(why, "%s takes a name of 1 to 255 bytes", option);
	if (!utf8_is_valid(span_of(text)))
		return refuse(why, "%s takes a name in UTF-8", option);
	return utf8_is_printable(span_of(text)) ||
	       refuse(why, "%s takes a name without control characters", option);
}

static bool
set_scope(struct options *o, const char *text, char *why)
{
	if (strcmp(text, "organization") == 0)
		o->scope = SCOPE_ORGANIZATION;
	else if (strcmp(text, "workspace") == 0)
		o->scope = SCOPE_WORKSPACE;
	else if (strcmp(text, "deployment") == 0)
		o->scope = SCOPE_DEPLOYMENT;
	else
		return refuse(
		    why, "--scope is organization, workspace or deployment, not %.60s", text);
	return true;
}

/* A whole number from 1 to max, in what the option counts. */
static bool
set_number(int64_t *out, const char *text, int64_t max, const char *option, char *why)
{
	char *end;
	long long v = strtoll(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || v < 1 || v > max)
		return refuse(why, "%s takes a whole number from 1 to %lld, not %.60s", option,
		    (long long)max, text);
	*out = v;
	return true;
}

/* In seconds: a whole number with s, m, h or d behind it, or alone. */
static bool
set_duration(int64_t *out, const char *text, const char *option, char *why)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = { 1, 60, 3600, 86400 };
	char *end;
	long long v = strtoll(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : units;
	int64_t each = unit ? seconds[unit - units] : 1;

	if (text[0] < '0' || text[0] > '9' || !unit || (*end && end[1]) || v < 1 ||
	    v > MAX_SECONDS / each)
		return refuse(
		    why, "%s takes a duration such as 90d or 12h, not %.60s", option, text);
	*out = v * each;
	return true;
}

static bool
set_text(const char **out, const char *text, const char *what, const char *option, char *why)
{
	*out = text;
	return text[0] || refuse(why, "%s takes %s", option, what);
}

static bool
set_address(const char **out, const char *text, const char *option, char *why)
{
	char reason[HTTP_WHY_SIZE];

	*out = text;
	return http_address_is_valid(text, reason) || refuse(why, "%s %s", option, reason);
}

/* A DNS name or an address, as it stands in a URL. */
static bool
set_host(const char **out, const char *text, const char *option, char *why)
{
	*out = text;
	if (text[0] && strlen(text) <= 253 &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") ==
		strlen(text))
		return true;
	return refuse(why, "%s takes a DNS name or an address, not %.60s", option, text);
}

static bool
set_rate(unsigned *out, const char *text, const char *option, char *why)
{
	*out = rate_read(text);
	return *out || refuse(why, "%s takes a number from 1, or N/s", option);
}

static bool
set_option(struct options *o, enum option_id id, const char *v, char *why)
{
	const char *name = option_names[id];

	_Static_assert(INJECTION_WHY_SIZE <= CLI_WHY_SIZE, "one buffer for both");
	switch (id) {
	case OPT_DATA:
		return set_text(&o->data, v, "a directory", name, why);
	case OPT_KEY_FILE:
		return set_text(&o->key_file, v, "a file", name, why);
	case OPT_NEW_KEY_FILE:
		return set_text(&o->new_key_file, v, "a file", name, why);
	case OPT_LISTEN:
		if (o->n_listens == CLI_MAX_LISTENS)
			return refuse(why, "%s may be given %d times", name, CLI_MAX_LISTENS);
		return set_address(&o->listen[o->n_listens++], v, name, why);
	case OPT_ORGANIZATION:
		return set_name(&o->organization, v, name, why);
	case OPT_WORKSPACE:
		return set_name(&o->workspace, v, name, why);
	case OPT_DEPLOYMENT:
		if (o->n_deployments == CLI_MAX_DEPLOYMENTS)
			return refuse(
			    why, "%s may be given 100 times; make the others afterwards", name);
		return set_name(&o->deployments[o->n_deployments++], v, name, why);
	case OPT_NAME:
		return set_name(&o->name, v, name, why);
	case OPT_WORKSPACE_ID:
		return set_id(&o->workspace_id, v, name, why);
	case OPT_SCOPE:
		return set_scope(o, v, why);
	case OPT_SCOPE_ID:
		return set_id(&o->scope_id, v, name, why);
	case OPT_ROLE:
		return role_from(span_of(v), &o->role) ||
		       refuse(why, "--role is OWNER, OPERATOR, AUTHOR or MEMBER, not %.60s", v);
	case OPT_EXPIRES_IN:
		return set_number(&o->expires_in_s, v, MAX_SECONDS, name, why);
	case OPT_AUDIT_DAYS:
		return set_number(&o->audit_days, v, MAX_DAYS, name, why);
	case OPT_ID:
		return set_id(&o->id, v, name, why);
	case OPT_SECRETS_FETCHING:
		o->secrets_fetching = strcmp(v, "on") == 0;
		return o->secrets_fetching || strcmp(v, "off") == 0 ||
		       refuse(why, "%s is on or off", name);
	case OPT_RATE_GET:
		return set_rate(&o->rate_get, v, name, why);
	case OPT_RATE_POST:
		return set_rate(&o->rate_post, v, name, why);
	case OPT_TLS_CERT:
		return set_text(&o->tls_cert, v, "a file", name, why);
	case OPT_TLS_KEY:
		return set_text(&o->tls_key, v, "a file", name, why);
	case OPT_FAULT:
		if (o->n_faults == CLI_MAX_FAULTS)
			return refuse(why, "%s may be given %d times", name, CLI_MAX_FAULTS);
		return injection_read(v, &o->faults[o->n_faults++], why) == 0;
	case OPT_METRICS:
		return set_address(&o->metrics, v, name, why);
	case OPT_LOG_REQUESTS:
		o->log_requests = true;
		return true;
	case OPT_HOST:
		if (o->n_hosts == CLI_MAX_HOSTS)
			return refuse(why, "%s may be given %d times", name, CLI_MAX_HOSTS);
		return set_host(&o->hosts[o->n_hosts++], v, name, why);
	case OPT_TOKEN_OUT:
		return set_text(&o->token_out, v, "a file", name, why);
	case OPT_MAX_LIFETIME:
		return set_duration(&o->max_lifetime_s, v, name, why);
	case OPT_N:
		break;
	}
	return false;
}

static bool
takes_value(enum option_id id)
{
	return id != OPT_LOG_REQUESTS;
}

static bool
may_repeat(enum option_id id)
{
	return id == OPT_DEPLOYMENT || id == OPT_FAULT || id == OPT_LISTEN || id == OPT_HOST;
}

/* How many words the verb takes; 0: there is no such verb. */
static size_t
find_verb(size_t n, char *const *argv, struct options *o)
{
	for (size_t i = 1; i < N_ELEMENTS(verbs); i++) {
		if (strcmp(argv[0], verbs[i].word) != 0)
			continue;
		if (verbs[i].second && (n < 2 || strcmp(argv[1], verbs[i].second) != 0))
			continue;
		o->verb = (enum verb)i;
		return verbs[i].second ? 2 : 1;
	}
	return 0;
}

/*
 * What is wrong with words that are not a verb: the first one is unknown, or lacks its second one.
 */
static void
explain_verb(size_t n, char *const *argv, char *why)
{
	struct buf seconds = BUF_INIT(CLI_WHY_SIZE);

	for (size_t i = 1; i < N_ELEMENTS(verbs); i++) {
		if (strcmp(argv[0], verbs[i].word) == 0)
			buf_addf(&seconds, "%s%s", seconds.len ? ", " : "", verbs[i].second);
	}
	if (!seconds.len)
		(void)refuse(why, "unknown command %.100s", argv[0]);
	else if (n < 2 || argv[1][0] == '-')
		(void)refuse(why, "%s needs a verb: %s", argv[0], buf_str(&seconds));
	else
		(void)refuse(
		    why, "%s has no verb %.60s, only: %s", argv[0], argv[1], buf_str(&seconds));
	buf_fini(&seconds);
}

/* The option that an argument names, with or without "=VALUE"; OPT_N: none. */
static enum option_id
find_option(const char *arg, const char **value)
{
	for (int i = 0; i < OPT_N; i++) {
		size_t n = strlen(option_names[i]);

		if (strncmp(arg, option_names[i], n) != 0)
			continue;
		if (arg[n] == '\0' || arg[n] == '=') {
			*value = arg[n] ? arg + n + 1 : NULL;
			return (enum option_id)i;
		}
	}
	return OPT_N;
}

static bool
check_given(const struct options *o, unsigned given, char *why)
{
	for (int i = 0; i < OPT_N; i++) {
		if ((verbs[o->verb].must & BIT(i)) && !(given & BIT(i)))
			return refuse(why, "%s is missing", option_names[i]);
	}
	return true;
}

static bool
parse_options(size_t n, char *const *argv, struct options *o, char *why)
{
	unsigned given = 0, known = verbs[o->verb].must | verbs[o->verb].may | ALWAYS;

	for (size_t i = 0; i < n; i++) {
		const char *value = NULL;
		enum option_id id = find_option(argv[i], &value);

		if (id == OPT_N)
			return refuse(why, "%s %.100s",
			    argv[i][0] == '-' ? "unknown option" : "unexpected word", argv[i]);
		if (!(known & BIT(id)))
			return refuse(why, "%s is not an option of this command", option_names[id]);
		if ((given & BIT(id)) && !may_repeat(id))
			return refuse(why, "%s is given twice", option_names[id]);
		if (value && !takes_value(id))
			return refuse(why, "%s takes no value", option_names[id]);
		if (!value && takes_value(id) && ++i == n)
			return refuse(why, "%s takes a value", option_names[id]);
		given |= BIT(id);
		if (!set_option(o, id, value ? value : argv[i], why))
			return false;
	}
	return check_given(o, given, why);
}

/* Whether the word can be the verb's FILE. */
static bool
is_file(enum verb verb, const char *word)
{
	return (word[0] && word[0] != '-') || (verb == VERB_BACKUP && strcmp(word, "-") == 0);
}

enum cli_verdict
cli_parse(size_t n, char *const *argv, struct options *out, char why[static CLI_WHY_SIZE])
{
	size_t words = 0;

	*out = (struct options){ .verb = VERB_SERVE,
		.audit_days = DEFAULT_AUDIT_DAYS,
		.max_lifetime_s = TOKEN_MAX_LIFETIME_S };
	for (size_t i = 0; i < n; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return CLI_HELP;
		if (strcmp(argv[i], "--version") == 0)
			return CLI_VERSION;
	}
	if (n && argv[0][0] != '-') {
		words = find_verb(n, argv, out);
		if (!words) {
			explain_verb(n, argv, why);
			return CLI_USAGE;
		}
		if (verbs[out->verb].file) {
			if (n == words || !is_file(out->verb, argv[words])) {
				(void)refuse(why, "%s takes a FILE first", argv[0]);
				return CLI_USAGE;
			}
			out->file = argv[words++];
		}
	}
	if (!parse_options(n - words, argv + words, out, why))
		return CLI_USAGE;
	if (!out->tls_cert != !out->tls_key) {
		(void)refuse(why, "--tls-cert and --tls-key belong together");
		return CLI_USAGE;
	}
	return CLI_RUN;
}

/* room is not moved by the second: it is made at once. */
static void
resolve_path(const char **path, const char *cwd, struct buf *room)
{
	size_t at = room->len;

	if (!*path || **path == '/' || strcmp(*path, "-") == 0)
		return;
	buf_addf(room, "%s/%s", cwd, *path);
	buf_addc(room, '\0');
	*path = buf_error(room) ? NULL : room->data + at;
}

bool
cli_resolve_paths(
    struct options *o, const char *cwd, struct buf *room, char why[static CLI_WHY_SIZE])
{
	if (!buf_room(room, 2 * (strlen(cwd) + 2) + (o->file ? strlen(o->file) : 0) +
				(o->new_key_file ? strlen(o->new_key_file) : 0)))
		return refuse(why, "a path is too long");
	resolve_path(&o->file, cwd, room);
	resolve_path(&o->new_key_file, cwd, room);
	return true;
}
