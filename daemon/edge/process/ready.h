/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides when to send READY=1 to the service manager, and keeps its status line. With [require]:
 * when those keys are present and recent enough. Without: when there is data, or after 10 s, then
 * with a warning.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/why.h"
#include "core/config/config.h"
#include "core/replica.h"
#include "edge/process/loop.h"

struct ready;

/* Borrows replica and config; config until the next ready_use(). 0 or -ENOMEM. */
MUST_CHECK int ready_new(
    struct ready **out, struct loop *loop, struct replica *replica, const struct config *config);
void ready_use(struct ready *r, const struct config *config); /* on reload */
/* Allows READY=1 from the next ready_check() on: connd can now send requests to the manager. */
void ready_begin(struct ready *r);
/* Sends what has changed to the service manager. Call it after every turn of the replica. */
void ready_check(struct ready *r);
bool ready_is(const struct ready *r); /* true if READY=1 has been sent */

/* Clients cannot connect: sentence says why, and is copied. NULL: they can again. */
void ready_hinder(struct ready *r, const char *sentence);
/*
 * True if connd is ready at this moment: it may have been ready, and its data may have become too
 * old since. If not, *lacks is the first missing key of [require], or NULL for another reason.
 */
bool ready_now(const struct ready *r, const struct config_require **lacks);
/* True if connd is not ready now; why is then a sentence with the names of missing keys. */
bool ready_why_not(const struct ready *r, struct why *why);
void ready_stop(struct ready *r); /* sends and logs nothing from now on */
struct ready *ready_free(struct ready *r);
