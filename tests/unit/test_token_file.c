/* SPDX-License-Identifier: Apache-2.0 */
/* edge/upstream/token_file: valid and invalid token files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/upstream/token_file.h"
#include "tests/unit/check.h"

struct fixture {
	char dir[TEST_DIR_SIZE], path[TEST_DIR_SIZE + 16];
};

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof *f);

	assert_non_null(f);
	test_dir_make(f->dir, "test_credential");
	(void)snprintf(f->path, sizeof f->path, "%s/token", f->dir);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	test_dir_remove(f->dir);
	mem_free(f);
	assert_int_equal(mem_live(), 0);
	return 0;
}

/* Writes the bytes to the file and reads it as a token. */
static int
read_of(struct fixture *f, struct span bytes, struct buf *out, struct why *why)
{
	int r;

	(void)unlink(f->path);
	assert_int_equal(file_create(f->path, bytes.p, bytes.n, why), 0);
	*why->text = '\0';
	buf_reset(out);
	r = credential_read(f->path, out, why);
	assert_int_equal(r == 0, *why->text == '\0');
	if (r < 0)
		assert_non_null(strstr(why->text, f->path));
	return r;
}

static void
a_token_is_one_line_of_visible_characters(void **state)
{
	static const struct {
		struct span bytes;
		const char *token; /* NULL: refused */
	} rows[] = {
		{ SPAN_LITERAL("abc"), "abc" },
		{ SPAN_LITERAL("abc\n"), "abc" },
		{ SPAN_LITERAL(" \t\r\n!~\r\n\n \t"), "!~" },
		{ SPAN_LITERAL(""), NULL },
		{ SPAN_LITERAL(" \n"), NULL },
		{ SPAN_LITERAL("a b"), NULL },
		{ SPAN_LITERAL("a\nb"), NULL },
		{ SPAN_LITERAL("a\0b"), NULL },
		{ SPAN_LITERAL("a\x1f"), NULL },
		{ SPAN_LITERAL("a\x7f"), NULL },
		{ SPAN_LITERAL("\xc3\xa4"), NULL },
	};
	struct buf out = BUF_INIT(LIMIT_TOKEN);
	struct why why;

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(
		    read_of(*state, rows[i].bytes, &out, &why), rows[i].token ? 0 : -EINVAL);
		assert_string_equal(buf_str(&out), rows[i].token ? rows[i].token : "");
	}
	buf_fini(&out);
}

static void
a_token_has_a_cap(void **state)
{
	struct buf out = BUF_INIT(LIMIT_TOKEN);
	char *bytes = malloc(LIMIT_TOKEN + 1000);
	struct why why;

	assert_non_null(bytes);
	memset(bytes, 't', LIMIT_TOKEN + 1000);
	assert_int_equal(read_of(*state, (struct span){ bytes, LIMIT_TOKEN }, &out, &why), 0);
	assert_int_equal(out.len, LIMIT_TOKEN);
	assert_int_equal(
	    read_of(*state, (struct span){ bytes, LIMIT_TOKEN + 1 }, &out, &why), -EINVAL);
	assert_int_equal(
	    read_of(*state, (struct span){ bytes, LIMIT_TOKEN + 1000 }, &out, &why), -EMSGSIZE);
	free(bytes);
	buf_fini(&out);
}

static void
without_token_file_systemds_credential_is_taken(void **state)
{
	struct fixture *f = *state;
	char *path;
	struct why why;

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
	assert_int_equal(credential_path(&path, NULL), 0);
	assert_null(path); /* no credential was passed */
	assert_int_equal(file_create(f->path, "t", 1, &why), 0);
	assert_int_equal(credential_path(&path, NULL), 0);
	assert_string_equal(path, f->path);
	mem_free(path);
	assert_int_equal(credential_path(&path, "/configured"), 0);
	assert_string_equal(path, "/configured");
	mem_free(path);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(credential_path(&path, NULL), 0);
	assert_null(path);
}

static void
the_advice_for_systemds_credential_names_it_and_the_restart(void **state)
{
	static const struct {
		const char *dir, *path;
		bool credential;
	} rows[] = {
		{ NULL, "/etc/connd/token", false },
		{ "", "/etc/connd/token", false },
		{ "/run/credentials/connd.service", "/etc/connd/token", false },
		{ "/run/credentials/connd.service", "/run/credentials/connd.service2/token",
		    false },
		{ "/run/credentials/connd.service", "/run/credentials/connd.service/token", true },
		/* [manager] token_file may name it, too */
		{ "/run/credentials/connd.service", "/run/credentials/connd.service/other", true },
	};
	char advice[CREDENTIAL_ADVICE_SIZE];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		if (rows[i].dir)
			assert_int_equal(setenv("CREDENTIALS_DIRECTORY", rows[i].dir, 1), 0);
		credential_advice(advice, rows[i].path);
		assert_int_equal(strstr(advice, rows[i].path) != NULL, rows[i].credential);
		assert_int_equal(
		    strstr(advice, "systemctl restart connd") != NULL, rows[i].credential);
		assert_int_equal(
		    strstr(advice, "connd reads it for every sync") != NULL, !rows[i].credential);
	}
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_is_one_line_of_visible_characters),
		TEST(a_token_has_a_cap),
		TEST(without_token_file_systemds_credential_is_taken),
		TEST(the_advice_for_systemds_credential_names_it_and_the_restart),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
