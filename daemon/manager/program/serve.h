/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serving process: wires store, tokens, API, HTTP and control socket, and runs until SIGTERM.
 */
#pragma once

#include "base/attr.h"
#include "base/why.h"
#include "manager/program/arguments.h"

/* 0 after SIGTERM or SIGINT; -1 with `why` when it could not start. */
MUST_CHECK int serve(const struct options *o, struct why *why);
