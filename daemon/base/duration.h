/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them, on a command line or in a configuration file. Pure. */
#pragma once

#include <stdint.h>

#include "base/attr.h"

/*
 * Reads "500ms", "30s", "5m", "12h", "7d" or "1.5h" into milliseconds; what is left of a
 * millisecond is cut off. Without a unit the number is seconds. At most 100000 days; the caller
 * checks its own range. 0, or -EINVAL: *ms is unchanged.
 */
MUST_CHECK int duration_read(const char *text, int64_t *ms);
