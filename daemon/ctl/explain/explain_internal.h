/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of connctl explain share: the report they fill, each its own part of it. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "ctl/admin/object.h"
#include "ctl/ctl.h"
#include "ctl/json.h"
#include "ctl/user.h"

struct explain {
	const struct ctl_options *o;
	bool is_connection;
	const char *key;
	struct user user;           /* who asks connd */
	struct json *report;        /* what --json prints */
	struct json *connd;         /* of the report; NULL: connd was not reached */
	struct buf not_found;       /* the parameters of connd's NotFound */
	const struct json *manager; /* of the report; NULL: no manager was asked */
	struct buf value;           /* what connd serves, if it does; a secret */
	bool failed;                /* memory ran out: checked once, at the end */
	/* Why the key is not served, and the next step; "" when it is. */
	struct buf cause, next;
};

/* Puts child into to under that name, and returns it. A failure is noted in e; NULL then. */
struct json *put(struct explain *e, struct json *to, const char *name, struct json *child);
/* The same for a text; nothing for NULL or "". */
void put_text(struct explain *e, struct json *to, const char *name, const char *text);
/* The member of an array of objects. */
struct json *put_element(struct explain *e, struct json *array, struct json *child);

/*
 * Asks connd, as --user if that is given: the part "connd", and e->value. Returns CTL_YES whatever
 * connd says of the key; any other code has been reported: connd cannot be asked.
 */
MUST_CHECK int explain_connd(struct explain *e);
/* Asks the manager: the part "manager". Returns the exit code, having said what is wrong. */
MUST_CHECK int explain_manager(struct explain *e, struct session *s);
/* Looks at Airflow (--python, or --airflow-config and the environment): the part "airflow". */
MUST_CHECK int explain_airflow(struct explain *e);
/*
 * The cause and the next step of a key that is not served, from what is in the report. Returns the
 * exit code.
 */
int explain_cause(struct explain *e);
/* The report for a person. */
void explain_show(const struct explain *e, struct buf *out);
