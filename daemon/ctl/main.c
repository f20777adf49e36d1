/* SPDX-License-Identifier: Apache-2.0 */
/* connctl: what a person asks connd, and brings to a manager. Reads the command line and hands over to the verb's file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/output.h"

static const struct {
	const char *name;
	int (*run)(const struct ctl_options *o);
} verbs[] = {
	{ "get", ctl_get },
	{ "import", ctl_import },
	{ "list", ctl_list },
	{ "status", ctl_status },
	{ "wait", ctl_wait },
};

static int
run(const struct ctl_options *o)
{
	for (size_t i = 0; i < N_ELEMENTS(verbs); i++)
		if (strcmp(verbs[i].name, o->word[0]) == 0)
			return verbs[i].run(o);
	return ctl_fail(CTL_USAGE, NULL, "unknown verb \"%s\"", o->word[0]);
}

/* The verb that was meant, if one is known, has a text of its own. */
static int
wrong_usage(int argc, char *argv[], const char *why)
{
	char next[64] = "\"connctl --help\" tells what there is.";

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' || !options_help(argv[i]))
			continue;
		(void)snprintf(
		    next, sizeof next, "\"connctl %s --help\" tells what it takes.", argv[i]);
		break;
	}
	return ctl_fail(CTL_USAGE, next, "%s", why);
}

int
main(int argc, char *argv[])
{
	char why[OPTIONS_WHY_SIZE];
	struct ctl_options o;

	base_protect();
	if (base_init() < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "libsodium does not start");
	switch (options_read(argc, argv, getenv("CONND_SOCKET"), &o, why)) {
	case OPTIONS_HELP:
		return output_text(options_help(o.n_words ? o.word[0] : NULL));
	case OPTIONS_VERSION:
		return output_text("connctl " CONND_VERSION "\n");
	case OPTIONS_WRONG:
		return wrong_usage(argc, argv, why);
	case OPTIONS_RUN:
		return run(&o);
	}
	return CTL_USAGE;
}
