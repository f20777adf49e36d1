/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change before it is made: its fields as a person reads them, asking whether to make it,
 * and the report afterwards. Secret values never come here; their fields say only that they are set
 * or changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "ctl/admin/session.h"
#include "ctl/json.h"

struct change {
	const char *action; /* "create", "update", "delete" ... */
	const char *kind;   /* "connection", "Deployment" ... */
	const char *name;
	struct json *fields; /* [{"field", "from", "to"}]; NULL: none yet */
	bool failed;         /* memory ran out */
};

/* Adds a field; NULL: it is not there before, or not afterwards. */
void change_field(struct change *c, const char *field, const char *from, const char *to);
size_t change_count(const struct change *c);
/*
 * Shows the change on standard error and asks, on a terminal; with --yes it does not ask. Should it
 * be made? Otherwise *code is the exit code: of --dry-run, which reports, or of a refusal.
 */
MUST_CHECK bool change_agreed(struct session *s, struct change *c, int *code);
/* Prints that it was made, with the id unless NULL, and frees it. Returns the exit code. */
MUST_CHECK int change_done(struct session *s, struct change *c, const char *id);
void change_fini(struct change *c);
