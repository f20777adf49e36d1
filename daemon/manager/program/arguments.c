/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/utf8.h"
#include "manager/api/rate.h"
#include "manager/api/token.h"
#include "manager/http/server.h"
#include "manager/program/table.h"

/* A century: its milliseconds fit into an int64_t by far. */
#define MAX_DAYS           36500
#define DEFAULT_AUDIT_DAYS 90

#define MAX_STORE_CONNECTIONS 64
#define MAX_SECONDS           (MAX_DAYS * INT64_C(86400))

static bool PRINTF(2, 3) refuse(struct why *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	why_set_args(why, format, ap);
	va_end(ap);
	return false;
}

static bool
set_id(struct id *out, const char *text, const char *option, struct why *why)
{
	if (id_from(span_of(text), out))
		return true;
	return refuse(why, "%s takes an id: c and 24 lower-case letters or digits", option);
}

static bool
set_name(const char **out, const char *text, const char *option, struct why *why)
{
	*out = text;
	if (!text[0] || strlen(text) >= TOKEN_NAME_SIZE)
		return refuse(why, "%s takes a name of 1 to 255 bytes", option);
	if (!utf8_is_valid(span_of(text)))
		return refuse(why, "%s takes a name in UTF-8", option);
	return utf8_is_printable(span_of(text)) ||
	       refuse(why, "%s takes a name without control characters", option);
}

/* One of the table's words. */
static enum scope
scope_of(const char *text)
{
	return strcmp(text, "organization") == 0 ? SCOPE_ORGANIZATION
	       : strcmp(text, "workspace") == 0  ? SCOPE_WORKSPACE
						 : SCOPE_DEPLOYMENT;
}

/* Reads a whole number from 1 to max. */
static bool
set_number(int64_t *out, const char *text, int64_t max, const char *option, struct why *why)
{
	char *end;
	long long v = strtoll(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || v < 1 || v > max)
		return refuse(why, "%s takes a whole number from 1 to %lld, not %.60s", option,
		    (long long)max, text);
	*out = v;
	return true;
}

/* Reads a duration of whole seconds, from 1 to MAX_SECONDS. */
static bool
set_duration(int64_t *out, const char *text, const char *option, struct why *why)
{
	int64_t ms;

	if (duration_read(text, &ms) < 0 || ms % 1000 != 0 || ms < 1000 || ms / 1000 > MAX_SECONDS)
		return refuse(
		    why, "%s takes a duration such as 90d or 12h, not %.60s", option, text);
	*out = ms / 1000;
	return true;
}

static bool
set_text(const char **out, const char *text, const char *what, const char *option, struct why *why)
{
	*out = text;
	return text[0] || refuse(why, "%s takes %s", option, what);
}

static bool
set_address(const char **out, const char *text, const char *option, struct why *why)
{
	struct why reason;

	*out = text;
	return http_address_is_valid(text, &reason) || refuse(why, "%s %s", option, reason.text);
}

/* Checks a DNS name or an address, as it stands in a URL. */
static bool
set_host(const char **out, const char *text, const char *option, struct why *why)
{
	*out = text;
	if (text[0] && strlen(text) <= 253 &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") ==
		strlen(text))
		return true;
	return refuse(why, "%s takes a DNS name or an address, not %.60s", option, text);
}

/* Checks the URL of a server, without a path. */
static bool
set_url(const char **out, const char *text, const char *option, struct why *why)
{
	size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
			: strncmp(text, "http://", 7) == 0 ? 7
							   : 0;
	size_t n = strlen(text), host = strcspn(text + scheme, "/");

	*out = text;
	while (n > scheme && text[n - 1] == '/')
		n--;
	if (scheme && host && n == scheme + host && n <= 300 && utf8_is_printable(span_of(text)) &&
	    !strpbrk(text, "\"<>#?@\\ "))
		return true;
	return refuse(why, "%s takes http://HOST:PORT or https://HOST, not %.60s", option, text);
}

static bool
set_rate(unsigned *out, const char *text, const char *option, struct why *why)
{
	*out = rate_read(text);
	return *out || refuse(why, "%s takes a number from 1, or N/s", option);
}

/* Returns the next place for an option that may be repeated: of `size` in all. NULL with `why`. */
static const char **
next_of(const char **all, size_t *n, size_t size, const char *option, struct why *why)
{
	if (*n < size)
		return &all[(*n)++];
	(void)refuse(why, "%s may be given %zu times", option, size);
	return NULL;
}

