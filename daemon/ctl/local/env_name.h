/* SPDX-License-Identifier: Apache-2.0 */
/* Names of environment variables: of which record, and which ones connctl sets. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "proto/secrets.h"

/*
 * Appends the name: the key itself, or AIRFLOW_CONN_KEY or AIRFLOW_VAR_KEY with the key in upper
 * case (ASCII letters only), as Airflow looks it up.
 */
void env_name_write(struct buf *out, enum secrets_kind kind, const char *key);

/*
 * True if the variable decides which code a program runs, where it finds its files, or which connd
 * it asks: LD_PRELOAD, PATH, PYTHONPATH, HOME and the like.
 */
bool env_name_is_dangerous(const char *name);

/* Who will read the name. */
enum env_reader {
	ENV_PROCESS, /* a process: printable ASCII, no "=" */
	ENV_DOTENV,  /* [A-Za-z_][A-Za-z0-9_.-]* */
	ENV_SHELL,   /* [A-Za-z_][A-Za-z0-9_]* */
};
bool env_name_fits(const char *name, enum env_reader reader);
