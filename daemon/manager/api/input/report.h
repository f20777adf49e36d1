/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a connd about itself: X-Connd-Report, beside a request for its lists. Pure. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#define REPORT_MAX      2048 /* bytes of the field */
#define REPORT_ID_SIZE  33   /* 32 hex digits and a NUL */
#define REPORT_NAME_MAX 64   /* characters of a name, a version */
#define REPORT_TEXT_MAX 1536 /* bytes of what report_read() appends */

struct report {
	char id[REPORT_ID_SIZE];
	char name[4 * REPORT_NAME_MAX + 1];
	int64_t age_ms; /* since what it serves was confirmed; -1: it has no data */
};
/*
 * Reads the field. Appends to out, as the JSON object that is stored, what is shown of it: version,
 * generation, state, lastError, snapshot. 0; -EINVAL: it is not a report; -ENOMEM.
 */
MUST_CHECK int report_read(struct span text, struct report *r, struct buf *out);
