/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to say READY=1, and what to say meanwhile: with [require], when those keys are there and young
 * enough; else when there is any data, or after 10 s without.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "core/config/config.h"
#include "core/replica.h"
#include "edge/process/loop.h"

struct ready;

/* config: borrowed until the next ready_use(). 0 or -ENOMEM. */
MUST_CHECK int ready_new(
    struct ready **out, struct loop *loop, struct replica *replica, const struct config *config);
void ready_use(struct ready *r, const struct config *config); /* on reload */
/* All that connd needs is there: READY=1 may be said with the next ready_check(), and not before. */
void ready_begin(struct ready *r);
/* After every turn of the replica: tells the service manager what has changed. */
void ready_check(struct ready *r);
bool ready_is(const struct ready *r); /* has READY=1 been said? */
/*
 * Is what is needed there at this moment? It may have been, and have grown too old since. When it is
 * not, *lacks is the first of [require] that is missing (NULL: there is no data at all).
 */
bool ready_now(const struct ready *r, const struct config_require **lacks);
void ready_stop(struct ready *r); /* nothing is said any more */
struct ready *ready_free(struct ready *r);
