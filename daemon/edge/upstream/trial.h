/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One real list request, for `connd --check --online`. Requests a single connection with its
 * secrets, as a sync does, from each URL in turn until one responds.
 */
#pragma once

#include "base/attr.h"
#include "core/config/config.h"

#define TRIAL_LINE_SIZE 640

/*
 * Runs an event loop of its own; libcurl must be loaded. Calls say() with one line per URL: the
 * result and the next step. 0 if the last URL returned a list; -EACCES if it refused; -ENOMEM; -EIO
 * for all else.
 */
MUST_CHECK int trial_run(const struct config *config, const char *token_path,
    void (*say)(void *env, const char *line), void *env);
