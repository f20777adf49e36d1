/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of NAME=VALUE lines as one JSON object of strings. Pure.
 *
 * Airflow's own form has keys as names and takes each value as it stands, without quotes. A file in
 * which a name begins with AIRFLOW_CONN_ or AIRFLOW_VAR_ is an environment file: only those names
 * count, "export " in front and quotes around a value are shell syntax, and keys are lower case,
 * since Airflow makes them upper case to find the name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ctl/import/entry.h"

/* What to say of each key of an environment file. */
#define DOTENV_NOTE "its name in the environment has no case: the key is lower case"

/*
 * Appends the object to out. 0, with *is_environment set; -EBADMSG with the *line and a static
 * sentence in *why; or out's error. text is NUL-terminated.
 */
MUST_CHECK int dotenv_to_json(struct span text, enum import_kind kind, struct buf *out,
    bool *is_environment, size_t *line, const char **why);
