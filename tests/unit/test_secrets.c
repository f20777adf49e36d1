/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proto/secrets.h"
#include "tests/unit/check.h"

/* Reads a frame from a writable copy. The caller frees *frame. */
static enum secrets_verdict
ask(const char *text, char **frame, struct call *call, struct secrets_request *q,
    struct span *parameter)
{
	const char *why;

	*frame = strdup(text);
	assert_non_null(*frame);
	if (envelope_call(span_of(*frame), call, &why))
		fail_msg("%s: %s", text, why);
	return secrets_read(call, *frame, q, parameter);
}

#define CONN "{\"method\":\"io.connd.secrets.GetConnection\",\"parameters\":"
#define VAR  "{\"method\":\"io.connd.secrets.GetVariable\",\"parameters\":"
#define CONF "{\"method\":\"io.connd.secrets.GetConfig\",\"parameters\":"

static void
requests_are_read(void **state)
{
	static const struct {
		const char *frame;
		enum secrets_method method;
		const char *key, *team;
	} rows[] = {
		{ CONN "{\"conn_id\":\"warehouse\"}}", SECRETS_GET_CONNECTION, "warehouse", NULL },
		{ CONN "{\"team\":\"red\",\"conn_id\":\"w\"}}", SECRETS_GET_CONNECTION, "w",
		    "red" },
		{ CONN "{\"conn_id\":\"w\",\"team\":null}}", SECRETS_GET_CONNECTION, "w", NULL },
		{ CONN "{\"conn_id\":\"w\",\"team\":\"\"}}", SECRETS_GET_CONNECTION, "w", NULL },
		{ CONN "{\"conn_id\":\"\"}}", SECRETS_GET_CONNECTION, "", NULL },
		{ CONN "{\"c\\u006fnn_id\":\"a\\\"\\u00e9\\n\",\"te\\u0061m\":\"\\u0074\"}}",
		    SECRETS_GET_CONNECTION, "a\"\xc3\xa9\n", "t" },
		{ VAR "{\"key\":\"k\",\"team\":\"t\"}}", SECRETS_GET_VARIABLE, "k", "t" },
		{ CONF "{\"key\":\"core/x\"}}", SECRETS_GET_CONFIG, "core/x", NULL },
		{ "{\"method\":\"io.connd.secrets.List\"}", SECRETS_LIST, NULL, NULL },
		{ "{\"method\":\"io.connd.secrets.Li\\u0073t\"}", SECRETS_LIST, NULL, NULL },
		{ "{\"method\":\"io.connd.secrets.Status\",\"parameters\":{}}", SECRETS_STATUS,
		    NULL, NULL },
		{ "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":null}",
		    SERVICE_GET_INFO, NULL, NULL },
		{ "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
		  "{\"interface\":\"x.y\"}}",
		    SERVICE_GET_INTERFACE_DESCRIPTION, "x.y", NULL },
	};
	struct span parameter;
	struct secrets_request q;
	struct call call;
	char *frame;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(ask(rows[i].frame, &frame, &call, &q, &parameter), SECRETS_OK);
		assert_int_equal(q.method, rows[i].method);
		assert_span(q.key, rows[i].key);
		assert_span(q.team, rows[i].team);
		assert_false(q.more || q.oneway);
		free(frame);
	}
	assert_int_equal(ask("{\"method\":\"io.connd.secrets.List\",\"more\":true}", &frame, &call,
			     &q, &parameter),
	    SECRETS_OK);
	assert_true(q.more && !q.oneway);
	free(frame);
	assert_int_equal(ask("{\"method\":\"io.connd.secrets.List\",\"oneway\":true}", &frame,
			     &call, &q, &parameter),
	    SECRETS_OK);
	assert_true(!q.more && q.oneway);
	free(frame);
}

#define INVALID(name)                                                                              \
	"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":" name  \
	"}}"
#define NO_METHOD(name)                                                                            \
	"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":" name "}}"
#define NO_INTERFACE(name)                                                                         \
	"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":" name \
	"}}"

