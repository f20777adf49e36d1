/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls and replies of io.connd.secrets and org.varlink.service. connd reads calls and writes
 * replies; connctl does the reverse. Nothing here allocates except by growing the buffer it is
 * given.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "proto/envelope.h"

enum secrets_method {
	SECRETS_GET_CONNECTION,
	SECRETS_GET_VARIABLE,
	SECRETS_GET_CONFIG,
	SECRETS_LIST,
	SECRETS_STATUS,
	SECRETS_REFRESH,
	SERVICE_GET_INFO,
	SERVICE_GET_INTERFACE_DESCRIPTION,
};

struct secrets_request {
	enum secrets_method method;
	struct span
	    key; /* conn_id, variable key, config key or interface name: at most LIMIT_KEY_BYTES */
	struct span team; /* absent when it is missing, null or "" */
	bool more, oneway;
};

enum secrets_verdict {
	SECRETS_OK,
	SECRETS_NO_INTERFACE,
	SECRETS_NO_METHOD,
	SECRETS_BAD_PARAMETER, /* *parameter names it */
};

/*
 * Reads the request in a call. frame_base: the writable start of the frame that the call's spans
 * point into; strings are decoded in place, so a frame is read only once. parameter: the name of
 * the parameter at fault, decoded (a span into the frame, or static text).
 */
MUST_CHECK enum secrets_verdict secrets_read(
    const struct call *call, char *frame_base, struct secrets_request *out, struct span *parameter);
/* Writes the standard error for a verdict other than SECRETS_OK. */
void secrets_write_refusal(
    struct buf *out, enum secrets_verdict v, const struct call *call, struct span parameter);

/* Same order as core's enum freshness and enum record_kind; edge/process/wire.h asserts that. */
enum secrets_state {
	SECRETS_NOT_READY,
	SECRETS_FRESH,
	SECRETS_STALE,
	SECRETS_OFFLINE,
	SECRETS_EXPIRED,
	SECRETS_N_STATES,
};
const char *secrets_state_name(enum secrets_state s); /* "not-ready", "fresh", ... */
enum secrets_kind { SECRETS_CONNECTION, SECRETS_VARIABLE, SECRETS_ENV };
const char *secrets_kind_name(
    enum secrets_kind k); /* "connection", "variable", "environment-variable" */

/*
 * Replies. value_json: the value as a JSON string with its quotes and escapes, rendered
 * beforehand.
 */
void secrets_write_value(struct buf *out, struct span value_json, uint64_t generation,
    enum secrets_state state, int64_t age_ms);
void secrets_write_not_found(struct buf *out, enum secrets_kind kind, struct span key,
    enum secrets_state state, int64_t age_ms);
void secrets_write_not_ready(struct buf *out, const char *reason);
void secrets_write_expired(struct buf *out, int64_t age_ms, const char *reason);
/* fields_json: a JSON array of field names, rendered beforehand. */
void secrets_write_withheld(
    struct buf *out, enum secrets_kind kind, struct span key, struct span fields_json);
void secrets_write_invalid(
    struct buf *out, enum secrets_kind kind, struct span key, struct span field);
void secrets_write_overloaded(struct buf *out, int64_t retry_ms);
void secrets_write_denied(struct buf *out);
void secrets_write_info(struct buf *out, const char *version);
/* interface: the requested one; an InvalidParameter error if this is not one of ours. */
void secrets_write_description(struct buf *out, struct span interface);

/* A call. key, team: absent when the method takes none. */
void secrets_write_call(
    struct buf *out, enum secrets_method method, struct span key, struct span team, bool more);
