/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members around every Varlink message (UAPI.20): method and flags of a call, error and
 * parameters of a reply. What the specification says must be answered by closing the connection is
 * refused here, before any handler sees it.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct call {
	struct span method;     /* raw text; "interface.Method" */
	struct span parameters; /* an object; absent when absent, null or {} */
	struct span trace;      /* the string member io.connd.trace, raw, or absent */
	bool oneway, more;
};

/*
 * 0, or -EBADMSG: close without a reply; *why (static text) says what was wrong. Spans point into frame.
 * Members without a dot that are unknown, flags that are no booleans or more than one true, duplicate
 * members, a method that is missing or no string: all of these close. `upgrade: true` closes as well.
 */
MUST_CHECK int envelope_call(struct span frame, struct call *out, const char **why);

struct reply {
	struct span error;      /* raw name without quotes; absent for success */
	struct span parameters; /* an object, or absent */
	bool continues;
};
/* For clients: a reply's members; unknown ones are ignored. 0 or -EBADMSG. */
MUST_CHECK int envelope_reply(struct span frame, struct reply *out);

/* Writers; each appends one whole frame with its NUL. parameters: JSON object text, or absent. */
void envelope_write_call(struct buf *out, const char *method, struct span parameters, bool more);
void envelope_write_reply(struct buf *out, struct span parameters, bool continues);
void envelope_write_error(struct buf *out, const char *error, struct span parameters);
