/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one YAML document with libyaml and writes it as JSON text, so that it goes on like a JSON
 * file. Plain scalars mean what they mean to Airflow (yaml_scalar.h). Aliases and merge keys (<<)
 * are written out, up to out's cap and YAML_MAX_ANCHORS; tags other than those of plain data are
 * refused. Nests LIMIT_JSON_DEPTH deep at most, aliases not counted.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#define YAML_MAX_ANCHORS 1000

/*
 * Appends the JSON to out. 0; -EBADMSG with the *line and a static sentence in *why; or out's
 * error.
 */
MUST_CHECK int yaml_to_json(struct span text, struct buf *out, size_t *line, const char **why);
