/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the service manager gets READY=1, and the status line meanwhile. With [require]: when those
 * keys are there and young enough. Without: when there is any data, or after 10 s, with a warning.
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
/* connd can ask its manager: READY=1 may be sent with the next ready_check(), and not before. */
void ready_begin(struct ready *r);
/* After every turn of the replica: tells the service manager what has changed. */
void ready_check(struct ready *r);
bool ready_is(const struct ready *r); /* is READY=1 sent? */

#define READY_WHY_SIZE 640

/* Clients cannot connect, whatever the data: a sentence, copied. NULL: they can again. */
void ready_hinder(struct ready *r, const char *sentence);
/*
 * Is what is needed there at this moment? It may have been, and have grown too old since. When it
 * is not, *lacks is the first key of [require] that is missing (NULL: something else is).
 */
bool ready_now(const struct ready *r, const struct config_require **lacks);
/*
 * False: it is ready now. True: why holds the reason, with the names of all keys that are missing.
 */
bool ready_why_not(const struct ready *r, char why[static READY_WHY_SIZE]);
void ready_stop(struct ready *r); /* nothing is sent or logged any more */
struct ready *ready_free(struct ready *r);
