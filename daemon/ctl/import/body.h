/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of an import beside what the manager has under its key: is it the same, may it be
 * changed, and the body of the request that makes it so. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "ctl/ctl.h"
#include "ctl/import/entry.h"
#include "ctl/json.h"

enum import_relation {
	IMPORT_SAME,
	IMPORT_DIFFERS, /* an update makes it the same */
	IMPORT_BLOCKED, /* no update can */
};

/*
 * row: an object of an unresolved list; hidden: it was read without its secrets. 0 with *relation
 * and, unless they are the same, why (names, never values); -EBADMSG: the row makes no sense;
 * -ENOMEM.
 */
MUST_CHECK int import_compare(const struct import_entry *e, const struct json *row,
    const struct ctl_import_options *o, bool hidden, enum import_relation *relation,
    struct why *why);

/*
 * The request's body: a new object (row NULL), or the update of row, which keeps its links,
 * overrides, exclusions and auth type, and its description when the entry has none. Failures stick
 * in out.
 */
void import_body(const struct import_entry *e, const struct json *row,
    const struct ctl_import_options *o, struct buf *out);

/* The names of a kind in the API. */
const char *import_type(enum import_kind kind);   /* CONNECTION */
const char *import_member(enum import_kind kind); /* connection */
