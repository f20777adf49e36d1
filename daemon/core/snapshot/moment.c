/* SPDX-License-Identifier: Apache-2.0 */
#include "core/snapshot/moment.h"

#include <errno.h>
#include <string.h>

/* How far wall time and boot time may drift apart within a boot by small clock corrections. */
#define SAME_BOOT_MS 5000

static bool
same_boot(const struct moment *a, const struct moment *b)
{
	int64_t apart;

	if (a->has_boot_id && b->has_boot_id)
		return memcmp(a->boot_id, b->boot_id, sizeof a->boot_id) == 0;
	apart = (a->wall_ms - a->boot_ms) - (b->wall_ms - b->boot_ms);
	return apart >= -SAME_BOOT_MS && apart <= SAME_BOOT_MS;
}

int
moment_age(const struct moment *then, const struct moment *now, int64_t *age_ms, int64_t *ahead_ms)
{
	int64_t age =
	    same_boot(then, now) ? now->boot_ms - then->boot_ms : now->wall_ms - then->wall_ms;

	if (age < -MOMENT_FUTURE_MS) {
		if (ahead_ms)
			*ahead_ms = -age;
		return -ERANGE;
	}
	*age_ms = age > 0 ? age : 0;
	return 0;
}
