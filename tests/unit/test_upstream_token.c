/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/upstream/token and token_file: locked memory, the lifetime claims of a JWT, and the digest
 * of URL and token.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/upstream/token.h"
#include "edge/upstream/token_file.h"
#include "tests/unit/check.h"

struct fixture {
	char dir[TEST_DIR_SIZE], path[TEST_DIR_SIZE + 16];
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	test_dir_make(f->dir, "test_upstream_token");
	(void)snprintf(f->path, sizeof f->path, "%s/token", f->dir);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	test_dir_remove(f->dir);
	free(f);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
put(const struct fixture *f, const char *token)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fputs(token, file);
	fclose(file);
	assert_int_equal(chmod(f->path, 0600), 0);
}

static void
a_token_is_kept_in_an_arena_and_wiped(void **state)
{
	const struct fixture *f = *state;
	struct token t = { 0 };
	struct why why;

	put(f, " secret \n");
	assert_int_equal(token_load(&t, f->path, ARENA_LOCK_PREFER, &why), 0);
	assert_true(span_is(t.text, "secret"));
	assert_int_equal(arena_used(t.arena), 6);
	assert_int_equal(
	    mem_live(), 1); /* only the struct of the arena, and no copy of the token */
	token_free(&t);
	assert_null(t.text.p);
	token_free(&t); /* twice is fine */
	unlink(f->path);
	assert_true(token_load(&t, f->path, ARENA_LOCK_PREFER, &why) < 0);
	assert_non_null(strstr(why.text, "the token: "));
	assert_null(t.arena);
}

static void
memory_may_end_anywhere(void **state)
{
	const struct fixture *f = *state;
	struct why why;
	int r = -1;

	put(f, "secret");
	for (int64_t n = 0; r < 0; n++) {
		struct token t = { 0 };

		mem_fail_after(n);
		r = token_load(&t, f->path, ARENA_LOCK_OFF, &why);
		mem_fail_after(-1);
		token_free(&t);
		assert_int_equal(mem_live(), 0);
	}
}

/* --- claims ------------------------------------------------------------------------------- */

#define HEAD "eyJhbGciOiJFZERTQSJ9." /* {"alg":"EdDSA"} */

static void
a_jwt_says_when_it_ends(void **state)
{
	static const struct {
		const char *token;
		int64_t issued_s, expires_s, family_ends_s;
	} rows[] = {
		/* {"exp":2000,"family_exp":3000} */
		{ HEAD "eyJleHAiOjIwMDAsImZhbWlseV9leHAiOjMwMDB9.sig", 0, 2000, 3000 },
		/* {"iat":1000,"exp":2000} */
		{ HEAD "eyJpYXQiOjEwMDAsImV4cCI6MjAwMH0.sig", 1000, 2000, 0 },
		/* {"exp":2000,"sub":"~~~???"}: has the digits special to base64url */
		{ HEAD "eyJleHAiOjIwMDAsInN1YiI6In5-fj8_PyJ9.sig", 0, 2000, 0 },
		/* {}, [], {"exp":"soon"}, {"exp":-1}, {"exp":1.5}, and text that is not JSON */
		{ HEAD "e30.sig", 0, 0, 0 },
		{ HEAD "W10.sig", 0, 0, 0 },
		{ HEAD "eyJleHAiOiJzb29uIn0.sig", 0, 0, 0 },
		{ HEAD "eyJleHAiOi0xfQ.sig", 0, 0, 0 },
		{ HEAD "eyJleHAiOjEuNX0.sig", 0, 0, 0 },
		{ HEAD "aGVsbG8.sig", 0, 0, 0 },
		{ HEAD "eyJleHAiOjIwMDB9", 0, 0, 0 }, /* only one dot */
		{ HEAD ".sig", 0, 0, 0 },
		{ HEAD "e!0.sig", 0, 0, 0 },
		{ HEAD "e30=.sig", 0, 0, 0 },
		{ "opaque", 0, 0, 0 },
		{ "..", 0, 0, 0 },
		{ "", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct token_life life = { 7, 7, 7 };

		token_read_life(&life, span_of(rows[i].token));
		if (life.issued_s != rows[i].issued_s || life.expires_s != rows[i].expires_s ||
		    life.family_ends_s != rows[i].family_ends_s)
			fail_msg(
			    "%s: %d %d", rows[i].token, (int)life.issued_s, (int)life.expires_s);
	}
}

static void
the_largest_token_is_read(void **state)
{
	char token[LIMIT_TOKEN + 1];
	struct token_life life;

	(void)state;
	memset(token, 'A', LIMIT_TOKEN);
	token[10] = token[LIMIT_TOKEN - 2] = '.';
	token_read_life(&life, (struct span){ token, LIMIT_TOKEN });
	assert_int_equal(life.expires_s, 0);
}

/* --- the digest of URL and token ---------------------------------------------------------- */

static void
the_digest_changes_with_the_token_and_the_urls(void **state)
{
	static const uint8_t unknown[REPLICA_IDENTITY_SIZE];
	uint8_t one[REPLICA_IDENTITY_SIZE], two[REPLICA_IDENTITY_SIZE];
	char a[] = "https://a", b[] = "https://b", *urls[] = { a, b };
	const struct fixture *f = *state;
	struct config c = { 0 };

	c.manager.url = (struct config_list){ urls, 1 };
	put(f, "token");
	credential_digest(one, &c, f->path);
	credential_digest(two, &c, f->path);
	assert_memory_equal(one, two, sizeof one);
	put(f, "other");
	credential_digest(two, &c, f->path);
	assert_memory_not_equal(one, two, sizeof one);
	put(f, "token\n");
	c.manager.url.n = 2;
	credential_digest(two, &c, f->path);
	assert_memory_not_equal(one, two, sizeof one);
	unlink(f->path);
	credential_digest(two, &c, f->path);
	assert_memory_equal(two, unknown, sizeof two);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_is_kept_in_an_arena_and_wiped),
		TEST(memory_may_end_anywhere),
		TEST(a_jwt_says_when_it_ends),
		TEST(the_largest_token_is_read),
		TEST(the_digest_changes_with_the_token_and_the_urls),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("upstream_token", tests, NULL, NULL);
}
