/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A point in time that is still meaningful after a restart. Within one boot it is compared on
 * CLOCK_BOOTTIME, which counts suspended time and cannot be set; across boots, by wall time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

#define MOMENT_BOOT_ID_SIZE 16
#define MOMENT_FUTURE_MS    (5 * 60 * 1000) /* accepted difference between clocks */

struct moment {
	int64_t boot_ms, wall_ms;
	bool has_boot_id; /* /proc may hide it */
	uint8_t boot_id[MOMENT_BOOT_ID_SIZE];
};

/*
 * Sets *age_ms to the time from `then` to `now`; to 0 if `then` is slightly later. Returns 0, or
 * -ERANGE if `then` is more than MOMENT_FUTURE_MS later; *ahead_ms, if not NULL, is then set to how
 * much.
 */
MUST_CHECK int moment_age(
    const struct moment *then, const struct moment *now, int64_t *age_ms, int64_t *ahead_ms);
