/* SPDX-License-Identifier: Apache-2.0 */
/* The distance between two names, to suggest a correction for a misspelt one. Pure. */
#pragma once

#include <stddef.h>

#include "base/span.h"

/*
 * Returns how many bytes must be replaced, inserted or deleted to turn a into b (Levenshtein). If
 * the part between their common prefix and suffix is longer than 32 bytes in either, returns the
 * longer of the two lengths of that part.
 */
size_t edit_distance(struct span a, struct span b);
