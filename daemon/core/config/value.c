/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

#define MAX_DIGITS 15 /* of the part before the point, so that no sum below overflows 64 bits */

/* Reads digits from *at on. False if there are none, or more than MAX_DIGITS. */
static bool
read_digits(const char **at, unsigned base, int64_t *out)
{
	const char *s = *at;
	int64_t n = 0;

	while (*s >= '0' && *s < (char)('0' + base)) {
		if (s - *at == MAX_DIGITS)
			return false;
		n = n * base + (*s++ - '0');
	}
	if (s == *at)
		return false;
	*at = s;
	*out = n;
	return true;
}

bool
value_size(const char *text, int64_t *bytes)
{
	static const char units[] = "KMG";
	int64_t n, unit = 1;
	const char *at;

	if (!read_digits(&text, 10, &n))
		return false;
	if (*text) {
		at = strchr(units, toupper((unsigned char)*text));
		if (!at || text[1])
			return false;
		unit = (int64_t)1 << (10 * (at - units + 1));
	}
	if (n > INT64_MAX / unit)
		return false;
	*bytes = n * unit;
	return true;
}

bool
value_percent(const char *text, int64_t *percent)
{
	return read_digits(&text, 10, percent) && (strcmp(text, "%") == 0 || !*text);
}

bool
value_count(const char *text, int64_t *n)
{
	return read_digits(&text, 10, n) && !*text;
}

bool
value_octal(const char *text, int64_t *mode)
{
	return read_digits(&text, 8, mode) && !*text;
}

bool
value_bool(const char *text, int64_t *truth)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < N_ELEMENTS(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*truth = i % 2;
			return true;
		}
	return false;
}

const char *
value_group(const char *text, int64_t *gid)
{
	const char *number = strncmp(text, "gid:", 4) == 0 ? text + 4 : text;

	*gid = -1;
	if (number == text && text[strspn(text, "0123456789")])
		return NULL;
	if (!value_count(number, gid) || *gid >= UINT32_MAX)
		return "it is not a group: expected a name, a number or gid:N";
	if (number == text && *gid == 0)
		return "0 is root's group; if that is meant, write gid:0";
	return NULL;
}

static const char *
unix_url(const char *text, char out[static URL_SIZE], enum value_transport *transport)
{
	size_t n = strlen(text);

	*transport = TRANSPORT_UNIX;
	if (text[5] != '/')
		return "unix: needs an absolute path behind it";
	if (n - 5 > LIMIT_SOCKET_PATH)
		return "its path is longer than a socket's may be (107 bytes)";
	memcpy(out, text, n + 1);
	return NULL;
}

const char *
value_url(const char *text, char out[static URL_SIZE], enum value_transport *transport)
{
	static const char *const faults[] = {
		[URL_TOO_LONG] = "it is too long",
		[URL_BAD_SCHEME] = "it must begin with https://, http:// or unix:",
		[URL_HAS_USER] = "it must not hold a user or a password",
		[URL_NO_HOST] = "it names no host",
		[URL_HAS_PATH] = "it must be scheme://host:port, without a path",
		[URL_BAD_PORT] = "its host or port makes no sense",
	};
	enum url_fault fault;
	struct url url;

	if (strncmp(text, "unix:", 5) == 0)
		return unix_url(text, out, transport);
	fault = url_read(text, &url);
	if (fault != URL_OK)
		return faults[fault];
	memcpy(out, url.text, URL_SIZE);
	*transport = url.tls ? TRANSPORT_TLS : url.loopback ? TRANSPORT_LOOPBACK : TRANSPORT_PLAIN;
	return NULL;
}

bool
value_listen(const char *text, bool *loopback)
{
	unsigned char address[16];
	char host[URL_SIZE];
	int port;

	if (url_split_address(text, host, &port) < 0)
		return false;
	*loopback = url_host_is_loopback(text, url_host_length(text));
	return strcmp(host, "localhost") == 0 ||
	       inet_pton(text[0] == '[' ? AF_INET6 : AF_INET, host, address) == 1;
}
