/* SPDX-License-Identifier: Apache-2.0 */
/* What Status says of connd's data: whether it is served, and its generation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "ctl/ctl.h"

struct glimpse {
	bool is_served; /* fresh, stale or offline */
	int64_t generation;
};

/* Asks once, for half a second at most, and reports nothing. Returns the exit code. */
MUST_CHECK int glimpse(const struct ctl_options *o, struct glimpse *out);
/*
 * Waits until connd serves data, is denied, or the time-out of *o has passed. *left gets the
 * options with the time that is left for a call, 1 s at least.
 */
void glimpse_await(const struct ctl_options *o, struct ctl_options *left);
