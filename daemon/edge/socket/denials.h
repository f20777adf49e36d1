/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denied requests in the log: one line for each user and key, at most 10 lines a minute for a user.
 * Further ones are counted, and the count is logged when the minute is over. Memory is fixed: when
 * more users than DENIALS_USERS are denied within a minute, the others share one allowance.
 */
#pragma once

#include "base/attr.h"
#include "base/span.h"
#include "edge/process/loop.h"
#include "edge/socket/caller.h"

#define DENIALS_A_MINUTE 10
#define DENIALS_USERS    64
#define DENIALS_KEYS     1024 /* remembered; then the oldest is forgotten and may be logged again */

struct denials;

MUST_CHECK int denials_new(struct denials **out, struct loop *loop); /* 0 or -ENOMEM */
/*
 * what: the kind of the key, or the method. key: as it may be logged, or absent. d may be NULL:
 * nothing is logged.
 */
void denials_note(
    struct denials *d, const struct caller *c, const char *what, struct span key, int64_t now_ms);
struct denials *denials_free(struct denials *d); /* NULL is fine; returns NULL */
