/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/import/file: reading the files that Airflow's export writes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/import/file.h"
#include "ctl/json.h"

static struct import_list list;
static struct import_fault fault;

static int
read_text(enum import_kind kind, const char *text)
{
	import_list_fini(&list);
	fault = (struct import_fault){ 0 };
	return import_read(&list, kind, IMPORT_JSON, span_of(text), &fault);
}

static int
tear_down(void **state)
{
	(void)state;
	import_list_fini(&list);
	return 0;
}

static void
connections_become_the_words_of_the_api(void **state)
{
	static const struct {
		const char *text, *typed;
	} rows[] = {
		{ "{'conn_type':'http'}", "{'type':'http'}" },
		{ "{'conn_type':'http','host':'','login':null,'port':null,'extra':''}",
		    "{'type':'http','host':''}" },
		{ "{'conn_type':'http','login':'','schema':'','password':''}",
		    "{'type':'http','login':'','schema':''}" },
		{ "{'conn_type':'p','host':'h','login':'l','password':'p','schema':'s','port':1}",
		    "{'type':'p','host':'h','login':'l','password':'p','schema':'s','port':1}" },
		{ "{'conn_type':'p','port':'5432'}", "{'type':'p','port':5432}" },
		{ "{'conn_type':'p','port':0}", "{'type':'p'}" },
		{ "{'conn_type':'p','port':''}", "{'type':'p'}" },
		{ "{'conn_type':'p','conn_id':'a','team_name':null,'uri':''}", "{'type':'p'}" },
		{ "{'conn_type':'p','extra_dejson':{'a':1}}", "{'type':'p','extra':{'a':1}}" },
		{ "[{'conn_type':'p'}]", "{'type':'p'}" },
		{ "' {\\\"conn_type\\\":\\\"p\\\"}'", "{'type':'p'}" },
		{ "'a-b://h'", "{'type':'a_b','host':'h','schema':''}" },
		{ "{'uri':'p://h/s','port':null,'extra':''}",
		    "{'type':'p','host':'h','schema':'s'}" },
		{ "{'conn_type':'p','extra':{'n':-9223372036854775808}}",
		    "{'type':'p','extra':{'n':-9223372036854775808}}" },
		{ "{'conn_type':'p','extra':'{\\\"n\\\": 9223372036854775807, \\\"f\\\": 1.50}'}",
		    "{'type':'p','extra':{'n':9223372036854775807,'f':1.50}}" },
		{ "{'conn_type':'p','extra':' \\n'}", "{'type':'p'}" },
		{ "{'conn_type':'p','extra':'null'}", "{'type':'p'}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char text[256], typed[256];

		(void)snprintf(text, sizeof text, "{'a':%s}", rows[i].text);
		(void)snprintf(typed, sizeof typed, "%s", rows[i].typed);
		for (char *p = text; (p = strchr(p, '\''));)
			*p = '"';
		for (char *p = typed; (p = strchr(p, '\''));)
			*p = '"';
		assert_int_equal(read_text(IMPORT_CONNECTION, text), 0);
		assert_int_equal(list.n, 1);
		assert_null(list.entry[0].refused);
		assert_string_equal(list.entry[0].key, "a");
		assert_string_equal(list.entry[0].typed, typed);
		assert_string_equal(list.entry[0].description, "");
	}
}

static void
variables_keep_their_text(void **state)
{
	static const struct {
		const char *text, *typed, *description;
	} rows[] = {
		{ "\"x\"", "{\"value\":\"x\"}", "" },
		{ "\"\"", "{\"value\":\"\"}", "" },
		{ "18446744073709551615", "{\"value\":\"18446744073709551615\"}", "" },
		{ "true", "{\"value\":\"true\"}", "" },
		{ "null", "{\"value\":\"null\"}", "" },
		{ "[1, \"a\"]", "{\"value\":\"[1,\\\"a\\\"]\"}", "" },
		{ "{\"value\": \"x\", \"description\": \"d\"}", "{\"value\":\"x\"}", "d" },
		{ "{\"value\": 5, \"description\": null}", "{\"value\":\"5\"}", "" },
		{ "{\"value\": 5}", "{\"value\":\"{\\\"value\\\":5}\"}", "" },
		{ "{\"value\": 5, \"more\": 1}", "{\"value\":\"{\\\"value\\\":5,\\\"more\\\":1}\"}",
		    "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char text[256];

		(void)snprintf(text, sizeof text, "{\"a b\":%s}", rows[i].text);
		assert_int_equal(read_text(IMPORT_VARIABLE, text), 0);
		assert_null(list.entry[0].refused);
		assert_string_equal(list.entry[0].typed, rows[i].typed);
		assert_string_equal(list.entry[0].description, rows[i].description);
	}
}

/* As Python's json.dump() writes them: the text of the variable was the word itself. */
static void
numbers_that_json_has_not_got_keep_their_text(void **state)
{
	static const char text[] = "{\"\\\"NaN\\\\\": NaN, \"b\":\n-Infinity,\"c\":Infinity,"
				   "\"d\":\"NaN, Infinity\",\"e\":{\"f\":[NaN]},\"g\":\"\\\"NaN\"}";
	static const char *const typed[] = { "{\"value\":\"NaN\"}", "{\"value\":\"-Infinity\"}",
		"{\"value\":\"Infinity\"}", "{\"value\":\"NaN, Infinity\"}", NULL,
		"{\"value\":\"\\\"NaN\"}" };

	(void)state;
	assert_int_equal(read_text(IMPORT_VARIABLE, text), 0);
	assert_int_equal(list.n, N_ELEMENTS(typed));
	assert_string_equal(list.entry[0].key, "\"NaN\\");
	for (size_t i = 0; i < N_ELEMENTS(typed); i++) {
		assert_int_equal(!list.entry[i].refused, typed[i] != NULL);
		if (typed[i])
			assert_string_equal(list.entry[i].typed, typed[i]);
	}
	assert_int_equal(read_text(IMPORT_VARIABLE, "{\"a\":NaN"), -EBADMSG);
	assert_int_equal(read_text(IMPORT_VARIABLE, "{\"a\":NaNa}"), -EBADMSG);
}

static void
what_an_export_may_have_changed_is_noted(void **state)
{
	(void)state;
	assert_int_equal(
	    read_text(IMPORT_VARIABLE, "{\"a\":3.1,\"b\":1e5,\"c\":3,\"d\":\"3.1\",\"e\":[1.5]}"),
	    0);
	assert_int_equal(list.n, 5);
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(list.entry[i].note != NULL, i < 2);
}

static void
one_that_is_bad_is_refused_alone(void **state)
{
	static const struct {
		enum import_kind kind;
		const char *key, *value, *reason;
	} rows[] = {
		{ IMPORT_CONNECTION, "a b", "{\"conn_type\":\"x\"}", "letters" },
		{ IMPORT_CONNECTION, "", "{\"conn_type\":\"x\"}", "1 to 250" },
		{ IMPORT_CONNECTION, "\\ud800", "{\"conn_type\":\"x\"}", "surrogate" },
		{ IMPORT_CONNECTION, "a", "{}", "conn_type" },
		{ IMPORT_CONNECTION, "a", "[]", "expected one" },
		{ IMPORT_CONNECTION, "a", "[\"a://h\",\"b://h\"]", "expected one" },
		{ IMPORT_CONNECTION, "a", "5", "neither" },
		{ IMPORT_CONNECTION, "a", "\"text\"", "TYPE://" },
		{ IMPORT_CONNECTION, "a", "\"{text\"", "NaN" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"pasword\":\"\"}", "other than" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"conn_id\":\"b\"}", "conn_id" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"uri\":\"x://h\"}", "both" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"team_name\":\"t\"}", "team" },
		{ IMPORT_CONNECTION, "a", "{\"extra\":{},\"extra_dejson\":{}}", "both" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":5}", "strings" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"description\":5}", "strings" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"port\":65536}", "port" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"port\":1.0}", "port" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"port\":\"9x\"}", "port" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"port\":\"99999999999999999999\"}",
		    "port" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"extra\":\"text\"}", "extra" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"extra\":[]}", "extra" },
		{ IMPORT_CONNECTION, "a", "{\"conn_type\":\"x\",\"conn_type\":\"y\"}", "twice" },
		{ IMPORT_VARIABLE, "a\\u0085", "1", "control" },
		{ IMPORT_VARIABLE, "a", "\"\\u0000\"", "U+0000" },
		{ IMPORT_VARIABLE, "a", "{\"value\":1,\"description\":2}", "string" },
		{ IMPORT_VARIABLE, "a", "[1, NaN]", "NaN" },
		{ IMPORT_VARIABLE, "a", "{\"value\":-Infinity,\"description\":\"\"}", "Infinity" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char text[256];

		(void)snprintf(text, sizeof text, "{\"%s\":%s,\"zz\":{\"conn_type\":\"x\"}}",
		    rows[i].key, rows[i].value);
		assert_int_equal(read_text(rows[i].kind, text), 0);
		assert_int_equal(list.n, 2);
		assert_non_null(list.entry[0].refused);
		assert_non_null(strstr(list.entry[0].refused, rows[i].reason));
		assert_null(list.entry[0].typed);
		assert_null(list.entry[1].refused);
	}
}

static void
of_two_values_for_a_key_neither_is_taken(void **state)
{
	(void)state;
	assert_int_equal(read_text(IMPORT_VARIABLE, "{\"b\":1,\"a\":2,\"b\":3}"), 0);
	assert_int_equal(list.n, 3);
	assert_null(list.entry[0].refused);
	assert_string_equal(list.entry[1].refused, "is in the file twice");
	assert_string_equal(list.entry[2].refused, "is in the file twice");
	assert_null(list.entry[1].typed);
	assert_null(list.entry[2].typed);
}

static void
what_is_no_export_is_refused_whole(void **state)
{
	static const struct {
		const char *text, *reason;
		size_t line;
	} rows[] = {
		{ "", "is not JSON", 1 },
		{ "a: b", "is not JSON", 1 },
		{ "{\"a\":\nNaN}", "is not JSON", 2 },
		{ "{\"a\":1,\n\n}", "is not JSON", 3 },
		{ "[{}]", "is not an object", 1 },
		{ "{\"a\":\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "32 deep", 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(read_text(IMPORT_CONNECTION, rows[i].text), -EBADMSG);
		assert_non_null(strstr(fault.why.text, rows[i].reason));
		assert_int_equal(fault.line, rows[i].line);
	}
	assert_int_equal(read_text(IMPORT_CONNECTION, "{}"), 0);
	assert_int_equal(list.n, 0);
}

static void
memory_may_fail_anywhere(void **state)
{
	static const char text[] = "{\"a\":{\"conn_type\":\"x\",\"extra\":\"{\\\"k\\\":[1]}\"},"
				   "\"b\":{\"conn_type\":\"x\",\"description\":\"d\"},"
				   "\"c\":\"x://l:p@H:1/s?a=b&c=1\"}";
	int64_t n = 0;
	int r = -ENOMEM;

	(void)state;
	import_list_fini(&list);
	while (r == -ENOMEM) {
		int64_t before = mem_live();

		mem_fail_after(n++);
		r = import_read(&list, IMPORT_CONNECTION, IMPORT_JSON, span_of(text), &fault);
		mem_fail_after(-1);
		if (r < 0) {
			import_list_fini(&list);
			assert_int_equal(mem_live(), before);
		}
	}
	assert_int_equal(r, 0);
	assert_true(n > 10);
	assert_int_equal(list.n, 3);
	for (size_t i = 0; i < list.n; i++)
		assert_null(list.entry[i].refused);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(connections_become_the_words_of_the_api, tear_down),
		cmocka_unit_test_teardown(variables_keep_their_text, tear_down),
		cmocka_unit_test_teardown(numbers_that_json_has_not_got_keep_their_text, tear_down),
		cmocka_unit_test_teardown(what_an_export_may_have_changed_is_noted, tear_down),
		cmocka_unit_test_teardown(one_that_is_bad_is_refused_alone, tear_down),
		cmocka_unit_test_teardown(of_two_values_for_a_key_neither_is_taken, tear_down),
		cmocka_unit_test_teardown(what_is_no_export_is_refused_whole, tear_down),
		cmocka_unit_test_teardown(memory_may_fail_anywhere, tear_down),
	};

	json_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
