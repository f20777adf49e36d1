/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One real list request, for `connd --check --online`: would this configuration be given its
 * objects? Asks for a single connection with its secrets, as a sync does, of each URL until one
 * answers.
 */
#pragma once

#include "base/attr.h"
#include "core/config/config.h"

#define TRIAL_LINE_SIZE 640

/*
 * Runs a loop of its own; libcurl is loaded. say() gets a line for each URL that was asked: what it
 * said, and the next step. 0: the last one gave a list; -EACCES: it refused; -EIO otherwise;
 * -ENOMEM.
 */
MUST_CHECK int trial_run(const struct config *config, const char *token_path,
    void (*say)(void *env, const char *line), void *env);
