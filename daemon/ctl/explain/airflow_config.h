/* SPDX-License-Identifier: Apache-2.0 */
/* One option of an airflow.cfg, as Airflow reads it: the environment first, then the file. Pure. */
#pragma once

#include "base/buf.h"

/* Appends the option's text; nothing when it is not set. text: the file's. */
void airflow_config_get(
    const struct buf *text, const char *section, const char *option, struct buf *out);
