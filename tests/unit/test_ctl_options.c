/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connctl. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/options.h"
#include "ctl/verbs.h"

static struct ctl_options got;
static struct cli_line line;
static struct why why;

/* Splits at single spaces; the program's name is added. */
static enum cli_verdict
read_line(const char *text_line, const char *env)
{
	static char text[512];
	static char *argv[32]; /* line.rest points into it */
	int argc = 1;

	memset(argv, 0, sizeof argv);
	argv[0] = (char *)"connctl";

	strncpy(text, text_line, sizeof text - 1);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	memset(&got, 0, sizeof got);
	why.text[0] = 0;
	return options_read(argc, argv, env, &line, &got, &why);
}

static void
options_stand_before_and_after_the_words(void **state)
{
	static const char *const same[] = {
		"--json --socket /s --team blue get conn a --reveal",
		"get --socket=/s conn --json a --team=blue --reveal",
		"get conn a --reveal --json --team blue --socket /s",
		"--reveal --json --team blue --socket /s -- get conn a",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(same); i++) {
		assert_int_equal(read_line(same[i], NULL), CLI_RUN);
		assert_string_equal(got.word[0], "get");
		assert_string_equal(got.word[1], "conn");
		assert_string_equal(got.word[2], "a");
		assert_string_equal(got.socket, "/s");
		assert_string_equal(got.team, "blue");
		assert_true(got.json && got.reveal);
	}
}

static void
a_command_stands_behind_two_dashes(void **state)
{
	static const char *const bad[] = { "exec", "exec --", "exec ls", "exec ls -- x",
		"-- exec ls", "exec --json -- ls" };

	(void)state;
	assert_int_equal(read_line("exec --airflow --socket /s -- ls -l -- --json", NULL), CLI_RUN);
	assert_string_equal(got.socket, "/s");
	assert_true(cli_has(&line, OPT_AIRFLOW));
	assert_string_equal(line.rest[0], "ls");
	assert_string_equal(line.rest[1], "-l");
	assert_string_equal(line.rest[2], "--");
	assert_string_equal(line.rest[3], "--json");
	assert_null(line.rest[4]);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		assert_int_equal(read_line(bad[i], NULL), CLI_WRONG);
	assert_int_equal(read_line("list", NULL), CLI_RUN);
	assert_null(line.rest);
}

static void
two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_int_equal(read_line("get var -- --json", NULL), CLI_RUN);
	assert_string_equal(got.word[2], "--json");
	assert_false(got.json);
	assert_int_equal(read_line("get var -- --", NULL), CLI_RUN);
	assert_string_equal(got.word[2], "--");
	/* A lone dash is a word. */
	assert_int_equal(read_line("get var -", NULL), CLI_RUN);
	assert_string_equal(got.word[2], "-");
}

#define TARGET "import --manager http://localhost --organization o --token-file t"

