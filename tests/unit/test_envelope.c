/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "proto/envelope.h"
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
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(frames_are_written_without_what_is_empty),
	};

	return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
