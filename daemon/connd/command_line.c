/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/command_line.h"

#include "connd/settings.h"

static const struct cli_option options[] = {
	{ "config", OPTION_CONFIG, 0, "FILE", SETTINGS_DEFAULT_PATH,
	    "The configuration: connd.conf(5). The default file may be absent when variables "
	    "CONND__SECTION__KEY are set: a container is configured by its environment alone." },
	{ "check", OPTION_CHECK, 0, NULL, NULL,
	    "Judges what a start would judge, reports each fault, and exits. It reads the "
	    "configuration "
	    "and the files it names, looks at the socket's directory, path and group, the metrics "
	    "address, the snapshot's directory and the limit of locked memory, and loads libcurl. "
	    "It "
	    "sees what the user sees who runs it, and names that user; run it as the service does: "
	    "runuser -u connd -- connd --check. A token that the unit loads as a credential is not "
	    "seen that way; a warning says how to pass it. What the connd that answers on the "
	    "configured socket holds counts as good. Nothing is changed." },
	{ "online", OPTION_ONLINE, 0, NULL, NULL,
	    "With --check: asks the manager, too, with one real list request, and says what it "
	    "answered "
	    "and what to do about it: a wrong id, a refused token, an organization that does not "
	    "allow "
	    "fetching secrets." },
	{ 0 },
};
static const struct cli_group group = { NULL, options };
static const struct cli_group *const groups[] = { &group, NULL };

static const struct cli_verb verbs[] = {
	{ "", 0, "", "run", "", groups },
};

const struct cli_program connd_program = {
	.name = "connd",
	.version = CONND_VERSION,
	.summary =
	    "Keeps a complete copy of one Airflow Deployment's resolved connections and variables, "
	    "and serves it on a Unix socket.",
	.ending = "",
	.verb = verbs,
	.n_verbs = N_ELEMENTS(verbs),
};
