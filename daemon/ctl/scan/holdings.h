/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secret values that connd holds and this user may read, as needles: passwords, every value of
 * extra, and the values of variables and environment variables.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "ctl/ctl.h"
#include "ctl/scan/needles.h"

struct holding {
	char *key;   /* "conn:warehouse", "var:batch_size" */
	char *field; /* "password", "extra.token", "value" */
};

struct holdings {
	struct holding *holding; /* by the needles' owners */
	size_t n, room;
	size_t n_keys;  /* connections and variables that were read */
	size_t n_short; /* values below NEEDLE_SHORTEST */
	struct needles *needles;
};

/*
 * Reads everything from connd, and says on standard error what is not searched for. Leaves out keys
 * that match one of the options --except. The exit code; what is not CTL_YES has been reported.
 */
MUST_CHECK int holdings_read(struct holdings *h, const struct ctl_options *o);
void holdings_free(struct holdings *h); /* in any case */
