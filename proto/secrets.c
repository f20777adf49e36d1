/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/secrets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "gen/io.connd.secrets.varlink.h"
#include "gen/org.varlink.service.varlink.h"

#define SECRETS "io.connd.secrets"
#define SERVICE "org.varlink.service"

/*
 * The methods and their parameters: at most a key, which each method names differently, a team, and
 * a number to go on after.
 */
static const struct method {
	struct span name;
	const char *key; /* the parameter's name; NULL: no key */
	bool team, after;
} methods[] = {
	[SECRETS_GET_CONNECTION] = { SPAN_LITERAL(SECRETS ".GetConnection"), "conn_id", true },
	[SECRETS_GET_VARIABLE] = { SPAN_LITERAL(SECRETS ".GetVariable"), "key", true },
	[SECRETS_GET_CONFIG] = { SPAN_LITERAL(SECRETS ".GetConfig"), "key", false },
	[SECRETS_GET_ENVIRONMENT_VARIABLE] = { SPAN_LITERAL(SECRETS ".GetEnvironmentVariable"),
	    "key", false },
	[SECRETS_LIST] = { SPAN_LITERAL(SECRETS ".List"), NULL, false },
	[SECRETS_STATUS] = { SPAN_LITERAL(SECRETS ".Status"), NULL, false },
	[SECRETS_REFRESH] = { SPAN_LITERAL(SECRETS ".Refresh"), NULL, false },
	[SECRETS_TRACE] = { SPAN_LITERAL(SECRETS ".Trace"), .after = true },
	[SECRETS_EXPLAIN] = { SPAN_LITERAL(SECRETS ".Explain"), "key", false },
	[SECRETS_WATCH] = { SPAN_LITERAL(SECRETS ".Watch"), NULL, false },
	[SERVICE_GET_INFO] = { SPAN_LITERAL(SERVICE ".GetInfo"), NULL, false },
	[SERVICE_GET_INTERFACE_DESCRIPTION] = { SPAN_LITERAL(SERVICE ".GetInterfaceDescription"),
	    "interface", false },
};

static const char *const state_names[] = {
	[SECRETS_NOT_READY] = "not-ready",
	[SECRETS_FRESH] = "fresh",
	[SECRETS_STALE] = "stale",
	[SECRETS_OFFLINE] = "offline",
	[SECRETS_EXPIRED] = "expired",
};

static const char *const kind_names[] = {
	[SECRETS_CONNECTION] = "connection",
	[SECRETS_VARIABLE] = "variable",
	[SECRETS_ENV] = "environment-variable",
};

const char *
secrets_state_name(enum secrets_state s)
{
	return state_names[s];
}

const char *
secrets_kind_name(enum secrets_kind k)
{
	return kind_names[k];
}

/* --- reading calls -------------------------------------------------------------------- */

/* Returns the interface part of "interface.Method"; absent if the name has another form. */
static struct span
interface_of(struct span method)
{
	static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789.-";
	const char *dot = memrchr(method.p, '.', method.n);

	if (!dot || dot == method.p || dot + 1 == method.p + method.n)
		return (struct span){ 0 };
	for (size_t i = 0; i < method.n; i++)
		if (!method.p[i] || !strchr(name_chars, method.p[i]))
			return (struct span){ 0 };
	return (struct span){ method.p, (size_t)(dot - method.p) };
}

static enum secrets_verdict
find_method(struct span name, enum secrets_method *out, struct span *parameter)
{
	struct span interface;

	for (size_t i = 0; i < N_ELEMENTS(methods); i++)
		if (scan_name_is(name, methods[i].name.p)) {
			*out = (enum secrets_method)i;
			return SECRETS_OK;
		}

	interface = interface_of(name);
	if (!interface.p) {
		*parameter = SPAN_LITERAL("method");
		return SECRETS_BAD_PARAMETER;
	}
	if (span_is(interface, SECRETS) || span_is(interface, SERVICE))
		return SECRETS_NO_METHOD;
	return SECRETS_NO_INTERFACE;
}

/* Decodes a text parameter in place. False if it is not a string, or too long for a key. */
static bool
take_text(struct span value, char *frame_base, struct span *out)
{
	return scan_type(value) == SCAN_STRING &&
	       scan_string_in_place(value, frame_base, out) == 0 && out->n <= LIMIT_KEY_BYTES;
}

/* Returns the name of an unknown parameter, decoded so that it can be sent back. */
static struct span
foreign_name(struct span raw, char *frame_base)
{
	struct span quoted = { raw.p - 1, raw.n + 2 }, name;

	if (scan_string_in_place(quoted, frame_base, &name) < 0)
		return SPAN_LITERAL("parameters");
	return name;
}

