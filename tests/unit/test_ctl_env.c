/* SPDX-License-Identifier: Apache-2.0 */
/* connctl env: names that are refused, and the forms of a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "ctl/local/env_format.h"
#include "ctl/local/env_name.h"

static void
names_that_decide_which_code_runs_are_dangerous(void **state)
{
	static const char *const bad[] = { "LD_PRELOAD", "LD_X", "PATH", "IFS", "BASH_ENV",
		"BASH_FUNC_ls%%", "ENV", "PYTHONPATH", "PYTHON_X", "NODE_OPTIONS", "NODE_PATH",
		"GIT_SSH_COMMAND", "HOME", "PERL5LIB", "PERL5OPT", "RUBYOPT", "SHELLOPTS", "PS4",
		"JAVA_TOOL_OPTIONS", "CONND_SOCKET", "XDG_CONFIG_HOME" };
	static const char *const good[] = { "LD", "PATHS", "MY_PATH", "AIRFLOW_HOME", "ENVIRONMENT",
		"AIRFLOW__CORE__PARALLELISM", "AIRFLOW_CONN_PATH", "HOMEPAGE", "GITHUB_TOKEN",
		"path", "JAVA_HOME" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		if (!env_name_is_dangerous(bad[i]))
			fail_msg("%s", bad[i]);
	for (size_t i = 0; i < N_ELEMENTS(good); i++)
		if (env_name_is_dangerous(good[i]))
			fail_msg("%s", good[i]);
}

static void
each_reader_has_its_names(void **state)
{
	static const struct {
		const char *name;
		bool process, dotenv, shell;
	} rows[] = {
		{ "AIRFLOW_CONN_X1", true, true, true },
		{ "_", true, true, true },
		{ "AIRFLOW_CONN_MY-DB.1", true, true, false },
		{ "AIRFLOW_VAR_A/B", true, false, false },
		{ "1X", true, false, false },
		{ ".x", true, false, false },
		{ "", false, false, false },
		{ "A=B", false, false, false },
		{ "A B", false, false, false },
		{ "A\nB", false, false, false },
		{ "CAF\xc3\xa9", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		if (env_name_fits(rows[i].name, ENV_PROCESS) != rows[i].process ||
		    env_name_fits(rows[i].name, ENV_DOTENV) != rows[i].dotenv ||
		    env_name_fits(rows[i].name, ENV_SHELL) != rows[i].shell)
			fail_msg("%s", rows[i].name);
}

static void
a_record_has_the_name_that_airflow_looks_up(void **state)
{
	struct buf out = BUF_INIT(100);

	(void)state;
	env_name_write(&out, SECRETS_CONNECTION, "my-Db_1");
	buf_addc(&out, ' ');
	env_name_write(&out, SECRETS_VARIABLE, "batch_size");
	buf_addc(&out, ' ');
	env_name_write(&out, SECRETS_ENV, "Mixed_Case");
	assert_string_equal(
	    buf_str(&out), "AIRFLOW_CONN_MY-DB_1 AIRFLOW_VAR_BATCH_SIZE Mixed_Case");
	buf_fini(&out);
}

static void
a_shell_gets_single_quotes(void **state)
{
	struct buf out = BUF_INIT(100);

	(void)state;
	env_format_shell(&out, "A", "it's $(x) `y` \"z\" \\ \n");
	assert_string_equal(buf_str(&out), "export A='it'\\''s $(x) `y` \"z\" \\ \n'\n");
	buf_fini(&out);
}

/* NULL: refused. What real readers make of these is tested in tests/e2e/test_env.py. */
static void
a_dotenv_value_has_the_quotes_that_both_readers_agree_on(void **state)
{
	static const struct {
		const char *value, *written;
	} rows[] = {
		{ "", "A=''\n" },
		{ "plain", "A='plain'\n" },
		{ "it's $HOME # \"x\"\nline", "A='it\\'s $HOME # \"x\"\nline'\n" },
		{ "a\\nb", "A='a\\nb'\n" },
		{ "a\\\\b", "A=\"a\\\\\\\\b\"\n" },
		{ "a\\'b", "A=\"a\\\\'b\"\n" },
		{ "a\r\nb", "A=\"a\\r\nb\"\n" },
		{ "C:\\dir\\", "A=C:\\dir\\\n" },
		{ "${X}", NULL },
		{ "$1\\\\", NULL },
		{ "a b\\", NULL },
		{ "$\r", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct buf out = BUF_INIT(100);

		assert_int_equal(
		    env_format_dotenv(&out, "A", rows[i].value), rows[i].written != NULL);
		assert_string_equal(buf_str(&out), rows[i].written ? rows[i].written : "");
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_decide_which_code_runs_are_dangerous),
		cmocka_unit_test(each_reader_has_its_names),
		cmocka_unit_test(a_record_has_the_name_that_airflow_looks_up),
		cmocka_unit_test(a_shell_gets_single_quotes),
		cmocka_unit_test(a_dotenv_value_has_the_quotes_that_both_readers_agree_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
