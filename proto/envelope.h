/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outer members of Varlink messages (UAPI.20): method, parameters and flags of a call; error,
 * parameters and `continues` of a reply. envelope_call() refuses the calls for which connd closes
 * the connection, before a handler sees them.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct call {
	struct span method;     /* "interface.Method", raw text */
	struct span parameters; /* a non-empty object, or absent */
	struct span trace;      /* the text of the member io.connd.trace, or absent */
	bool oneway, more;
};

/*
 * Reads a call; the spans of *out point into frame. 0, or -EBADMSG with *why set to static text:
 * close the connection without a response. That happens for text that is not a JSON object, an
 * unknown member without a dot, a duplicate member, a member of the wrong type, two true flags,
 * `upgrade: true`, and a missing method.
 */
MUST_CHECK int envelope_call(struct span frame, struct call *out, const char **why);

struct reply {
	struct span error;      /* the raw name, without quotes; absent on success */
	struct span parameters; /* a non-empty object, or absent */
	bool continues;
};
/* Reads a reply, for clients. Ignores unknown members. 0 or -EBADMSG. */
MUST_CHECK int envelope_reply(struct span frame, struct reply *out);

/* Append one frame with its NUL. parameters: the text of a JSON object, or absent. */
void envelope_write_call(struct buf *out, const char *method, struct span parameters, bool more);
void envelope_write_reply(struct buf *out, struct span parameters, bool continues);
void envelope_write_error(struct buf *out, const char *error, struct span parameters);
