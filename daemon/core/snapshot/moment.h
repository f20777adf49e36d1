/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A point in time that can still be told after a restart: on the clock of its boot while that boot
 * lasts (it runs through suspend and nobody moves it), by the wall after another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

#define MOMENT_BOOT_ID_SIZE 16
#define MOMENT_FUTURE_MS    (5 * 60 * 1000) /* clocks of machines differ; this much is no lie */

struct moment {
	int64_t boot_ms, wall_ms;
	bool has_boot_id; /* /proc may hide it */
	uint8_t boot_id[MOMENT_BOOT_ID_SIZE];
};

/*
 * How long before `now` it was, in ms; 0 when it seems to come a little after. -ERANGE: `then` lies
 * more than MOMENT_FUTURE_MS in the future, and *ahead_ms (may be NULL) says how far.
 */
MUST_CHECK int moment_age(
    const struct moment *then, const struct moment *now, int64_t *age_ms, int64_t *ahead_ms);
