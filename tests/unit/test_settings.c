/* SPDX-License-Identifier: Apache-2.0 */
/* connd/settings: what is an error, and what is a fault that a start logs and goes on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/mem.h"
#include "connd/settings.h"
#include "tests/unit/check.h"

#define MANAGER                                                                                    \
	"[manager]\n"                                                                              \
	"url = https://manager:8888\n"                                                             \
	"organization = org\n"                                                                     \
	"deployment = dep\n"

struct fixture {
	char dir[TEST_DIR_SIZE], conf[TEST_DIR_SIZE + 16], token[TEST_DIR_SIZE + 16];
	struct settings *s;
	struct why why;
};

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof *f);

	assert_non_null(f);
	test_dir_make(f->dir, "test_settings");
	(void)snprintf(f->conf, sizeof f->conf, "%s/connd.conf", f->dir);
	(void)snprintf(f->token, sizeof f->token, "%s/token", f->dir);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	settings_free(f->s);
	test_dir_remove(f->dir);
	mem_free(f);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
put(struct fixture *f, const char *path, const char *text)
{
	(void)unlink(path);
	assert_int_equal(file_create(path, text, strlen(text), &f->why), 0);
}

static int
load(struct fixture *f, const char *text)
{
	put(f, f->conf, text);
	f->s = settings_free(f->s);
	return settings_load(&f->s, f->conf, &f->why);
}

static void
test_a_complete_configuration_has_no_fault(void **state)
{
	struct fixture *f = *state;

	put(f, f->token, "secret\n");
	assert_int_equal(load(f, MANAGER), 0);
	assert_string_equal(f->s->token_path, f->token);
	assert_false(settings_have_fault(f->s, &f->why));
	assert_string_equal(f->why.text, "");
	assert_string_equal(buf_str(&f->s->names), "");
}

static void
test_a_wrong_line_is_an_error_that_names_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, MANAGER "deployment\n"), -EINVAL);
	assert_non_null(strstr(f->why.text, "connd.conf:5: "));
}

static void
test_a_missing_file_names_the_option_for_another(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(settings_load(&f->s, f->conf, &f->why), -ENOENT);
	assert_non_null(strstr(f->why.text, f->conf));
	assert_non_null(strstr(f->why.text, "--config names another file"));
}

static void
test_a_token_that_cannot_be_used_is_a_fault(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, MANAGER), 0);
	assert_null(f->s->token_path);
	assert_true(settings_have_fault(f->s, &f->why));
	assert_non_null(strstr(f->why.text, "no token: "));

	put(f, f->token, "secret\n");
	assert_int_equal(chmod(f->token, 0604), 0);
	assert_int_equal(load(f, MANAGER), 0);
	assert_true(settings_have_fault(f->s, &f->why));
	assert_non_null(strstr(f->why.text, f->token));
	assert_null(strstr(f->why.text, "secret"));
}

static void
test_each_file_that_is_missing_is_a_fault_of_its_own(void **state)
{
	struct fixture *f = *state;
	const char *line;
	int n = 0;

	put(f, f->token, "secret\n");
	assert_int_equal(load(f, MANAGER "ca_file = /nowhere/ca.pem\n"
					 "client_cert = /nowhere/cert.pem\n"
					 "client_key = /nowhere/key.pem\n"),
	    0);
	for (line = buf_str(&f->s->faults); (line = strstr(line, "/nowhere/")); line++)
		n++;
	assert_int_equal(n, 3);
}

static void
test_a_rule_for_an_unknown_user_is_a_fault_and_is_kept_for_later(void **state)
{
	struct fixture *f = *state;
	struct acl *before;

	put(f, f->token, "secret\n");
	assert_int_equal(load(f, MANAGER "[access]\nallow = user:nobody-of-this-name *\n"), 0);
	assert_true(settings_have_fault(f->s, &f->why));
	assert_non_null(strstr(f->why.text, "there is no user \"nobody-of-this-name\""));
	assert_non_null(strstr(buf_str(&f->s->names), "nobody-of-this-name"));
	before = f->s->acl;
	assert_int_equal(settings_bind_again(f->s), 0);
	assert_ptr_not_equal(f->s->acl, before);
}

static void
test_a_sync_finds_a_token_that_has_come_since(void **state)
{
	struct fixture *f = *state;
	bool found;

	assert_int_equal(load(f, MANAGER), 0);
	assert_int_equal(settings_ready_to_sync(f->s, &found, &f->why), -ENOENT);
	assert_false(found);
	put(f, f->token, "secret\n");
	assert_int_equal(settings_ready_to_sync(f->s, &found, &f->why), 0);
	assert_true(found);
	assert_string_equal(f->s->token_path, f->token);
	assert_int_equal(settings_ready_to_sync(f->s, &found, &f->why), 0);
	assert_false(found);
}

static void
test_no_memory_at_any_allocation_is_an_error_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	int64_t live;
	int r = -ENOMEM;

	put(f, f->token, "secret\n");
	put(f, f->conf, MANAGER "[access]\nallow = uid:1000 *\n");
	live = mem_live();
	for (int64_t n = 0; r < 0; n++) {
		mem_fail_after(n);
		r = settings_load(&f->s, f->conf, &f->why);
		mem_fail_after(-1);
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(mem_live(), live);
		}
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_complete_configuration_has_no_fault),
		TEST(test_a_wrong_line_is_an_error_that_names_it),
		TEST(test_a_missing_file_names_the_option_for_another),
		TEST(test_a_token_that_cannot_be_used_is_a_fault),
		TEST(test_each_file_that_is_missing_is_a_fault_of_its_own),
		TEST(test_a_rule_for_an_unknown_user_is_a_fault_and_is_kept_for_later),
		TEST(test_a_sync_finds_a_token_that_has_come_since),
		TEST(test_no_memory_at_any_allocation_is_an_error_and_leaves_nothing),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
