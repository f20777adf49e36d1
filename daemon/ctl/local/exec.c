/* SPDX-License-Identifier: Apache-2.0 */
/* connctl exec: a command with the Deployment's environment variables. */
#include <string.h>

#include "ctl/local/environment.h"
#include "ctl/local/glimpse.h"
#include "ctl/local/supervise.h"
#include "ctl/verbs.h"

int
ctl_exec(const struct ctl_options *o)
{
	const char *on_change = cli_value(o->line, OPT_ON_CHANGE);
	char *const *argv = o->line->rest;
	struct ctl_options left;
	struct environment e;
	int code;

	glimpse_await(o, &left);
	code = environment_read(&left, ENV_PROCESS, &e);
	if (code == CTL_YES && (!on_change || strcmp(on_change, "ignore") == 0))
		code = command_execute(argv, &e);
	else if (code == CTL_YES)
		code = command_supervise(o, argv,
		    strcmp(on_change, "restart") == 0 ? CHANGE_RESTARTS : CHANGE_SIGNALS, &e);
	environment_fini(&e);
	return code;
}
