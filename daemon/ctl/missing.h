/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connctl get and explain say of a key that connd does not have: what it does have, and the
 * nearest name.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ctl/ctl.h"

struct missing {
	const struct ctl_options *o; /* its words are the kind and the key */
	bool is_connection;
	struct span not_found; /* the parameters of connd's error: state and age_ms */
};

/* Appends what missing_report() says and what it advises. */
void missing_describe(const struct missing *m, struct buf *text, struct buf *advice);
/*
 * Asks connd what it is served from (Status) and what the caller may read (List), and reports the
 * key as missing on stderr. Says less when those are not answered. Returns CTL_NO.
 */
int missing_report(const struct missing *m);