/* True if the query of a URL has this parameter. */
static bool
has_parameter(const char *url, const char *word)
{
	const char *at = strpbrk(url, "?");
	size_t n = strlen(word);

	for (; at; at = strchr(at + 1, '&'))
		if (strncmp(at + 1, word, n) == 0 && at[1 + n] == '=')
			return true;
	return false;
}

/* Refuses a URL with a password: every user of the machine can see arguments. */
static bool
has_password(const char *url)
{
	const char *from = strstr(url, "://") + 3, *at;
	size_t n = strcspn(from, "/?");

	at = memrchr(from, '@', n);
	return (at && memchr(from, ':', (size_t)(at - from))) || has_parameter(url, "password") ||
	       has_parameter(url, "sslpassword");
}

static bool
set_store(const char **out, const char *v, const char *name, struct why *why)
{
	if (strncmp(v, "postgresql://", 13) != 0 && strncmp(v, "postgres://", 11) != 0)
		return refuse(why, "%s takes postgresql://USER@HOST/DATABASE", name);
	if (has_password(v))
		return refuse(why,
		    "%s: other users can see a password here: put it into a file that passfile= or "
		    "PGPASSFILE names",
		    name);
	*out = v;
	return true;
}

static bool
set_database(const char **out, const char *v, const char *name, struct why *why)
{
	if (strncmp(v, "sqlite:", 7) != 0)
		return set_store(out, v, name, why);
	if (!v[7])
		return refuse(why, "%s takes sqlite:DIR or postgresql://USER@HOST/DATABASE", name);
	*out = v;
	return true;
}

static bool
set_connections(unsigned *out, const char *v, const char *name, struct why *why)
{
	int64_t n;

	if (!set_number(&n, v, MAX_STORE_CONNECTIONS, name, why))
		return false;
	*out = (unsigned)n;
	return true;
}

static bool
add_listen(struct options *o, const char *v, const char *name, struct why *why)
{
	const char **at = next_of(o->listen, &o->n_listens, ARGUMENTS_MAX_LISTENS, name, why);

	return at && set_address(at, v, name, why);
}

static bool
add_deployment(struct options *o, const char *v, const char *name, struct why *why)
{
	const char **at =
	    next_of(o->deployments, &o->n_deployments, ARGUMENTS_MAX_DEPLOYMENTS, name, why);

	return at && set_name(at, v, name, why);
}

static bool
add_host(struct options *o, const char *v, const char *name, struct why *why)
{
	const char **at = next_of(o->hosts, &o->n_hosts, ARGUMENTS_MAX_HOSTS, name, why);

	return at && set_host(at, v, name, why);
}

static bool
add_fault(struct options *o, const char *v, const char *name, struct why *why)
{
	if (o->n_faults == ARGUMENTS_MAX_FAULTS)
		return refuse(why, "%s may be given %d times", name, ARGUMENTS_MAX_FAULTS);
	return injection_read(v, &o->faults[o->n_faults++], why) == 0;
}

