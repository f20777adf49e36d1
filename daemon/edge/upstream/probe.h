/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the manager for one key, behind an answer that it is not there: does it have it by now? No
 * value is asked for; when the key is there, a full list brings it.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"
#include "core/generation.h"
#include "edge/upstream/sync.h"

struct probing;

/* done(env, found) ends each probe, later, not from within; a probe that failed has found nothing. */
MUST_CHECK int probing_new(struct probing **out, struct loop *loop,
    const struct sync_source *source, void (*done)(void *env, bool found, int64_t retry_after_ms),
    void *env);
/* On reload: a probe under way ends without having found anything. */
void probing_use(struct probing *p, const struct sync_source *source);
/* url: the manager to ask. One at a time. */
void probing_start(struct probing *p, const char *url, enum record_kind kind, struct span key);
struct probing *probing_free(struct probing *p); /* without done(); NULL is fine; returns NULL */
