/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The managers a person works with, by name: contexts.json in $XDG_CONFIG_HOME/connctl (or
 * ~/.config/connctl), with one token file of mode 0600 beside it for each.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "ctl/json.h"

#define CONTEXT_NAME_MAX 64

/*
 * The file as a tree: {"current": "prod", "contexts": {"prod": {"manager", "organization",
 * "workspace", "caFile", "insecureHttp"}}}; an empty one when there is no file. Returns the exit
 * code, having said what is wrong. Free *out with json_free().
 */
MUST_CHECK int context_load(struct json **out);
/* Replaces the file in one step. Returns the exit code, having said what is wrong. */
MUST_CHECK int context_save(const struct json *all);
/* The context of this name, or the current one for NULL; NULL: there is none. */
const struct json *context_find(const struct json *all, const char *name);
/* The name of the current context; NULL: none. */
const char *context_current(const struct json *all);
/* Appends the path of a context's token file, and a NUL that is not counted. */
void context_token_path(struct buf *out, const char *name);
/* Letters, digits, "-", "_" and ".", not first a ".". */
bool context_name_is_valid(const char *name);
