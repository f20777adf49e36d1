/* SPDX-License-Identifier: Apache-2.0 */
/* base/url: which URLs a manager may have, and which hosts are this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/attr.h"
#include "base/url.h"

#define LONG_60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
accepted_urls_get_one_spelling(void **state)
{
	static const struct {
		const char *text, *want;
		bool tls, loopback;
	} rows[] = {
		{ "https://api.example.com", "https://api.example.com", true, false },
		{ "https://api.example.com/", "https://api.example.com", true, false },
		{ "https://api.example.com/v1", "https://api.example.com", true, false },
		{ "https://api.example.com/v1/", "https://api.example.com", true, false },
		{ "HTTPS://API.Example.COM:443/V1", "https://api.example.com:443", true, false },
		{ "https://v1", "https://v1", true, false },
		{ "https://v1/v1", "https://v1", true, false },
		{ "https://localhost", "https://localhost", true, true },
		{ "http://127.0.0.1:8888", "http://127.0.0.1:8888", false, true },
		{ "http://LocalHost:1", "http://localhost:1", false, true },
		{ "http://[::1]:8888/v1", "http://[::1]:8888", false, true },
		{ "http://manager:65535", "http://manager:65535", false, false },
		{ "http://127.0.0.1.example.com", "http://127.0.0.1.example.com", false, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct url url;

		if (url_read(rows[i].text, &url) != URL_OK)
			fail_msg("\"%s\" is refused", rows[i].text);
		assert_string_equal(url.text, rows[i].want);
		assert_int_equal(url.tls, rows[i].tls);
		assert_int_equal(url.loopback, rows[i].loopback);
	}
}

static void
refused_urls_name_their_fault(void **state)
{
	static const struct {
		const char *text;
		enum url_fault fault;
	} rows[] = {
		{ "https://" LONG_60 LONG_60 LONG_60 LONG_60 "12345678", URL_TOO_LONG },
		{ "", URL_BAD_SCHEME },
		{ "/v1", URL_BAD_SCHEME },
		{ "example.com", URL_BAD_SCHEME },
		{ "ftp://x", URL_BAD_SCHEME },
		{ "unix:/run/m.sock", URL_BAD_SCHEME },
		{ "https:/", URL_BAD_SCHEME },
		{ "https://u@x", URL_HAS_USER },
		{ "https://u:p@x/y", URL_HAS_USER },
		{ "http://", URL_NO_HOST },
		{ "http:///v1", URL_NO_HOST },
		{ "http://:80", URL_NO_HOST },
		{ "http://[::1", URL_NO_HOST },
		{ "http://[]", URL_NO_HOST },
		{ "https://x/y", URL_HAS_PATH },
		{ "https://x//", URL_HAS_PATH },
		{ "https://x/v1/organizations", URL_HAS_PATH },
		{ "https://x?y", URL_HAS_PATH },
		{ "https://x#y", URL_HAS_PATH },
		{ "http://x:0", URL_BAD_PORT },
		{ "http://x:", URL_BAD_PORT },
		{ "http://x:y", URL_BAD_PORT },
		{ "http://x:65536", URL_BAD_PORT },
		{ "https://exa mple", URL_BAD_PORT },
		{ "https://[fe80::1%25eth0]", URL_NO_HOST },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct url url;
		enum url_fault fault = url_read(rows[i].text, &url);

		if (fault != rows[i].fault)
			fail_msg("\"%s\": fault %d, not %d", rows[i].text, (int)fault,
			    (int)rows[i].fault);
	}
}

static void
loopback_is_localhost_or_a_loopback_address_in_full(void **state)
{
	static const char *const yes[] = { "localhost", "[::1]", "127.0.0.1", "127.1.2.3",
		"127.255.255.255" };
	static const char *const no[] = { "", "localhost.", "localhost.example.com", "127.1",
		"127.0.0.256", "127.999.1.1", "127..0.1", "127.0.0.1.", "127.0.0.0.1",
		"127.example.com", "128.0.0.1", "0x7f.0.0.1", "2130706433", "0.0.0.0", "[::2]",
		"[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", LONG_60 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(yes); i++)
		if (!url_host_is_loopback(yes[i], strlen(yes[i])))
			fail_msg("%s is not loopback", yes[i]);
	for (size_t i = 0; i < N_ELEMENTS(no); i++)
		if (url_host_is_loopback(no[i], strlen(no[i])))
			fail_msg("%s is loopback", no[i]);
	assert_true(url_host_is_loopback("127.0.0.1:8888", 9));
}

static void
ports_are_decimal_and_fit_in_16_bits(void **state)
{
	static const char *const bad[] = { "", "65536", "000001", "-1", "+1", " 1", "1 ", "x" };
	int port = -1;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		assert_int_equal(url_port(bad[i], &port), -EINVAL);
	assert_int_equal(port, -1);
	assert_int_equal(url_port("0", &port), 0);
	assert_int_equal(port, 0);
	assert_int_equal(url_port("65535", &port), 0);
	assert_int_equal(port, 65535);
}

static void
an_address_is_split_at_its_port(void **state)
{
	static const struct {
		const char *text, *host;
		int port;
	} rows[] = {
		{ "127.0.0.1:8888", "127.0.0.1", 8888 },
		{ "[::1]:0", "::1", 0 },
		{ "name:65535", "name", 65535 },
	};
	static const char *const bad[] = { "", ":", ":80", "8888", "h:", "h:x", "h:65536", "h:80 ",
		"::1:80", "[]:80", "[::1]", "[::1:80" };
	char host[URL_SIZE];
	int port;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(url_split_address(rows[i].text, host, &port), 0);
		assert_string_equal(host, rows[i].host);
		assert_int_equal(port, rows[i].port);
	}
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		assert_int_equal(url_split_address(bad[i], host, &port), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_urls_get_one_spelling),
		cmocka_unit_test(refused_urls_name_their_fault),
		cmocka_unit_test(loopback_is_localhost_or_a_loopback_address_in_full),
		cmocka_unit_test(ports_are_decimal_and_fit_in_16_bits),
		cmocka_unit_test(an_address_is_split_at_its_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