static void
import_wants_a_target_and_a_source(void **state)
{
	static const struct {
		const char *line, *why; /* NULL: it runs */
	} rows[] = {
		{ TARGET " --workspace w --connections c", NULL },
		{ TARGET " --workspace w --deployment a --deployment b --from-airflow", NULL },
		{ TARGET " --deployment a --from-airflow=/opt/airflow --dry-run --update", NULL },
		{ "import --variables v --workspace w", NULL }, /* a context names the manager */
		{ TARGET " --variables v", "--workspace" },
		{ TARGET " --deployment a --deployment b --variables v", "--workspace" },
		{ TARGET " --workspace w", "--connections" },
		{ TARGET " --workspace w --from-airflow --variables v", "not both" },
		{ TARGET " --workspace w --variables v --socket /s", "--socket" },
		{ "list --dry-run", "--dry-run" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(read_line(rows[i].line, NULL), rows[i].why ? CLI_WRONG : CLI_RUN);
		if (rows[i].why)
			assert_non_null(strstr(why.text, rows[i].why));
	}
	assert_int_equal(read_line(TARGET " --workspace w --from-airflow", NULL), CLI_RUN);
	assert_string_equal(got.import.from_airflow, "airflow");
	assert_int_equal(got.timeout_ms, CTL_IMPORT_TIMEOUT_MS);
	assert_int_equal(read_line(TARGET " --deployment d --from-airflow=/opt/a", NULL), CLI_RUN);
	assert_string_equal(got.import.from_airflow, "/opt/a");
	assert_string_equal(got.import.deployment[0], "d");
}

static void
the_socket_comes_from_option_then_environment_then_default(void **state)
{
	(void)state;
	assert_int_equal(read_line("list", NULL), CLI_RUN);
	assert_string_equal(got.socket, CTL_DEFAULT_SOCKET);
	assert_int_equal(read_line("list", ""), CLI_RUN);
	assert_string_equal(got.socket, CTL_DEFAULT_SOCKET);
	assert_int_equal(read_line("list", "/env"), CLI_RUN);
	assert_string_equal(got.socket, "/env");
	assert_int_equal(read_line("list --socket /opt", "/env"), CLI_RUN);
	assert_string_equal(got.socket, "/opt");
}

static void
a_socket_path_longer_than_the_kernel_takes_is_refused(void **state)
{
	char path[110];

	(void)state;
	memset(path, 'a', sizeof path);
	path[107] = 0;
	assert_int_equal(read_line("list", path), CLI_RUN);
	path[107] = 'a';
	path[108] = 0;
	assert_int_equal(read_line("list", path), CLI_WRONG);
	assert_non_null(strstr(why.text, "CONND_SOCKET"));
}

static void
what_makes_no_sense_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "", "no verb" },
		{ "frobnicate", "frobnicate" },
		{ "list --frobnicate", "--frobnicate" },
		{ "list -x", "-x" },
		{ "list --jso", "--jso" },
		{ "list extra", "too many" },
		{ "get", "too few" },
		{ "get conn", "too few" },
		{ "get conn a b", "too many" },
		{ "get conn a b c d e f", "too many" },
		{ "get env a", "env" },
		{ "list --reveal", "--reveal" },
		{ "status --team x", "--team" },
		{ "list --json=yes", "takes no value" },
		{ "list --socket", "needs a value" },
		{ "list --socket=", "--socket" },
		{ "list --timeout 0", "--timeout" },
		{ "list --timeout soon", "--timeout" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(read_line(rows[i].line, NULL), CLI_WRONG);
		if (!strstr(why.text, rows[i].says))
			fail_msg("\"%s\" says \"%s\"", rows[i].line, why.text);
	}
}

static void
durations_have_units_and_bounds(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} rows[] = {
		{ "500ms", 500 },
		{ "1ms", 1 },
		{ "3", 3000 },
		{ "1.5", 1500 },
		{ "3s", 3000 },
		{ "2m", 120000 },
		{ ".5", 500 },
		{ "24h", 86400000 },
		{ "1d", 86400000 },
		{ "86400001ms", -1 },
		{ "25h", -1 },
		{ "0", -1 },
		{ "0.0001", -1 },
		{ "", -1 },
		{ "s", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ "1x", -1 },
		{ "1 s", -1 },
		{ "nan", -1 },
		{ "inf", -1 },
		{ "0x10", -1 },
		{ "1e3", -1 },
		{ "1e300", -1 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t ms = -1;
		int r = options_duration(rows[i].text, &ms);

		if (ms != rows[i].ms || (r == 0) != (rows[i].ms >= 0))
			fail_msg("\"%s\" gives %d, %ld", rows[i].text, r, (long)ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_before_and_after_the_words),
		cmocka_unit_test(a_command_stands_behind_two_dashes),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(import_wants_a_target_and_a_source),
		cmocka_unit_test(the_socket_comes_from_option_then_environment_then_default),
		cmocka_unit_test(a_socket_path_longer_than_the_kernel_takes_is_refused),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_a_reason),
		cmocka_unit_test(durations_have_units_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
