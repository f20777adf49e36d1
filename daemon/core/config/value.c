/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

#define MAX_DIGITS 15 /* of a whole part: no sum below leaves 64 bits */

/* Digits from *at on. False when there are none, or more than a sane value has. */
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

static bool
ends_with(const char *s, size_t n, const char *tail)
{
	size_t t = strlen(tail);

	return n >= t && memcmp(s + n - t, tail, t) == 0;
}

/* "[::1]:8888", "localhost", "10.1.2.3:80": the host's length, 0 when it is none. */
static size_t
host_length(const char *s)
{
	size_t n;

	if (*s == '[') {
		n = 1 + strspn(s + 1, "0123456789abcdef:.");
		return n > 1 && s[n] == ']' ? n + 1 : 0;
	}
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-._");
}

static bool
port_is_good(const char *s)
{
	int64_t port;

	if (!*s)
		return true;
	return *s == ':' && strlen(s) <= 6 && value_count(s + 1, &port) && port > 0 && port < 65536;
}

static bool
host_is_loopback(const char *host, size_t n)
{
	size_t dots = 0;

	if ((n == 9 && memcmp(host, "localhost", 9) == 0) ||
	    (n == 5 && memcmp(host, "[::1]", 5) == 0))
		return true;
	if (n < 9 || memcmp(host, "127.", 4) != 0 || strspn(host, "0123456789.") != n)
		return false;
	for (size_t i = 0; i < n; i++)
		dots += host[i] == '.';
	return dots == 3 && host[n - 1] != '.';
}

static const char *
unix_url(
    const char *text, size_t n, char out[static VALUE_URL_SIZE], enum value_transport *transport)
{
	*transport = TRANSPORT_UNIX;
	if (text[5] != '/')
		return "unix: needs an absolute path behind it";
	if (n - 5 > LIMIT_SOCKET_PATH)
		return "its path is longer than a socket's may be (107 bytes)";
	memcpy(out, text, n + 1);
	return NULL;
}

const char *
value_url(const char *text, char out[static VALUE_URL_SIZE], enum value_transport *transport)
{
	size_t n = strlen(text), host_n;
	bool is_http;
	char *host;

	if (strncmp(text, "unix:", 5) == 0)
		return unix_url(text, n, out, transport);
	if (ends_with(text, n, "/"))
		n--;
	if (ends_with(text, n, "/v1"))
		n -= 3;
	if (n >= VALUE_URL_SIZE)
		return "it is too long";
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[n] = '\0';
	is_http = strncmp(out, "http://", 7) == 0;
	if (!is_http && strncmp(out, "https://", 8) != 0)
		return "it must begin with https://, http:// or unix:";
	host = out + (is_http ? 7 : 8);
	if (strchr(host, '@'))
		return "it must not hold a user or a password";
	host_n = host_length(host);
	if (host_n == 0)
		return "it names no host";
	if (strpbrk(host + host_n, "/?#"))
		return "it must be scheme://host:port, without a path";
	if (!port_is_good(host + host_n))
		return "its host or port makes no sense";
	*transport = TRANSPORT_TLS;
	if (is_http)
		*transport = host_is_loopback(host, host_n) ? TRANSPORT_LOOPBACK : TRANSPORT_PLAIN;
	return NULL;
}

bool
value_listen(const char *text, bool *loopback)
{
	size_t n = host_length(text), bare = n;
	unsigned char address[16];
	char host[64];
	int64_t port;

	if (n == 0 || n >= sizeof host || text[n] != ':' || strlen(text + n + 1) > 5 ||
	    !value_count(text + n + 1, &port) || port > 65535)
		return false;
	*loopback = host_is_loopback(text, n);
	if (text[0] == '[')
		bare -= 2;
	memcpy(host, text + (text[0] == '['), bare);
	host[bare] = '\0';
	return strcmp(host, "localhost") == 0 ||
	       inet_pton(text[0] == '[' ? AF_INET6 : AF_INET, host, address) == 1;
}
