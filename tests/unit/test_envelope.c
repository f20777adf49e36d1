/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "proto/envelope.h"
#include "tests/lib/call_in_two_passes.h"
#include "tests/unit/check.h"

static void
calls_are_read(void **state)
{
	static const struct {
		const char *frame, *method, *parameters, *trace;
		bool oneway, more;
	} rows[] = {
		{ "{\"method\":\"a.B\"}", "a.B", NULL, NULL, false, false },
		{ " { \"method\" : \"a.B\" , \"parameters\" : { \"x\" : 1 } } ", "a.B",
		    "{ \"x\" : 1 }", NULL, false, false },
		{ "{\"parameters\":{},\"method\":\"a.B\"}", "a.B", NULL, NULL, false, false },
		{ "{\"parameters\":{ },\"method\":\"a.B\"}", "a.B", NULL, NULL, false, false },
		{ "{\"parameters\":null,\"method\":\"a.B\"}", "a.B", NULL, NULL, false, false },
		{ "{\"method\":\"a.B\",\"more\":true}", "a.B", NULL, NULL, false, true },
		{ "{\"method\":\"a.B\",\"oneway\":true}", "a.B", NULL, NULL, true, false },
		{ "{\"method\":\"a.B\",\"more\":true,\"oneway\":false,\"upgrade\":false}", "a.B",
		    NULL, NULL, false, true },
		{ "{\"meth\\u006fd\":\"a.B\"}", "a.B", NULL, NULL, false, false },
		{ "{\"method\":\"a.B\",\"io.connd.trace\":\"00-ab-01\"}", "a.B", NULL, "00-ab-01",
		    false, false },
		{ "{\"method\":\"a.B\",\"io.connd.trace\":\"a\\nb\"}", "a.B", NULL, NULL, false,
		    false },
		{ "{\"method\":\"a.B\",\"io.connd.trace\":7}", "a.B", NULL, NULL, false, false },
		{ "{\"method\":\"a.B\",\"org.x\":{\"y\":[]},\"org.x\":1}", "a.B", NULL, NULL, false,
		    false },
		/* Not a method name, but a string: gets an error response, not a close. */
		{ "{\"method\":\"\"}", "", NULL, NULL, false, false },
		/* The handler refuses an invalid key. */
		{ "{\"method\":\"a.B\",\"parameters\":{\"k\":\"\\u0000\"}}", "a.B",
		    "{\"k\":\"\\u0000\"}", NULL, false, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		const char *why = "";
		struct call c;

		if (envelope_call(span_of(rows[i].frame), &c, &why))
			fail_msg("%s: %s", rows[i].frame, why);
		assert_null(why);
		assert_span(c.method, rows[i].method);
		assert_span(c.parameters, rows[i].parameters);
		assert_span(c.trace, rows[i].trace);
		assert_int_equal(c.oneway, rows[i].oneway);
		assert_int_equal(c.more, rows[i].more);
	}
}

static void
what_must_close_is_refused(void **state)
{
	static const struct {
		const char *frame, *why;
	} rows[] = {
		{ "", "not JSON" },
		{ "foo", "not JSON" },
		{ "{\"method\":\"a.B\"}x", "not JSON" },
		{ "{\"method\":\"a.\xff\"}", "not JSON" },
		{ "[]", "not an object" },
		{ "\"method\"", "not an object" },
		{ "null", "not an object" },
		{ "{}", "method is missing" },
		{ "{\"parameters\":{}}", "method is missing" },
		{ "{\"method\":1}", "method is not a string" },
		{ "{\"method\":null}", "method is not a string" },
		{ "{\"method\":\"a.B\",\"method\":\"a.B\"}", "a member occurs twice" },
		{ "{\"method\":\"a.B\",\"m\\u0065thod\":\"a.B\"}", "a member occurs twice" },
		{ "{\"method\":\"a.B\",\"parameters\":{},\"parameters\":{}}",
		    "a member occurs twice" },
		{ "{\"method\":\"a.B\",\"more\":true,\"more\":true}", "a member occurs twice" },
		{ "{\"method\":\"a.B\",\"io.connd.trace\":\"x\",\"io.connd.trace\":\"y\"}",
		    "a member occurs twice" },
		{ "{\"method\":\"a.B\",\"parameters\":[]}", "parameters are not an object" },
		{ "{\"method\":\"a.B\",\"parameters\":\"\"}", "parameters are not an object" },
		{ "{\"method\":\"a.B\",\"parameters\":false}", "parameters are not an object" },
		{ "{\"method\":\"a.B\",\"more\":1}", "more is not a boolean" },
		{ "{\"method\":\"a.B\",\"more\":null}", "more is not a boolean" },
		{ "{\"method\":\"a.B\",\"oneway\":\"true\"}", "oneway is not a boolean" },
		{ "{\"method\":\"a.B\",\"upgrade\":0}", "upgrade is not a boolean" },
		{ "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", "more than one flag" },
		{ "{\"method\":\"a.B\",\"more\":true,\"upgrade\":true}", "more than one flag" },
		{ "{\"method\":\"a.B\",\"oneway\":true,\"upgrade\":true}", "more than one flag" },
		{ "{\"method\":\"a.B\",\"upgrade\":true}", "upgrade is not supported" },
		{ "{\"method\":\"a.B\",\"extra\":1}", "unknown member" },
		{ "{\"method\":\"a.B\",\"\":1}", "unknown member" },
		{ "{\"method\":\"a.B\",\"Method\":1}", "unknown member" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		const char *why = NULL;
		struct call c;

		if (envelope_call(span_of(rows[i].frame), &c, &why) != -EBADMSG)
			fail_msg("accepted: %s", rows[i].frame);
		assert_string_equal(why, rows[i].why);
	}
}

/* A new number for each call, the same in each run. */
static uint32_t
next_number(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void
assert_same_verdict(struct span frame)
{
	struct call one = { 0 }, two = { 0 };
	const char *why;
	bool is_call = envelope_call(frame, &one, &why) == 0;

	if (is_call != call_in_two_passes(frame, &two))
		fail_msg("%.*s: %s", (int)frame.n, frame.p, why ? why : "accepted");
	if (!is_call)
		return;
	if (one.method.p != two.method.p || one.method.n != two.method.n ||
	    one.parameters.p != two.parameters.p || one.parameters.n != two.parameters.n ||
	    one.trace.p != two.trace.p || one.trace.n != two.trace.n || one.more != two.more ||
	    one.oneway != two.oneway)
		fail_msg("%.*s: another call", (int)frame.n, frame.p);
}

/*
 * Writes a frame of random tokens: mostly members that a call has, sometimes with their names
 * escaped, twice, of a wrong type, nested, or torn.
 */
static size_t
random_frame(char *to, size_t room)
{
	static const char *const names[] = { "method", "parameters", "more", "oneway", "upgrade",
		"io.connd.trace", "org.x", "meth\\u006fd", "m\\/", "other", "" };
	static const char *const values[] = { "\"a.B\"", "{\"key\":\"a long enough key\"}", "{ }",
		"{\"k\" :[1,{}, \"\\ud800\"]}", "true", "false", "null", "-1.5e3", "01",
		"\"\\u0000\"", "\"\xc3\xa9\"", "\"\xff\"", "\"tab\t\"", "[", "]", "\"a\\q\"",
		"\"eight by8\\n\"" };
	size_t n = (size_t)snprintf(to, room, "%s", next_number() % 16 ? "{" : " {");
	uint32_t members = next_number() % 5;

	for (uint32_t i = 0; i < members; i++) {
		bool is_good = i == 0 && next_number() % 4;

		n += (size_t)snprintf(to + n, room - n, "%s%s\"%s\"%s%s", i ? "," : "",
		    next_number() % 8 ? "" : " \n",
		    names[is_good ? 0 : next_number() % N_ELEMENTS(names)],
		    next_number() % 32 ? ":" : " : ",
		    values[is_good ? 0 : next_number() % N_ELEMENTS(values)]);
	}
	n += (size_t)snprintf(to + n, room - n, "%s", next_number() % 16 ? "}" : "} x");
	if (next_number() % 4 == 0)
		to[next_number() % n] = "{}[]\",:\\ \x80\x1f"[next_number() % 11];
	return n;
}

static void
one_pass_and_two_agree(void **state)
{
	char frame[1024];
	int accepted = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct span all = { frame, random_frame(frame, sizeof frame) };
		struct call call;
		const char *why;

		assert_same_verdict(all);
		accepted += envelope_call(all, &call, &why) == 0;
	}
	assert_true(accepted > 1000);
}

static void
replies_are_read(void **state)
{
	static const struct {
		const char *frame, *error, *parameters;
		int r;
		bool continues;
	} rows[] = {
		{ "{}", NULL, NULL, 0, false },
		{ "{\"parameters\":{}}", NULL, NULL, 0, false },
		{ "{\"parameters\":null,\"error\":null}", NULL, NULL, 0, false },
		{ "{\"parameters\":{\"a\":1},\"continues\":true}", NULL, "{\"a\":1}", 0, true },
		{ "{\"continues\":false}", NULL, NULL, 0, false },
		{ "{\"error\":\"a.B\",\"parameters\":{\"a\":1},\"new\":[]}", "a.B", "{\"a\":1}", 0,
		    false },
		{ "", NULL, NULL, -EBADMSG, false },
		{ "[]", NULL, NULL, -EBADMSG, false },
		{ "{\"error\":1}", NULL, NULL, -EBADMSG, false },
		{ "{\"error\":\"a\",\"error\":\"b\"}", NULL, NULL, -EBADMSG, false },
		{ "{\"parameters\":[]}", NULL, NULL, -EBADMSG, false },
		{ "{\"parameters\":{},\"parameters\":{}}", NULL, NULL, -EBADMSG, false },
		{ "{\"continues\":1}", NULL, NULL, -EBADMSG, false },
		{ "{\"continues\":true,\"continues\":true}", NULL, NULL, -EBADMSG, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct reply reply = { 0 };

		assert_int_equal(envelope_reply(span_of(rows[i].frame), &reply), rows[i].r);
		assert_span(reply.error, rows[i].error);
		assert_span(reply.parameters, rows[i].parameters);
		assert_int_equal(reply.continues, rows[i].continues);
	}
}

static void
frames_are_written_without_what_is_empty(void **state)
{
	static const char want[] = "{\"method\":\"a.B\"}\0"
				   "{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true}\0"
				   "{}\0"
				   "{\"parameters\":{\"x\":1}}\0"
				   "{\"parameters\":{\"x\":1},\"continues\":true}\0"
				   "{\"error\":\"a.E\"}\0"
				   "{\"error\":\"a.E\",\"parameters\":{\"x\":1}}";
	struct span none = { 0 }, some = SPAN_LITERAL("{\"x\":1}");
	struct buf out = BUF_INIT(1024);

	(void)state;
	envelope_write_call(&out, "a.B", none, false);
	envelope_write_call(&out, "a.B", some, true);
	envelope_write_reply(&out, none, false);
	envelope_write_reply(&out, some, false);
	envelope_write_reply(&out, some, true);
	envelope_write_error(&out, "a.E", none);
	envelope_write_error(&out, "a.E", some);
	assert_int_equal(buf_error(&out), 0);
	assert_int_equal(out.len, sizeof want);
	assert_memory_equal(out.data, want, sizeof want);
	buf_fini(&out);
	assert_int_equal(mem_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_read),
		cmocka_unit_test(what_must_close_is_refused),
		cmocka_unit_test(one_pass_and_two_agree),
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(frames_are_written_without_what_is_empty),
	};

	return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
