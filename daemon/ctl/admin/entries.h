/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a history or of the audit log, for a person. */
#pragma once

#include "base/attr.h"
#include "ctl/admin/session.h"

/* The name of who did it, from an entry's "by" or an object's "updatedBy"; either may be absent. */
const char *entries_who(const struct json *by);
/* One entry on one line, without its newline. */
void entries_line(struct buf *out, const struct json *entry);
/*
 * An array of them, newest first as the manager gives them, oldest first as they are read; with
 * --json as they came. Returns the exit code.
 */
MUST_CHECK int entries_print(struct session *s, const struct json *entries);
