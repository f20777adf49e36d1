/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a team's own records: <team>___<key>. Two teams can have the same text: team "a_"
 * with key "x" and team "a" with key "_x" both give "a____x". A text that can be split in more than
 * one way belongs to no team.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"
#include "core/generation.h"

bool team_separates(struct span key); /* true if key contains "___" */
/* True if key can be split into a non-empty team and a non-empty key in more than one way. */
bool team_is_ambiguous(struct span key);
/*
 * Writes <team>___<key> to room and returns it. Absent if there is no team, if the text is longer
 * than a key may be, or if it is ambiguous.
 */
struct span team_key(struct span team, struct span key, char room[static GENERATION_MAX_KEY]);
