/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/limits.h"
#include "ctl/verb_table.h"
#include "ctl/verbs.h"

#define MAX_TIMEOUT_MS ((int64_t)24 * 60 * 60 * 1000)

int
options_duration(const char *text, int64_t *ms)
{
	int64_t read_ms;

	if (duration_read(text, &read_ms) < 0 || read_ms < 1 || read_ms > MAX_TIMEOUT_MS)
		return -EINVAL;
	*ms = read_ms;
	return 0;
}

/* An id goes into a URL's path: letters, digits, - and _ only. 0 or -EINVAL with why. */
static int
id_apply(const char **out, const char *name, const char *value, struct why *why)
{
	size_t n = 0;

	while ((value[n] >= '0' && value[n] <= '9') || (value[n] >= 'a' && value[n] <= 'z') ||
	       (value[n] >= 'A' && value[n] <= 'Z') || value[n] == '-' || value[n] == '_')
		n++;
	*out = value;
	if (n > 0 && n <= 64 && !value[n])
		return 0;
	why_set(why, "--%s takes an id, not \"%.40s\"", name, value);
	return -EINVAL;
}

static int
deployment_apply(const char *value, struct ctl_import_options *out, struct why *why)
{
	if (out->n_deployments < CTL_MAX_DEPLOYMENTS) {
		out->deployment[out->n_deployments++] = value;
		return 0;
	}
	why_set(why, "--deployment may be given %d times at most", CTL_MAX_DEPLOYMENTS);
	return -EINVAL;
}

static int
socket_apply(const char *value, struct ctl_options *out, const char *name, struct why *why)
{
	out->socket = value;
	if (value[0] && strlen(value) <= LIMIT_SOCKET_PATH)
		return 0;
	why_set(why, "%s takes a path of 1 to %d bytes", name, LIMIT_SOCKET_PATH);
	return -EINVAL;
}

static int
timeout_apply(const char *value, struct ctl_options *out, struct why *why)
{
	if (options_duration(value, &out->timeout_ms) == 0)
		return 0;
	why_set(why, "--timeout takes a time like 500ms, 3s or 2m, at most a day, not \"%.40s\"",
	    value);
	return -EINVAL;
}

/* Options that are just on, or a text. */
static void
plain_apply(int id, const char *value, struct ctl_options *out)
{
	switch (id) {
	case OPT_TEAM:
		out->team = value;
		break;
	case OPT_JSON:
		out->json = true;
		break;
	case OPT_REVEAL:
		out->reveal = true;
		break;
	case OPT_WORKSPACE:
		out->import.workspace = value;
		break;
	case OPT_TOKEN_FILE:
		out->import.token_file = value;
		break;
	case OPT_CONNECTIONS:
		out->import.connections = value;
		break;
	case OPT_VARIABLES:
		out->import.variables = value;
		break;
	case OPT_FROM_AIRFLOW:
		out->import.from_airflow = value && value[0] ? value : "airflow";
		break;
	case OPT_DRY_RUN:
		out->import.dry_run = true;
		break;
	case OPT_UPDATE:
		out->import.update = true;
		break;
	default:
		break;
	}
}

/* 0, or -EINVAL with a sentence in why. */
static int
option_apply(const struct cli_given *g, struct ctl_options *out, struct why *why)
{
	switch (g->option->id) {
	case OPT_SOCKET:
		return socket_apply(g->value, out, "--socket", why);
	case OPT_TIMEOUT:
		return timeout_apply(g->value, out, why);
	case OPT_ORGANIZATION:
		return id_apply(&out->import.organization, "organization", g->value, why);
	case OPT_DEPLOYMENT:
		return deployment_apply(g->value, &out->import, why);
	default:
		plain_apply(g->option->id, g->value, out);
		return 0;
	}
}

/* Does import have all that it needs, and nothing that excludes another? NULL or what to say. */
static const char *
import_fault(const struct ctl_import_options *i)
{
	if (!i->workspace && i->n_deployments == 0)
		return "import needs --workspace NAME or --deployment NAME";
	if (!i->workspace && i->n_deployments > 1)
		return "several --deployment need --workspace, whose objects are linked to them";
	if (!i->connections && !i->variables && !i->from_airflow)
		return "import needs --connections FILE, --variables FILE or --from-airflow";
	if ((i->connections || i->variables) && i->from_airflow)
		return "files or --from-airflow, not both";
	return NULL;
}

static int64_t
default_timeout_ms(int verb)
{
	switch (verb) {
	case VERB_WAIT:
	case VERB_EXEC:
		return CTL_WAIT_TIMEOUT_MS;
	case VERB_DOCTOR:
		return CTL_DOCTOR_TIMEOUT_MS;
	case VERB_IMPORT:
		return CTL_IMPORT_TIMEOUT_MS;
	default: /* those that administer a manager come last */
		return verb >= VERB_LOGIN ? CTL_IMPORT_TIMEOUT_MS : CTL_DEFAULT_TIMEOUT_MS;
	}
}

/* The defaults of the verb; without CONND_SOCKET, the socket is the usual one. */
static int
defaults_apply(int verb, const char *getenv_socket, struct ctl_options *out, struct why *why)
{
	*out = (struct ctl_options){ .socket = CTL_DEFAULT_SOCKET,
		.timeout_ms = default_timeout_ms(verb) };
	if (!getenv_socket || !getenv_socket[0])
		return 0;
	return socket_apply(getenv_socket, out, "CONND_SOCKET", why);
}

static void
words_apply(const struct cli_line *line, struct ctl_options *out)
{
	out->word[out->n_words++] = line->verb->name;
	for (size_t i = 0; i < line->n_operands && out->n_words < CTL_MAX_WORDS; i++)
		out->word[out->n_words++] = line->operand[i];
}

enum cli_verdict
options_read(int argc, char *const argv[], const char *getenv_socket, struct cli_line *line,
    struct ctl_options *out, struct why *why)
{
	enum cli_verdict verdict = cli_read(&ctl_program, argc, argv, line, why);
	const char *fault = NULL;

	if (verdict != CLI_RUN)
		return verdict;
	if (defaults_apply(line->verb->id, getenv_socket, out, why) < 0)
		return CLI_WRONG;
	for (size_t i = 0; i < line->n_given; i++)
		if (option_apply(&line->given[i], out, why) < 0)
			return CLI_WRONG;
	words_apply(line, out);
	out->line = line;
	if (line->verb->id == VERB_IMPORT)
		fault = import_fault(&out->import);
	if (fault)
		why_set(why, "%s", fault);
	return fault ? CLI_WRONG : CLI_RUN;
}
