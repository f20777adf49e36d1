/* SPDX-License-Identifier: Apache-2.0 */
/* One variable in the forms of `connctl env`. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"

/* Appends "export NAME='value'" and a newline: POSIX quoting, safe for eval. */
void env_format_shell(struct buf *out, const char *name, const char *value);
/*
 * Appends "NAME='value'" and a newline, so that python-dotenv and docker compose read the same
 * value. False, with nothing written, if no spelling means the same to both: python-dotenv replaces
 * "${NAME}" within any quotes, and they differ about "$" in a value with some backslashes.
 */
MUST_CHECK bool env_format_dotenv(struct buf *out, const char *name, const char *value);
