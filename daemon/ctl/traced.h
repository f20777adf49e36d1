/* SPDX-License-Identifier: Apache-2.0 */
/* The lookups that connd's Trace reports, one at a time: for connctl trace and connctl top. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ctl/ctl.h"

struct traced {           /* one lookup; texts are as they came, not safe for a terminal */
	struct span json; /* all of it */
	int64_t time_ms, uid, pid;
	int64_t us, age_ms, generation; /* -1: not given */
	struct buf key;                 /* "conn:warehouse" */
	struct buf team, result, id;    /* empty: none */
};

struct traced_reader {
	const struct ctl_options *o;
	int64_t after; /* where to go on; 0: from the oldest */
	void (*take)(void *arg, const struct traced *t);
	void *arg;
	size_t taken; /* of the last reply */
};

/* One reply. Returns the exit code; anything but CTL_YES has been reported. */
MUST_CHECK int traced_read(struct traced_reader *r);
/* All that there is: replies until one is empty. */
MUST_CHECK int traced_read_all(struct traced_reader *r);