static void
refusals_name_what_was_wrong(void **state)
{
	static const struct {
		const char *frame;
		enum secrets_verdict verdict;
		const char *reply;
	} rows[] = {
		{ "{\"method\":\"io.connd.secrets.GetConnection\"}", SECRETS_BAD_PARAMETER,
		    INVALID("\"conn_id\"") },
		{ CONN "{\"key\":\"w\"}}", SECRETS_BAD_PARAMETER, INVALID("\"key\"") },
		{ CONN "{\"team\":\"t\"}}", SECRETS_BAD_PARAMETER, INVALID("\"conn_id\"") },
		{ CONN "{\"conn_id\":null}}", SECRETS_BAD_PARAMETER, INVALID("\"conn_id\"") },
		{ CONN "{\"conn_id\":7}}", SECRETS_BAD_PARAMETER, INVALID("\"conn_id\"") },
		{ CONN "{\"conn_id\":[\"w\"]}}", SECRETS_BAD_PARAMETER, INVALID("\"conn_id\"") },
		{ CONN "{\"conn_id\":\"a\",\"conn_id\":\"b\"}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"conn_id\"") },
		{ CONN "{\"conn_id\":\"a\\u0000b\"}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"conn_id\"") },
		{ CONN "{\"conn_id\":\"\\ud800\"}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"conn_id\"") },
		{ CONN "{\"conn_id\":\"a\",\"team\":1}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"team\"") },
		{ CONN "{\"conn_id\":\"a\",\"team\":\"\\u0000\"}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"team\"") },
		{ CONN "{\"team\":null,\"conn_id\":\"a\",\"team\":\"t\"}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"team\"") },
		{ CONN "{\"team\":\"\",\"conn_id\":\"a\",\"team\":\"t\"}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"team\"") },
		{ CONN "{\"conn_id\":\"a\",\"foo\":1}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"foo\"") },
		{ CONN "{\"f\\\"\\u006fo\":1}}", SECRETS_BAD_PARAMETER, INVALID("\"f\\\"oo\"") },
		{ CONN "{\"f\\u0000o\":1}}", SECRETS_BAD_PARAMETER, INVALID("\"parameters\"") },
		{ CONF "{\"key\":\"k\",\"team\":\"t\"}}", SECRETS_BAD_PARAMETER,
		    INVALID("\"team\"") },
		{ "{\"method\":\"io.connd.secrets.List\",\"parameters\":{\"x\":1}}",
		    SECRETS_BAD_PARAMETER, INVALID("\"x\"") },
		{ "{\"method\":\"\"}", SECRETS_BAD_PARAMETER, INVALID("\"method\"") },
		{ "{\"method\":\"List\"}", SECRETS_BAD_PARAMETER, INVALID("\"method\"") },
		{ "{\"method\":\".List\"}", SECRETS_BAD_PARAMETER, INVALID("\"method\"") },
		{ "{\"method\":\"io.connd.secrets.\"}", SECRETS_BAD_PARAMETER,
		    INVALID("\"method\"") },
		{ "{\"method\":\"a.B\\u0000\"}", SECRETS_BAD_PARAMETER, INVALID("\"method\"") },
		{ "{\"method\":\"a.\xc3\xa9\"}", SECRETS_BAD_PARAMETER, INVALID("\"method\"") },
		{ "{\"method\":\"io.connd.secrets.GetConnectio\"}", SECRETS_NO_METHOD,
		    NO_METHOD("\"io.connd.secrets.GetConnectio\"") },
		{ "{\"method\":\"io.connd.secrets.list\"}", SECRETS_NO_METHOD,
		    NO_METHOD("\"io.connd.secrets.list\"") },
		{ "{\"method\":\"org.varlink.service.List\"}", SECRETS_NO_METHOD,
		    NO_METHOD("\"org.varlink.service.List\"") },
		{ "{\"method\":\"io.connd.secret.List\"}", SECRETS_NO_INTERFACE,
		    NO_INTERFACE("\"io.connd.secret\"") },
		{ "{\"method\":\"io.connd.List\"}", SECRETS_NO_INTERFACE,
		    NO_INTERFACE("\"io.connd\"") },
		{ "{\"method\":\"io.connd.secrets.x.List\"}", SECRETS_NO_INTERFACE,
		    NO_INTERFACE("\"io.connd.secrets.x\"") },
	};
	struct buf out = BUF_INIT(4096);
	struct span parameter, value;
	struct secrets_request q;
	struct call call;
	char *frame;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		enum secrets_verdict v = ask(rows[i].frame, &frame, &call, &q, &parameter);

		if (v != rows[i].verdict)
			fail_msg("%s: verdict %d", rows[i].frame, v);
		buf_reset(&out);
		secrets_write_refusal(&out, v, &call, parameter);
		assert_int_equal(out.len, strlen(rows[i].reply) + 1);
		assert_string_equal(buf_str(&out), rows[i].reply);
		/* Stock clients refuse replies that are not strict JSON. */
		assert_int_equal(
		    scan_check((struct span){ out.data, out.len - 1 }, SCAN_STRICT, &value, NULL),
		    0);
		free(frame);
	}
	buf_fini(&out);
}

