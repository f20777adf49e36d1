/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of connctl's verbs and options in its command-line table (verbs.c). */
#pragma once

#include "base/cli/cli.h"

enum ctl_verb_id {
	VERB_GET,
	VERB_IMPORT,
	VERB_LIST,
	VERB_REFRESH,
	VERB_STATUS,
	VERB_WAIT,
	N_VERBS
};

enum ctl_option_id {
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
};

extern const struct cli_program ctl_program;