/* A member that may occur once. false: this is its second time. */
static bool
first_time(bool *seen)
{
	bool first = !*seen;

	*seen = true;
	return first;
}

/* null and "" mean no team. false: not a text. */
static bool
take_team(struct span value, char *frame_base, struct secrets_request *out)
{
	if (scan_type(value) == SCAN_NULL)
		return true;
	if (!take_text(value, frame_base, &out->team))
		return false;
	if (!out->team.n)
		out->team.p = NULL;
	return true;
}

/* null means 0. false: not an integer from 0 up. */
static bool
take_after(struct span value, struct secrets_request *out)
{
	if (scan_type(value) == SCAN_NULL)
		return true;
	return scan_type(value) == SCAN_NUMBER && scan_int(value, &out->after) == 0 &&
	       out->after >= 0;
}

/*
 * Fills key, team and after. A string is decoded in place only after scan_member() has moved past
 * it, so text that is still to be scanned does not change.
 */
static enum secrets_verdict
take_parameters(const struct method *m, struct span object, char *frame_base,
    struct secrets_request *out, struct span *parameter)
{
	bool team_seen = false, after_seen = false, good;
	struct span name, value;

	while (scan_member(&object, &name, &value)) {
		if (m->key && scan_name_is(name, m->key)) {
			*parameter = span_of(m->key);
			good = !out->key.p && take_text(value, frame_base, &out->key);
		} else if (m->team && scan_name_is(name, "team")) {
			*parameter = SPAN_LITERAL("team");
			good = first_time(&team_seen) && take_team(value, frame_base, out);
		} else if (m->after && scan_name_is(name, "after")) {
			*parameter = SPAN_LITERAL("after");
			good = first_time(&after_seen) && take_after(value, out);
		} else {
			*parameter = foreign_name(name, frame_base);
			good = false;
		}
		if (!good)
			return SECRETS_BAD_PARAMETER;
	}
	if (m->key && !out->key.p) {
		*parameter = span_of(m->key);
		return SECRETS_BAD_PARAMETER;
	}
	return SECRETS_OK;
}

enum secrets_verdict
secrets_read(
    const struct call *call, char *frame_base, struct secrets_request *out, struct span *parameter)
{
	struct secrets_request q = { .more = call->more, .oneway = call->oneway };
	enum secrets_verdict v;

	*parameter = (struct span){ 0 };
	v = find_method(call->method, &q.method, parameter);
	if (v == SECRETS_OK)
		v = take_parameters(
		    &methods[q.method], call->parameters, frame_base, &q, parameter);
	if (v == SECRETS_OK)
		*out = q;
	return v;
}

/* --- writing replies ------------------------------------------------------------------ */

/* ERROR: the text before an error's first parameter. END: the text after the last parameter. */
#define ERROR(out, name) buf_adds((out), "{\"error\":\"" name "\",\"parameters\":{")
#define END(out)         buf_add((out), "}}", sizeof "}}")

void
secrets_write_refusal(
    struct buf *out, enum secrets_verdict v, const struct call *call, struct span parameter)
{
	switch (v) {
	case SECRETS_NO_INTERFACE:
		ERROR(out, SERVICE ".InterfaceNotFound");
		jtext_member_string(out, "interface", interface_of(call->method));
		break;
	case SECRETS_NO_METHOD:
		ERROR(out, SERVICE ".MethodNotFound");
		jtext_member_string(out, "method", call->method);
		break;
	case SECRETS_BAD_PARAMETER:
		ERROR(out, SERVICE ".InvalidParameter");
		jtext_member_string(out, "parameter", parameter);
		break;
	case SECRETS_OK:
		return;
	}
	END(out);
}

void
secrets_tail_set(
    struct secrets_tail *t, uint64_t generation, enum secrets_state state, int64_t age_ms)
{
	int n;

	if (t->n && t->generation == generation && t->state == state && t->age_ms == age_ms)
		return;
	n = snprintf(t->text, sizeof t->text,
	    ",\"generation\":%" PRIu64 ",\"state\":\"%s\",\"age_ms\":%" PRId64 "}}", generation,
	    secrets_state_name(state), age_ms);
	t->generation = generation;
	t->state = state;
	t->age_ms = age_ms;
	t->n = (size_t)n + 1; /* the NUL ends the frame */
}

