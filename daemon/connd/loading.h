/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of a running connd, loaded in the background: the users and groups of [access]
 * are looked up, and a name service may hang. Meanwhile lookups are served, and connd can end.
 */
#pragma once

#include "connd/background.h"
#include "connd/settings.h"
#include "edge/process/loop.h"

struct loading;

/* Called once, from the loop. The callee owns s; NULL: failed, with a sentence in why. */
typedef void loading_done(void *env, struct settings *s, const char *why);

/* Begins. 0 (the caller owns *out), or -ENOMEM. */
MUST_CHECK int loading_new(struct loading **out, struct loop *loop, struct background *background,
    const char *config_path, loading_done *done, void *env);
/* Cancels loading. May be called from within done(). l may be NULL. Returns NULL. */
struct loading *loading_free(struct loading *l);
