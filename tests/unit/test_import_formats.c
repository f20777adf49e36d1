/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/import: YAML, NAME=VALUE lines and connection URIs. tests/airflow compares with Airflow. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/import/file.h"
#include "ctl/json.h"

static struct import_list list;
static struct import_fault fault;

static int
read_text(enum import_kind kind, enum import_format format, const char *text)
{
	import_list_fini(&list);
	fault = (struct import_fault){ 0 };
	return import_read(&list, kind, format, span_of(text), &fault);
}

static int
tear_down(void **state)
{
	(void)state;
	import_list_fini(&list);
	return 0;
}

static void
the_end_of_a_name_tells_the_format(void **state)
{
	static const struct {
		const char *path;
		enum import_format format;
	} rows[] = {
		{ "a.json", IMPORT_JSON },
		{ "a.yaml", IMPORT_YAML },
		{ "a.yml", IMPORT_YAML },
		{ "a.YML", IMPORT_YAML },
		{ "a.env", IMPORT_DOTENV },
		{ "/etc/airflow/.env", IMPORT_DOTENV },
		{ "a.yaml.txt", IMPORT_JSON },
		{ "/dev/stdin", IMPORT_JSON },
		{ "yaml", IMPORT_JSON },
	};
	enum import_format format;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		assert_int_equal(import_format_of(rows[i].path), rows[i].format);
	assert_int_equal(import_format_named("env", &format), 0);
	assert_int_equal(format, IMPORT_DOTENV);
	assert_int_equal(import_format_named("toml", &format), -EINVAL);
}

