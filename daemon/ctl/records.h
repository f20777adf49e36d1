/* SPDX-License-Identifier: Apache-2.0 */
/* Every record that the caller may read, with its value, from one generation of connd's data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "ctl/ctl.h"
#include "proto/secrets.h"

struct record {
	enum secrets_kind kind;
	char *key;
	char *text; /* the value as a client of connd receives it; ends with a NUL */
	size_t length;
};

struct records {
	struct record *record; /* by kind, then by key (bytes) */
	size_t n, room;
	int64_t generation; /* of the list and of every value */
};

/* Records that have no value. */
struct records_missing {
	size_t withheld, invalid;
};

/*
 * Reads the records for which wanted() is true. Begins again when the generation changes meanwhile.
 * Returns the exit code, having reported anything but CTL_YES. A record that is withheld or invalid
 * fails the whole, unless missing is given: then it is counted there, and its text is NULL. *out
 * needs records_fini() in any case.
 */
MUST_CHECK int records_read(const struct ctl_options *o,
    bool (*wanted)(const struct ctl_options *o, enum secrets_kind kind, const char *key),
    struct records_missing *missing, struct records *out);
void records_fini(struct records *records);
