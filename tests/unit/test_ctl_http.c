/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl's HTTP client: its libraries use our allocator, which wipes, and a token goes only to a
 * URL that a manager may have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/attr.h"
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

/* Returns http_new()'s result for this URL. */
static int
client_for(const char *url, bool insecure_http, struct why *why)
{
	const struct http_options o = {
		.url = url, .token = "t", .insecure_http = insecure_http, .timeout_ms = 1000
	};
	struct http *h = NULL;
	int r = http_new(&h, &o, why);

	http_free(h);
	return r;
}

static void
manager_urls_are_checked_before_a_token_is_sent(void **state)
{
	static const struct {
		const char *url, *why; /* NULL: accepted */
	} rows[] = {
		{ "https://manager.example.com/v1/", NULL },
		{ "http://127.0.0.1:8888", NULL },
		{ "http://[::1]", NULL },
		{ "manager.example.com", "must begin with https:// or http://" },
		{ "ftp://localhost", "must begin with https:// or http://" },
		{ "https://user:pw@x", "may not name a user" },
		{ "https://x/else", "ends behind the host and port" },
		{ "https://x:0", "wants a URL like" },
		{ "https://", "wants a URL like" },
		{ "http://192.0.2.1", "is plain http to more than this machine" },
		{ "http://127.1", "is plain http to more than this machine" },
	};
	struct why why;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		why.text[0] = '\0';
		assert_int_equal(client_for(rows[i].url, false, &why), rows[i].why ? -EINVAL : 0);
		if (rows[i].why && !strstr(why.text, rows[i].why))
			fail_msg("\"%s\": %s", rows[i].url, why.text);
	}
	assert_int_equal(client_for("http://192.0.2.1", true, &why), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_openssl_come_from_base_mem),
		cmocka_unit_test(blocks_of_libcurl_come_from_base_mem),
		cmocka_unit_test(manager_urls_are_checked_before_a_token_is_sent),
	};

	/* As in connctl: before anything else uses the libraries. */
	if (http_start_libraries() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
