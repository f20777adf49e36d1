/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of [access], bound to the users and groups of this machine. A rule that names somebody
 * who cannot be resolved matches nobody; such names are looked up again, in the background, since a
 * name service may hang.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "connd/background.h"
#include "core/acl.h"
#include "core/config/config.h"
#include "edge/process/loop.h"

/*
 * Makes the rules of a configuration. faults gets a sentence and a newline for each rule with a
 * name that cannot be resolved; names gets that name ("user:NAME" or "group:NAME") and a newline.
 * config_path: for the sentences. 0; -EINVAL: a rule makes no sense, with a sentence in why;
 * -ENOMEM.
 */
MUST_CHECK int access_bind(struct acl **out, const struct config *config, const char *config_path,
    struct buf *faults, struct buf *names, struct why *why);

struct access_lookup;

/* Calls found() from the loop whenever one of the awaited names can be resolved. 0 or -ENOMEM. */
MUST_CHECK int access_lookup_new(struct access_lookup **out, struct loop *loop,
    struct background *background, void (*found)(void *env), void *env);
/* Replaces the awaited names, in the form of access_bind(). "": none. */
void access_lookup_await(struct access_lookup *l, const char *names);
struct access_lookup *access_lookup_free(struct access_lookup *l); /* NULL is fine; returns NULL */