void
secrets_write_value(struct buf *out, struct span value_json, const struct secrets_tail *tail)
{
	static const struct span head = SPAN_LITERAL("{\"parameters\":{\"value\":");

	buf_add(out, head.p, head.n);
	buf_add(out, value_json.p, value_json.n);
	buf_add(out, tail->text, tail->n);
}

static void
write_kind_and_key(struct buf *out, enum secrets_kind kind, struct span key)
{
	jtext_member_string(out, "kind", span_of(secrets_kind_name(kind)));
	jtext_member_string(out, "key", key);
}

void
secrets_write_not_found(struct buf *out, enum secrets_kind kind, struct span key,
    enum secrets_state state, int64_t age_ms)
{
	ERROR(out, SECRETS ".NotFound");
	write_kind_and_key(out, kind, key);
	jtext_member_string(out, "state", span_of(secrets_state_name(state)));
	jtext_member_int(out, "age_ms", age_ms);
	END(out);
}

void
secrets_write_not_ready(struct buf *out, const char *reason)
{
	ERROR(out, SECRETS ".NotReady");
	jtext_member_string(out, "reason", span_of(reason));
	END(out);
}

void
secrets_write_expired(struct buf *out, int64_t age_ms, const char *reason)
{
	ERROR(out, SECRETS ".Expired");
	jtext_member_int(out, "age_ms", age_ms);
	jtext_member_string(out, "reason", span_of(reason));
	END(out);
}

void
secrets_write_withheld(
    struct buf *out, enum secrets_kind kind, struct span key, struct span fields_json)
{
	ERROR(out, SECRETS ".Withheld");
	write_kind_and_key(out, kind, key);
	jtext_name(out, "fields");
	buf_add(out, fields_json.p, fields_json.n);
	END(out);
}

void
secrets_write_invalid(struct buf *out, enum secrets_kind kind, struct span key, struct span field)
{
	ERROR(out, SECRETS ".Invalid");
	write_kind_and_key(out, kind, key);
	jtext_member_string(out, "field", field);
	END(out);
}

void
secrets_write_overloaded(struct buf *out, int64_t retry_ms)
{
	ERROR(out, SECRETS ".Overloaded");
	jtext_member_int(out, "retry_ms", retry_ms);
	END(out);
}

void
secrets_write_denied(struct buf *out)
{
	envelope_write_error(out, SERVICE ".PermissionDenied", (struct span){ 0 });
}

void
secrets_write_explain(struct buf *out, bool allowed, const char *rule)
{
	buf_adds(out, "{\"parameters\":{");
	jtext_member_bool(out, "allowed", allowed);
	if (rule)
		jtext_member_string(out, "rule", span_of(rule));
	END(out);
}

void
secrets_write_info(struct buf *out, const char *version)
{
	buf_adds(out, "{\"parameters\":{\"vendor\":\"connd\",\"product\":\"connd\"");
	jtext_member_string(out, "version", span_of(version));
	buf_adds(out, ",\"url\":\"\",\"interfaces\":[\"" SECRETS "\",\"" SERVICE "\"]");
	END(out);
}

void
secrets_write_description(struct buf *out, struct span interface)
{
	const char *text = NULL;

	if (span_is(interface, SECRETS))
		text = embed_io_connd_secrets_varlink;
	else if (span_is(interface, SERVICE))
		text = embed_org_varlink_service_varlink;
	if (!text) {
		secrets_write_refusal(out, SECRETS_BAD_PARAMETER, NULL, SPAN_LITERAL("interface"));
		return;
	}
	buf_adds(out, "{\"parameters\":{");
	jtext_member_string(out, "description", span_of(text));
	END(out);
}

/* --- writing calls -------------------------------------------------------------------- */

static void
write_call_parameters(struct buf *out, const struct method *m, const struct secrets_request *q)
{
	buf_addc(out, '{');
	if (m->key)
		jtext_member_string(out, m->key, q->key);
	if (m->team)
		jtext_member_string(out, "team", q->team);
	if (m->after && q->after)
		jtext_member_int(out, "after", q->after);
	buf_addc(out, '}');
}

void
secrets_write_call(struct buf *out, const struct secrets_request *q)
{
	const struct method *m = &methods[q->method];

	buf_adds(out, "{\"method\":");
	jtext_string(out, m->name);
	if (m->key || (m->after && q->after)) {
		buf_adds(out, ",\"parameters\":");
		write_call_parameters(out, m, q);
	}
	if (q->more)
		jtext_member_bool(out, "more", true);
	buf_add(out, "}", sizeof "}");
}
