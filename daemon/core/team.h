/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a team's own records, <team>___<key>. Two teams can spell the same text: team "a_"
 * with key "x" and team "a" with key "_x" both give "a____x". A text that can be split in more
 * than one way belongs to no team.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"
#include "core/generation.h"

bool team_separates(struct span key); /* does it hold "___"? */
/* Can the text be split into a team and a key, neither of them empty, in more than one way? */
bool team_is_ambiguous(struct span key);
/*
 * <team>___<key>, in room. Absent: there is no team, no key is that long, or the text is ambiguous.
 */
struct span team_key(struct span team, struct span key, char room[static GENERATION_MAX_KEY]);
