/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.connd.secrets and org.varlink.service as questions and answers. Both ends use it: connd reads
 * questions and writes answers, connctl the reverse. Nothing here allocates on the way of a lookup
 * but the output buffer it is given.
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
	SERVICE_GET_INFO,
	SERVICE_GET_INTERFACE_DESCRIPTION,
};

struct question {
	enum secrets_method method;
	/* decoded; at most LIMIT_KEY_BYTES: conn_id, variable key, config key, or interface name */
	struct span key;
	struct span team; /* decoded; absent when absent, null or "" */
	bool more, oneway;
};

enum question_verdict {
	QUESTION_OK,
	QUESTION_INTERFACE_NOT_FOUND,
	QUESTION_METHOD_NOT_FOUND,
	QUESTION_INVALID_PARAMETER, /* *parameter names it */
};

/*
 * frame_base: the writable start of the frame the call's spans point into (strings are decoded where
 * they are, so the frame can not be read a second time). parameter: set to the name of the parameter
 * at fault, decoded (a span into the frame or static text).
 */
MUST_CHECK enum question_verdict secrets_question(
    const struct call *call, char *frame_base, struct question *out, struct span *parameter);
/* The standard error reply for a verdict that is not OK. */
void secrets_write_refusal(
    struct buf *out, enum question_verdict v, const struct call *call, struct span parameter);

/* The names of states and kinds on the wire, in the order of their enums in core. */
enum secrets_state {
	SECRETS_NOT_READY,
	SECRETS_FRESH,
	SECRETS_STALE,
	SECRETS_OFFLINE,
	SECRETS_EXPIRED,
};
const char *secrets_state_name(enum secrets_state s); /* "not-ready", "fresh", ... */
enum secrets_kind { SECRETS_CONNECTION, SECRETS_VARIABLE, SECRETS_ENV };
const char *secrets_kind_name(
    enum secrets_kind k); /* "connection", "variable", "environment-variable" */

/* Answers. value_json: the value as a JSON string, quotes and escapes included (rendered beforehand). */
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
/* interface: what was asked for; an InvalidParameter reply when we do not have it. */
void secrets_write_description(struct buf *out, struct span interface);

/* Calls. key, team: absent when the method takes none. */
void secrets_write_call(
    struct buf *out, enum secrets_method method, struct span key, struct span team, bool more);
