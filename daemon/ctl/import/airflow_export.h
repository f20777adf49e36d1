/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs Airflow's own export without a shell. The file, which holds secrets in the clear, lies in a
 * directory of mode 0700 for the moment between Airflow writing and us reading it, and is removed
 * whatever happens, signals included.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/why.h"
#include "ctl/import/entry.h"

/*
 * Appends what "COMMAND connections export FILE" (or variables) writes to out, whose max is the
 * cap. What the command prints goes to standard error. 0, or -errno with a sentence in why.
 */
MUST_CHECK int export_run(
    const char *command, enum import_kind kind, struct buf *out, struct why *why);