/* name: with its dashes. What the table allows few words for is one of them. */
static bool
set_option(struct options *o, enum option_id id, const char *name, const char *v, struct why *why)
{
	switch (id) {
	case OPT_DATA:
		return set_text(&o->data, v, "a directory", name, why);
	case OPT_KEY_FILE:
		return set_text(&o->key_file, v, "a file", name, why);
	case OPT_NEW_KEY_FILE:
		return set_text(&o->new_key_file, v, "a file", name, why);
	case OPT_LISTEN:
		return add_listen(o, v, name, why);
	case OPT_ORGANIZATION:
		return set_name(&o->organization, v, name, why);
	case OPT_WORKSPACE:
		return set_name(&o->workspace, v, name, why);
	case OPT_DEPLOYMENT:
		return add_deployment(o, v, name, why);
	case OPT_NAME:
		return set_name(&o->name, v, name, why);
	case OPT_WORKSPACE_ID:
		return set_id(&o->workspace_id, v, name, why);
	case OPT_SCOPE:
		o->scope = scope_of(v);
		return true;
	case OPT_SCOPE_ID:
		return set_id(&o->scope_id, v, name, why);
	case OPT_ROLE:
		return role_from(span_of(v), &o->role);
	case OPT_EXPIRES_IN:
		return set_number(&o->expires_in_s, v, MAX_SECONDS, name, why);
	case OPT_AUDIT_DAYS:
		return set_number(&o->audit_days, v, MAX_DAYS, name, why);
	case OPT_ID:
		return set_id(&o->id, v, name, why);
	case OPT_SECRETS_FETCHING:
		o->secrets_fetching = strcmp(v, "on") == 0;
		return true;
	case OPT_RATE_GET:
		return set_rate(&o->rate_get, v, name, why);
	case OPT_RATE_POST:
		return set_rate(&o->rate_post, v, name, why);
	case OPT_TLS_CERT:
		return set_text(&o->tls_cert, v, "a file", name, why);
	case OPT_TLS_KEY:
		return set_text(&o->tls_key, v, "a file", name, why);
	case OPT_FAULT:
		return add_fault(o, v, name, why);
	case OPT_METRICS:
		return set_address(&o->metrics, v, name, why);
	case OPT_LOG_REQUESTS:
		o->log_requests = true;
		return true;
	case OPT_HOST:
		return add_host(o, v, name, why);
	case OPT_TOKEN_OUT:
		return set_text(&o->token_out, v, "a file", name, why);
	case OPT_URL:
		return set_url(&o->url, v, name, why);
	case OPT_STORE:
		return set_store(&o->store, v, name, why);
	case OPT_STORE_LISTEN:
		return set_store(&o->store_listen, v, name, why);
	case OPT_STORE_CONNECTIONS:
		return set_connections(&o->store_connections, v, name, why);
	case OPT_FROM:
		return set_database(&o->from, v, name, why);
	case OPT_TO:
		return set_database(&o->to, v, name, why);
	case OPT_MAX_LIFETIME:
		return set_duration(&o->max_lifetime_s, v, name, why);
	}
	return false;
}

static bool
set_given(struct options *o, const struct cli_given *g, struct why *why)
{
	char name[64];

	(void)snprintf(name, sizeof name, "--%s", g->option->name);
	return set_option(o, (enum option_id)g->option->id, name, g->value, why);
}

/* The verb's FILE; "-" is a backup's stdout. */
static bool
set_file(struct options *o, const struct cli_line *line, struct why *why)
{
	if (!line->n_operands)
		return true;
	o->file = line->operand[0];
	if (!o->file[0] || (o->verb != VERB_BACKUP && strcmp(o->file, "-") == 0))
		return refuse(why, "%s takes a FILE", line->verb->name);
	return true;
}

static bool
take(struct options *o, const struct cli_line *line, struct why *why)
{
	for (size_t i = 0; i < line->n_given; i++) {
		if (!set_given(o, &line->given[i], why))
			return false;
	}
	if (o->verb == VERB_TOKEN_CREATE && o->scope != SCOPE_ORGANIZATION &&
	    id_is_none(&o->scope_id))
		return refuse(why, "--scope-id ID is missing: \"connd-manager organization show\" "
				   "lists the ids of Workspaces and Deployments");
	if (!o->tls_cert != !o->tls_key)
		return refuse(why, "--tls-cert and --tls-key belong together");
	if (!o->store && (o->store_listen || o->store_connections))
		return refuse(why, "--store-listen and --store-connections belong to --store");
	return set_file(o, line, why);
}

enum cli_verdict
arguments_read(
    int argc, char *const argv[], struct options *out, struct cli_line *line, struct why *why)
{
	enum cli_verdict v = cli_read(&manager_program, argc, argv, line, why);

	*out = (struct options){ .verb = line->verb ? (enum verb)line->verb->id : VERB_SERVE,
		.audit_days = DEFAULT_AUDIT_DAYS,
		.max_lifetime_s = TOKEN_MAX_LIFETIME_S };
	return v == CLI_RUN && !take(out, line, why) ? CLI_WRONG : v;
}

/* Reserved at once, so that the second path does not move the first. */
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
arguments_resolve_paths(struct options *o, const char *cwd, struct buf *room, struct why *why)
{
	if (!buf_room(room, 2 * (strlen(cwd) + 2) + (o->file ? strlen(o->file) : 0) +
				(o->new_key_file ? strlen(o->new_key_file) : 0)))
		return refuse(why, "a path is too long");
	resolve_path(&o->file, cwd, room);
	resolve_path(&o->new_key_file, cwd, room);
	return true;
}