static void
keys_have_a_cap(void **state)
{
	char text[LIMIT_KEY_BYTES + 128], key[LIMIT_KEY_BYTES + 2];
	struct span parameter;
	struct secrets_request q;
	struct call call;
	char *frame;

	(void)state;
	memset(key, 'k', sizeof key);
	for (size_t n = LIMIT_KEY_BYTES; n <= LIMIT_KEY_BYTES + 1; n++) {
		enum secrets_verdict want =
		    n > LIMIT_KEY_BYTES ? SECRETS_BAD_PARAMETER : SECRETS_OK;

		snprintf(text, sizeof text, "%s{\"key\":\"%.*s\"}}", CONF, (int)n, key);
		assert_int_equal(ask(text, &frame, &call, &q, &parameter), want);
		if (want == SECRETS_OK)
			assert_int_equal(q.key.n, n);
		else
			assert_span(parameter, "key");
		free(frame);
	}
}

static void
answers_are_whole_frames(void **state)
{
	static const char want[] =
	    "{\"parameters\":{\"value\":\"a\\\"b\",\"generation\":7,\"state\":\"fresh\",\"age_ms\":"
	    "12}}\0"
	    "{\"error\":\"io.connd.secrets.NotFound\",\"parameters\":{\"kind\":\"connection\","
	    "\"key\":\"w\\\"\",\"state\":\"offline\",\"age_ms\":5}}\0"
	    "{\"error\":\"io.connd.secrets.NotReady\",\"parameters\":{\"reason\":\"no data "
	    "yet\"}}\0"
	    "{\"error\":\"io.connd.secrets.Expired\",\"parameters\":{\"age_ms\":9,\"reason\":\"x\"}"
	    "}\0"
	    "{\"error\":\"io.connd.secrets.Withheld\",\"parameters\":{\"kind\":\"variable\","
	    "\"key\":\"v\",\"fields\":[\"value\"]}}\0"
	    "{\"error\":\"io.connd.secrets.Invalid\",\"parameters\":{\"kind\":\"environment-"
	    "variable\","
	    "\"key\":\"E\",\"field\":\"value\"}}\0"
	    "{\"error\":\"io.connd.secrets.Overloaded\",\"parameters\":{\"retry_ms\":250}}\0"
	    "{\"error\":\"org.varlink.service.PermissionDenied\"}\0"
	    "{\"parameters\":{\"vendor\":\"connd\",\"product\":\"connd\",\"version\":\"1.2\","
	    "\"url\":\"\",\"interfaces\":[\"io.connd.secrets\",\"org.varlink.service\"]}}\0"
	    "{\"error\":\"org.varlink.service.InvalidParameter\","
	    "\"parameters\":{\"parameter\":\"interface\"}}";
	struct buf out = BUF_INIT(1 << 16);
	struct secrets_tail tail = { 0 };

	(void)state;
	secrets_tail_set(&tail, 7, SECRETS_FRESH, 12);
	secrets_write_value(&out, SPAN_LITERAL("\"a\\\"b\""), &tail);
	secrets_write_not_found(&out, SECRETS_CONNECTION, SPAN_LITERAL("w\""), SECRETS_OFFLINE, 5);
	secrets_write_not_ready(&out, "no data yet");
	secrets_write_expired(&out, 9, "x");
	secrets_write_withheld(
	    &out, SECRETS_VARIABLE, SPAN_LITERAL("v"), SPAN_LITERAL("[\"value\"]"));
	secrets_write_invalid(&out, SECRETS_ENV, SPAN_LITERAL("E"), SPAN_LITERAL("value"));
	secrets_write_overloaded(&out, 250);
	secrets_write_denied(&out);
	secrets_write_info(&out, "1.2");
	secrets_write_description(&out, SPAN_LITERAL("io.connd"));
	assert_int_equal(buf_error(&out), 0);
	assert_int_equal(out.len, sizeof want);
	assert_memory_equal(out.data, want, sizeof want);
	buf_fini(&out);
	assert_int_equal(mem_live(), 0);
}

/* Any of the three changes it; the same again does not, and no text is cut. */
static void
a_tail_says_what_was_set_last(void **state)
{
	static const struct {
		uint64_t generation;
		enum secrets_state state;
		int64_t age_ms;
		const char *text;
	} rows[] = {
		{ 7, SECRETS_FRESH, 12, ",\"generation\":7,\"state\":\"fresh\",\"age_ms\":12}}" },
		{ 7, SECRETS_FRESH, 12, ",\"generation\":7,\"state\":\"fresh\",\"age_ms\":12}}" },
		{ 8, SECRETS_FRESH, 12, ",\"generation\":8,\"state\":\"fresh\",\"age_ms\":12}}" },
		{ 8, SECRETS_STALE, 12, ",\"generation\":8,\"state\":\"stale\",\"age_ms\":12}}" },
		{ 8, SECRETS_STALE, 13, ",\"generation\":8,\"state\":\"stale\",\"age_ms\":13}}" },
		{ 0, SECRETS_NOT_READY, 0,
		    ",\"generation\":0,\"state\":\"not-ready\",\"age_ms\":0}}" },
		{ UINT64_MAX, SECRETS_NOT_READY, INT64_MIN,
		    ",\"generation\":18446744073709551615,\"state\":\"not-ready\","
		    "\"age_ms\":-9223372036854775808}}" },
	};
	struct secrets_tail tail = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		secrets_tail_set(&tail, rows[i].generation, rows[i].state, rows[i].age_ms);
		assert_string_equal(tail.text, rows[i].text);
		assert_int_equal(tail.n, strlen(rows[i].text) + 1);
	}
}

