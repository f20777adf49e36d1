/* SPDX-License-Identifier: Apache-2.0 */
/* How far apart two names are, to suggest the one that was meant. Pure. */
#pragma once

#include <stddef.h>

#include "base/span.h"

/*
 * How many bytes must be changed, added or dropped to make b of a. When they differ over more than
 * 32 bytes: the length of that part, of the longer one.
 */
size_t edit_distance(struct span a, struct span b);
