/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe: one key is asked for at the manager, behind a response that it is not there. No value is
 * asked for; when the key is there, a full list brings it. The response is read in the worker,
 * since a server that ignores the filter sends its whole list.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "core/generation.h"
#include "edge/process/worker.h"
#include "edge/upstream/sync.h"

struct probing;

/*
 * done(env, found) ends each probe, later, not from within; a probe that failed has found
 * nothing. /
 */
MUST_CHECK int probing_new(struct probing **out, struct loop *loop, struct worker *worker,
    const struct sync_source *source, void (*done)(void *env, bool found, int64_t retry_after_ms),
    void *env);
/* On reload: a request under way is given up, and its probe ends without having found anything. */
void probing_use(struct probing *p, const struct sync_source *source);
/* url: the manager to ask. One at a time. */
void probing_start(struct probing *p, const char *url, enum record_kind kind, struct span key);
struct probing *probing_free(struct probing *p); /* without done(); NULL is fine; returns NULL */
