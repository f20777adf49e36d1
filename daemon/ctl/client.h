/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call to connd over its Unix socket: connect, ask, read the replies, under one deadline for all
 * of it. Whatever goes wrong, here or in the daemon, becomes a sentence on stderr and an exit code.
 */
#pragma once

#include "base/attr.h"
#include "base/span.h"
#include "ctl/ctl.h"
#include "proto/secrets.h"

/*
 * Calls method; key and team absent when it takes none. on_reply() is given the parameters of each
 * reply (an object, or absent), which live until it returns, and returns CTL_YES to go on. Returns the
 * exit code.
 */
MUST_CHECK int client_call(const struct ctl_options *o, enum secrets_method method, struct span key,
    struct span team, int (*on_reply)(void *arg, struct span parameters), void *arg);

/* For a reply without the members it must have. */
int client_bad_reply(const struct ctl_options *o);