static void
states_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(secrets_state_name(SECRETS_NOT_READY), "not-ready");
	assert_string_equal(secrets_state_name(SECRETS_FRESH), "fresh");
	assert_string_equal(secrets_state_name(SECRETS_STALE), "stale");
	assert_string_equal(secrets_state_name(SECRETS_OFFLINE), "offline");
	assert_string_equal(secrets_state_name(SECRETS_EXPIRED), "expired");
}

static void
interfaces_are_described_in_full(void **state)
{
	static const struct {
		const char *interface, *has;
	} rows[] = {
		{ "io.connd.secrets", "\nmethod GetConnection(\n  conn_id: string,\n" },
		{ "org.varlink.service", "\nerror ExpectedMore()\n" },
	};
	struct buf out = BUF_INIT(1 << 16), text = BUF_INIT(1 << 16);

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct span description;
		struct reply reply;

		buf_reset(&out);
		buf_reset(&text);
		secrets_write_description(&out, span_of(rows[i].interface));
		assert_int_equal(envelope_reply((struct span){ out.data, out.len - 1 }, &reply), 0);
		assert_null(reply.error.p);
		assert_int_equal(scan_find(reply.parameters, "description", &description), 0);
		assert_int_equal(scan_string(description, &text), 0);
		assert_non_null(strstr(buf_str(&text), rows[i].has));
		assert_non_null(strstr(buf_str(&text), rows[i].interface));
	}
	buf_fini(&out);
	buf_fini(&text);
}

/* connd reads what connctl writes. */
static void
calls_come_back_as_requests(void **state)
{
	static const struct {
		enum secrets_method method;
		const char *key, *team;
		bool more;
		const char *frame;
	} rows[] = {
		{ SECRETS_GET_CONNECTION, "w\"", NULL, false, CONN "{\"conn_id\":\"w\\\"\"}}" },
		{ SECRETS_GET_CONNECTION, "w", "t", false,
		    CONN "{\"conn_id\":\"w\",\"team\":\"t\"}}" },
		{ SECRETS_GET_VARIABLE, "k\xc3\xa9\x01", NULL, false,
		    VAR "{\"key\":\"k\xc3\xa9\\u0001\"}}" },
		{ SECRETS_GET_CONFIG, "a/b", NULL, false, CONF "{\"key\":\"a/b\"}}" },
		{ SECRETS_LIST, NULL, NULL, true,
		    "{\"method\":\"io.connd.secrets.List\",\"more\":true}" },
		{ SECRETS_STATUS, NULL, NULL, false, "{\"method\":\"io.connd.secrets.Status\"}" },
		{ SERVICE_GET_INFO, NULL, NULL, false,
		    "{\"method\":\"org.varlink.service.GetInfo\"}" },
		{ SERVICE_GET_INTERFACE_DESCRIPTION, "a.b", NULL, false,
		    "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		    "\"parameters\":{\"interface\":\"a.b\"}}" },
	};
	struct buf out = BUF_INIT(1 << 16);
	struct span parameter;
	struct secrets_request q;
	struct call call;
	char *frame;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		buf_reset(&out);
		secrets_write_call(&out, &(struct secrets_request){ .method = rows[i].method,
					     .key = span_of(rows[i].key),
					     .team = span_of(rows[i].team),
					     .more = rows[i].more });
		assert_int_equal(out.len, strlen(rows[i].frame) + 1);
		assert_string_equal(buf_str(&out), rows[i].frame);
		assert_int_equal(ask(buf_str(&out), &frame, &call, &q, &parameter), SECRETS_OK);
		assert_int_equal(q.method, rows[i].method);
		assert_span(q.key, rows[i].key);
		assert_span(q.team, rows[i].team);
		assert_int_equal(q.more, rows[i].more);
		free(frame);
	}
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(refusals_name_what_was_wrong),
		cmocka_unit_test(keys_have_a_cap),
		cmocka_unit_test(answers_are_whole_frames),
		cmocka_unit_test(a_tail_says_what_was_set_last),
		cmocka_unit_test(states_have_their_names),
		cmocka_unit_test(interfaces_are_described_in_full),
		cmocka_unit_test(calls_come_back_as_requests),
	};

	return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
