/* SPDX-License-Identifier: Apache-2.0 */
/* What an export holds: records as connd serves them, each with the reason if it is left out. */
#pragma once

#include "base/span.h"
#include "ctl/records.h"

struct export_set {
	struct records records; /* the text of a connection is a JSON object, checked */
	/* For each record: a static sentence why the format cannot hold it; NULL: it can. */
	const char **left_out;
};

static inline struct span
export_value(const struct record *record)
{
	return (struct span){ record->text, record->length };
}
