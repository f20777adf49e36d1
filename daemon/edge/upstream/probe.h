/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe: asks the manager for one key, after a lookup has returned NotFound. The request is
 * without secrets; if the key exists, a full sync fetches it. The response is read in the worker,
 * because a server that ignores the filter sends its whole list.
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
 * Copies source; borrows loop and worker. Each probe ends with one call of done(), later, not from
 * within; found is false after a failure. 0 or -ENOMEM.
 */
MUST_CHECK int probing_new(struct probing **out, struct loop *loop, struct worker *worker,
    const struct sync_source *source, void (*done)(void *env, bool found, int64_t retry_after_ms),
    void *env);
/* Applies a reload: cancels a running request, whose probe then ends with found == false. */
void probing_use(struct probing *p, const struct sync_source *source);
/* Starts a probe at the manager with this URL. Only one may run at a time. */
void probing_start(struct probing *p, const char *url, enum record_kind kind, struct span key);
struct probing *probing_free(struct probing *p); /* no done(); p may be NULL; returns NULL */
