/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl's HTTP client leaves no secrets in memory: its libraries use our allocator, which wipes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <openssl/crypto.h>

#include "base/mem.h"
#include "ctl/http.h"

static void
blocks_of_openssl_come_from_base_mem(void **state)
{
	int64_t before = mem_live();
	CRYPTO_malloc_fn in_use;
	char *bytes;

	(void)state;
	/* Skipped if libcurl links libssh, which uses OpenSSL before main(). */
	CRYPTO_get_mem_functions(&in_use, NULL, NULL);
	if (in_use != mem_alloc_at)
		skip();
	bytes = OPENSSL_malloc(100);
	assert_non_null(bytes);
	assert_int_equal(mem_live(), before + 1);
	bytes = OPENSSL_realloc(bytes, 100000);
	assert_non_null(bytes);
	assert_int_equal(mem_live(), before + 1);
	OPENSSL_free(bytes);
	assert_int_equal(mem_live(), before);
}

static void
blocks_of_libcurl_come_from_base_mem(void **state)
{
	int64_t before = mem_live();
	char *text;

	(void)state;
	text = curl_easy_escape(NULL, "a secret", 0);
	assert_non_null(text);
	assert_true(mem_live() > before);
	curl_free(text);
	assert_int_equal(mem_live(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_openssl_come_from_base_mem),
		cmocka_unit_test(blocks_of_libcurl_come_from_base_mem),
	};

	/* As in connctl: before anything else uses the libraries. */
	if (http_start_libraries() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
