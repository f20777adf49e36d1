/* SPDX-License-Identifier: Apache-2.0 */
/* connctl, the person's tool: reads the command line and runs the verb. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/socket_path.h"
#include "ctl/verb_table.h"
#include "ctl/verbs.h"

#define HELP_SIZE 65536

static int (*const verb_run[N_VERBS])(const struct ctl_options *o) = {
	[VERB_ENV] = ctl_env,
	[VERB_EXEC] = ctl_exec,
	[VERB_EXPLAIN] = ctl_explain,
	[VERB_GET] = ctl_get,
	[VERB_EXPORT] = ctl_export,
	[VERB_IMPORT] = ctl_import,
	[VERB_LIST] = ctl_list,
	[VERB_REFRESH] = ctl_refresh,
	[VERB_STATUS] = ctl_status,
	[VERB_TOKEN_RENEW] = ctl_token_renew,
	[VERB_TOP] = ctl_top,
	[VERB_TRACE] = ctl_trace,
	[VERB_WAIT] = ctl_wait,
	[VERB_WATCH] = ctl_watch,
	[VERB_SCAN] = ctl_scan,
	[VERB_REDACT] = ctl_redact,
	[VERB_LOGIN] = ctl_context,
	[VERB_INIT] = ctl_init,
	[VERB_CONTEXT_LIST] = ctl_context,
	[VERB_CONTEXT_USE] = ctl_context,
	[VERB_CONTEXT_DELETE] = ctl_context,
	[VERB_PLACE_LIST] = ctl_place,
	[VERB_PLACE_CREATE] = ctl_place,
	[VERB_PLACE_RENAME] = ctl_place,
	[VERB_PLACE_DELETE] = ctl_place,
	[VERB_DOCTOR] = ctl_doctor,
	[VERB_ORGANIZATION_SHOW] = ctl_organization,
	[VERB_ORGANIZATION_SET] = ctl_organization,
	[VERB_DIFF] = ctl_diff,
	[VERB_AUDIT] = ctl_audit,
	[VERB_SIDECARS] = ctl_sidecars,
	[VERB_RENDER] = ctl_render,
	[VERB_TOKEN_LIST] = ctl_token,
	[VERB_TOKEN_CREATE] = ctl_token,
	[VERB_TOKEN_REVOKE] = ctl_token,
	[VERB_OBJECT_LIST... VERB_OBJECT_RESTORE] = ctl_object,
};

static int
help(const struct cli_line *line)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(HELP_SIZE);

	cli_write_help(&ctl_program, line, &text);
	return output_flush(&text);
}

static int
wrong_usage(const struct cli_line *line, const char *why)
{
	char next[128];

	(void)snprintf(next, sizeof next, "\"connctl%s%s --help\" lists what %s.",
	    line->verb ? " " : "", line->verb ? line->verb->name : "",
	    line->verb ? "it takes" : "there is");
	return ctl_fail(CTL_USAGE, next, "%s", why);
}

/* Before the command line is read: an error in it is one object, too. */
static bool
wants_json(char *const argv[])
{
	for (size_t i = 0; argv[i] && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

int
main(int argc, char *argv[])
{
	static struct cli_line line;
	const char *socket = getenv("CONND_SOCKET");
	struct why why;
	struct ctl_options o;

	base_protect();
	ctl_errors_as_json(wants_json(argv));
	if (base_init() < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "libsodium does not start");
	if (!socket || !*socket)
		socket = socket_path_default();
	switch (options_read(argc, argv, socket, &line, &o, &why)) {
	case CLI_HELP:
		return help(&line);
	case CLI_VERSION:
		return output_text("connctl " CONND_VERSION "\n");
	case CLI_WRONG:
		return wrong_usage(&line, why.text);
	case CLI_RUN:
		return verb_run[line.verb->id](&o);
	}
	return CTL_USAGE;
}
