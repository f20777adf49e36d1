/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls and replies of io.connd.secrets and org.varlink.service. connd reads calls and writes
 * replies; connctl writes calls. The functions allocate only to grow the buffer passed in.
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
	SECRETS_GET_ENVIRONMENT_VARIABLE,
	SECRETS_LIST,
	SECRETS_STATUS,
	SECRETS_REFRESH,
	SECRETS_TRACE,
	SECRETS_EXPLAIN,
	SECRETS_WATCH,
	SERVICE_GET_INFO,
	SERVICE_GET_INTERFACE_DESCRIPTION,
};

struct secrets_request {
	enum secrets_method method;
	struct span key;  /* conn_id, key or interface: at most LIMIT_KEY_BYTES */
	struct span team; /* absent when it is missing, null or "" */
	int64_t after;    /* 0 when it is missing or null */
	bool more, oneway;
	struct span trace; /* the caller's id of the request, or absent; set by its reader */
};

enum secrets_verdict {
	SECRETS_OK,
	SECRETS_NO_INTERFACE,
	SECRETS_NO_METHOD,
	SECRETS_BAD_PARAMETER,
};

/*
 * Reads the method and parameters of a call. frame_base: the writable start of the frame that the
 * call's spans point into. Strings are decoded in place, so a frame can be read only once. With
 * SECRETS_BAD_PARAMETER, *parameter is the decoded name of that parameter: a span into the frame,
 * or static text.
 */
MUST_CHECK enum secrets_verdict secrets_read(
    const struct call *call, char *frame_base, struct secrets_request *out, struct span *parameter);
/* Writes the standard Varlink error for a verdict; nothing for SECRETS_OK. */
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
/* "connection", "variable", "environment-variable". */
const char *secrets_kind_name(enum secrets_kind k);

/*
 * The end of a reply with a value: what it says about the data. It is the same for all lookups of a
 * millisecond, so it is rendered once for them. Start with all members 0.
 */
struct secrets_tail {
	uint64_t generation;
	enum secrets_state state;
	int64_t age_ms;
	size_t n; /* of text, with the NUL that ends the frame; 0: not rendered yet */
	char text[128];
};
/* Renders the tail, unless it says the same already. */
void secrets_tail_set(
    struct secrets_tail *t, uint64_t generation, enum secrets_state state, int64_t age_ms);

/* Write replies. value_json: the value as a JSON string, with quotes and escapes. */
void secrets_write_value(struct buf *out, struct span value_json, const struct secrets_tail *tail);
void secrets_write_not_found(struct buf *out, enum secrets_kind kind, struct span key,
    enum secrets_state state, int64_t age_ms);
void secrets_write_not_ready(struct buf *out, const char *reason);
void secrets_write_expired(struct buf *out, int64_t age_ms, const char *reason);
/* fields_json: a JSON array of field names. */
void secrets_write_withheld(
    struct buf *out, enum secrets_kind kind, struct span key, struct span fields_json);
void secrets_write_invalid(
    struct buf *out, enum secrets_kind kind, struct span key, struct span field);
void secrets_write_overloaded(struct buf *out, int64_t retry_ms);
void secrets_write_denied(struct buf *out);
/* rule: the text of the access rule that decides; NULL: none does. */
void secrets_write_explain(struct buf *out, bool allowed, const char *rule);
void secrets_write_info(struct buf *out, const char *version);
/* Writes the definition of an interface, or InvalidParameter if it is not one of ours. */
void secrets_write_description(struct buf *out, struct span interface);

/* Writes a call. Members that the method does not take are ignored; an `after` of 0 is left out. */
void secrets_write_call(struct buf *out, const struct secrets_request *q);