static void
a_bad_file_is_refused_whole_with_its_line(void **state)
{
	static const struct {
		enum import_format format;
		const char *text, *reason;
		size_t line;
	} rows[] = {
		{ IMPORT_YAML, "", "empty", 1 },
		{ IMPORT_YAML, "# nothing\n", "empty", 2 },
		{ IMPORT_YAML, "- a\n", "object", 1 },
		{ IMPORT_YAML, "a: b\n---\nc: d\n", "more than one document", 2 },
		{ IMPORT_YAML, "a: 1\nb: 'x\nc: d\n", "end of stream", 4 },
		{ IMPORT_YAML, "a: 1\n\tb: 2\n", "tab", 2 },
		{ IMPORT_YAML, "a: 1\nb: *x\n", "names no anchor", 2 },
		{ IMPORT_YAML, "a: &x [1, *x]\n", "names no anchor", 1 },
		{ IMPORT_YAML, "a: &x {}\n*x : 2\n", "key", 2 },
		{ IMPORT_YAML, "b:\n  <<: 1\nc: 2\n", "merge", 2 },
		{ IMPORT_YAML, "b: {<<: {},\n  x: y\n\n", "expected ','", 4 },
		{ IMPORT_YAML, "b:\n  <<: [{}, x]\n", "merge", 2 },
		{ IMPORT_YAML, "b:\n  <<: {a: 1}\n  <<: {a: 2}\n", "more than one merge", 3 },
		{ IMPORT_YAML, "a: 1\nb: !!python/object:os.system x\n", "tag", 2 },
		{ IMPORT_YAML, "a: !!binary aGk=\n", "tag", 1 },
		{ IMPORT_YAML, "a: !!set {x}\n", "tag", 1 },
		{ IMPORT_YAML, "a: !mine [x]\n", "tag", 1 },
		{ IMPORT_YAML, "a: !!int x\n", "tag", 1 },
		{ IMPORT_YAML, "a: 1\n\n? [x]\n: 1\n", "key", 3 },
		{ IMPORT_YAML, "a: 1\nb: 2026-01-31\n", "date", 2 },
		{ IMPORT_YAML, "b: 2026-1-3 1:02:03.5 +01:00\n", "date", 1 },
		{ IMPORT_YAML, "b: [1, -.inf]\n", "infinity", 1 },
		{ IMPORT_YAML, "b: .NaN\n", "NaN", 1 },
		{ IMPORT_YAML, "b: 0xfffffffffffffffff\n", "64 bits", 1 },
		{ IMPORT_YAML, "b: 9999999999999999999:1\n", "64 bits", 1 },
		{ IMPORT_YAML, "a:\n [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "32 deep", 2 },
		{ IMPORT_YAML, "a: 1\nb: \x01\n", "control", 2 },
		{ IMPORT_YAML, "a: 1\nb: \xff\n", "UTF-8", 2 },
		{ IMPORT_DOTENV, "a=b\n\nc\n", "NAME=VALUE", 3 },
		{ IMPORT_DOTENV, "a=b\r\n=c", "name", 2 },
		{ IMPORT_DOTENV, "# c\na=\n", "value", 2 },
		{ IMPORT_DOTENV, "a=\xff\n", "UTF-8", 1 },
		{ IMPORT_DOTENV, "AIRFLOW_VAR_A='x\n", "quote", 1 },
		{ IMPORT_DOTENV, "\nAIRFLOW_VAR_A=\"x\\\"\n", "quote", 2 },
		{ IMPORT_DOTENV, "AIRFLOW_VAR_A=1\nAIRFLOW_VAR_B\n", "NAME=VALUE", 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(
		    read_text(IMPORT_VARIABLE, rows[i].format, rows[i].text), -EBADMSG);
		if (!strstr(fault.why.text, rows[i].reason) || fault.line != rows[i].line)
			fail_msg("row %zu: line %zu: %s", i, fault.line, fault.why.text);
	}
}

static void
aliases_and_merge_keys_are_written_out(void **state)
{
	static const char text[] = "a: &x {p: 1, q: [2, &y three]}\n"
				   "b: *x\n"
				   "c: {<<: *x, p: *y, r: 4}\n"
				   "d: {r: 5, <<: [{s: 6, q: 0}, *x]}\n"
				   "e: {<<: {}}\n"
				   "f: &y again\n"
				   "g: *y\n";
	static const char *const values[] = { "{\"p\":1,\"q\":[2,\"three\"]}",
		"{\"p\":1,\"q\":[2,\"three\"]}", "{\"p\":\"three\",\"r\":4,\"q\":[2,\"three\"]}",
		"{\"r\":5,\"s\":6,\"q\":0,\"p\":1}", "{}", "again", "again" };

	(void)state;
	assert_int_equal(read_text(IMPORT_VARIABLE, IMPORT_YAML, text), 0);
	assert_int_equal(list.n, N_ELEMENTS(values));
	for (size_t i = 0; i < list.n; i++) {
		struct json *typed = NULL;

		assert_int_equal(json_parse(&typed, span_of(list.entry[i].typed), NULL), 0);
		assert_string_equal(json_string(json_get(typed, "value")), values[i]);
		json_free(typed);
	}
}

static void
aliases_cannot_make_a_small_file_large(void **state)
{
	char text[4096] = "a0: &a0 [xxxxxxxxxx]\n";
	char *many;

	(void)state;
	for (int i = 1; i < 10; i++) {
		size_t n = strlen(text);

		n += (size_t)snprintf(text + n, sizeof text - n, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			n += (size_t)snprintf(text + n, sizeof text - n, "*a%d,", i - 1);
		(void)snprintf(text + n, sizeof text - n, "]\n");
	}
	assert_int_equal(read_text(IMPORT_VARIABLE, IMPORT_YAML, text), -EBADMSG);
	assert_non_null(strstr(fault.why.text, "16 MiB"));
	many = calloc(1002, sizeof "- &a x\n");
	assert_non_null(many);
	strcpy(many, "a:\n");
	for (int i = 0; i < 1001; i++)
		strcat(many, "- &a x\n");
	assert_int_equal(read_text(IMPORT_VARIABLE, IMPORT_YAML, many), -EBADMSG);
	assert_non_null(strstr(fault.why.text, "1000 anchors"));
	assert_int_equal(fault.line, 1002);
	free(many);
}

static void
an_environment_file_counts_airflow_s_names_only(void **state)
{
	static const char text[] = "# for docker\n"
				   "PATH=/bin\n"
				   "AIRFLOW__CORE__EXECUTOR=LocalExecutor\n"
				   "AIRFLOW_CONN_WAREHOUSE=postgres://u:p@h/db\n"
				   "export AIRFLOW_CONN_API='{\"conn_type\": \"http\"}'\n"
				   "  export  AIRFLOW_CONN_B=\"http://h/?a=\\$\\\"\\x\"  \n"
				   "AIRFLOW_VAR_PLAIN= a b \n"
				   "AIRFLOW_VAR_EMPTY=\n"
				   "AIRFLOW_VAR_QUOTED='it is \"\\n\" '\n"
				   "AIRFLOW_VAR_two=2\n";
	static const char *const typed[] = { "{\"type\":\"http\"}",
		"{\"type\":\"http\",\"host\":\"h\",\"schema\":\"\",\"extra\":{\"a\":\"$\\\"\\\\x\"}"
		"}",
		"{\"type\":\"postgres\",\"host\":\"h\",\"login\":\"u\",\"password\":\"p\","
		"\"schema\":\"db\"}" };
	static const char *const variables[] = { "empty", "{\"value\":\"\"}", "plain",
		"{\"value\":\" a b\"}", "quoted", "{\"value\":\"it is \\\"\\\\n\\\" \"}", "two",
		"{\"value\":\"2\"}" };

	(void)state;
	assert_int_equal(read_text(IMPORT_CONNECTION, IMPORT_DOTENV, text), 0);
	assert_int_equal(list.n, N_ELEMENTS(typed));
	assert_string_equal(list.entry[0].key, "api");
	for (size_t i = 0; i < list.n; i++) {
		assert_null(list.entry[i].refused);
		assert_string_equal(list.entry[i].typed, typed[i]);
		assert_non_null(strstr(list.entry[i].note, "lower case"));
	}
	assert_int_equal(read_text(IMPORT_VARIABLE, IMPORT_DOTENV, text), 0);
	assert_int_equal(list.n, N_ELEMENTS(variables) / 2);
	for (size_t i = 0; i < list.n; i++) {
		assert_string_equal(list.entry[i].key, variables[2 * i]);
		assert_string_equal(list.entry[i].typed, variables[2 * i + 1]);
	}
}

static void
a_key_that_is_there_twice_is_refused_in_each_format(void **state)
{
	(void)state;
	assert_int_equal(read_text(IMPORT_VARIABLE, IMPORT_YAML, "a: 1\n'a': 2\nb: 1\n"), 0);
	assert_string_equal(list.entry[0].refused, "is in the file twice");
	assert_null(list.entry[2].refused);
	assert_int_equal(read_text(IMPORT_VARIABLE, IMPORT_DOTENV, "a=1\na=1\nb=1\n"), 0);
	assert_string_equal(list.entry[1].refused, "is in the file twice");
	assert_null(list.entry[2].refused);
}

static void
a_bad_uri_is_refused_alone(void **state)
{
	static const char *const rows[][2] = {
		{ "u=a://h/%00", "UTF-8" },
		{ "u=a://h/%ff", "UTF-8" },
		{ "u=a://h?x=%ff", "UTF-8" },
		{ "u=a://%c3%28", "UTF-8" },
		{ "u=a://%c3:1@h", "UTF-8" },
		{ "u=a://h:99999999999999999999", "port" },
		{ "u=a://[::1%25eth0]", "IPv6" },
		{ "u=a://[h]", "IPv6" },
		{ "u=a://[::1]x", "IPv6" },
		{ "u=a://h?__extra__=[1]", "object" },
		{ "u=a://h?x={\"a\":1,\"a\":2}", "twice" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(read_text(IMPORT_CONNECTION, IMPORT_DOTENV, rows[i][0]), 0);
		assert_int_equal(list.n, 1);
		if (!list.entry[0].refused || !strstr(list.entry[0].refused, rows[i][1]))
			fail_msg("row %zu: %s", i, list.entry[0].refused);
	}
}

static void
a_query_of_many_parameters_is_refused(void **state)
{
	char text[8192] = "u=a://h?";

	(void)state;
	for (int i = 0; i < 1001; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "p%d&", i);
	assert_int_equal(read_text(IMPORT_CONNECTION, IMPORT_DOTENV, text), 0);
	assert_non_null(strstr(list.entry[0].refused, "1000 parameters"));
}

static void
memory_may_fail_anywhere(void **state)
{
	static const char yaml[] = "a: &a {conn_type: x, extra: {k: [1, yes], 2: 0x1f}}\n"
				   "c: {<<: *a, host: h}\n"
				   "b: 'x://l:p@H:1/s?a=b&c=1'\n";
	static const char dotenv[] = "AIRFLOW_CONN_A='{\"conn_type\":\"x\"}'\nAIRFLOW_CONN_B=x://h";

	(void)state;
	for (enum import_format format = IMPORT_YAML; format <= IMPORT_DOTENV; format++) {
		int64_t n = 0;
		int r = -ENOMEM;

		import_list_fini(&list);
		while (r == -ENOMEM) {
			int64_t before = mem_live();

			mem_fail_after(n++);
			r = import_read(&list, IMPORT_CONNECTION, format,
			    span_of(format == IMPORT_YAML ? yaml : dotenv), &fault);
			mem_fail_after(-1);
			if (r < 0) {
				import_list_fini(&list);
				assert_int_equal(mem_live(), before);
			}
		}
		assert_int_equal(r, 0);
		assert_true(n > 10);
		assert_int_equal(list.n, format == IMPORT_YAML ? 3 : 2);
		for (size_t i = 0; i < list.n; i++)
			assert_null(list.entry[i].refused);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_a_name_tells_the_format),
		cmocka_unit_test_teardown(a_bad_file_is_refused_whole_with_its_line, tear_down),
		cmocka_unit_test_teardown(aliases_and_merge_keys_are_written_out, tear_down),
		cmocka_unit_test_teardown(aliases_cannot_make_a_small_file_large, tear_down),
		cmocka_unit_test_teardown(
		    an_environment_file_counts_airflow_s_names_only, tear_down),
		cmocka_unit_test_teardown(
		    a_key_that_is_there_twice_is_refused_in_each_format, tear_down),
		cmocka_unit_test_teardown(a_bad_uri_is_refused_alone, tear_down),
		cmocka_unit_test_teardown(a_query_of_many_parameters_is_refused, tear_down),
		cmocka_unit_test_teardown(memory_may_fail_anywhere, tear_down),
	};

	json_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
