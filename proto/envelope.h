/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members around every Varlink message (UAPI.20): method and flags of a call, error and
 * parameters of a reply. A call that the specification answers by closing the connection is refused
 * here, before any handler sees it.
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
 * Reads a call. 0, or -EBADMSG: close the connection without a reply; *why (static text) names the
 * fault. Spans point into frame. These close: an unknown member without a dot, a member that occurs
 * twice, a flag that is not a boolean, two true flags, `upgrade: true`, a method that is missing or
 * not a string.
 */
MUST_CHECK int envelope_call(struct span frame, struct call *out, const char **why);

struct reply {
	struct span error;      /* raw name without quotes; absent for success */
	struct span parameters; /* an object, or absent */
	bool continues;
};
/* For clients: reads a reply; unknown members are ignored. 0 or -EBADMSG. */
MUST_CHECK int envelope_reply(struct span frame, struct reply *out);

/* Each appends one whole frame with its NUL. parameters: the text of a JSON object, or absent. */
void envelope_write_call(struct buf *out, const char *method, struct span parameters, bool more);
void envelope_write_reply(struct buf *out, struct span parameters, bool continues);
void envelope_write_error(struct buf *out, const char *error, struct span parameters);
