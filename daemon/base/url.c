/* SPDX-License-Identifier: Apache-2.0 */
#include "base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/span.h"

size_t
url_host_length(const char *s)
{
	size_t n;

	if (*s == '[') {
		n = 1 + strspn(s + 1, "0123456789abcdef:.");
		return n > 1 && s[n] == ']' ? n + 1 : 0;
	}
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-._");
}

bool
url_host_is_loopback(const char *host, size_t n)
{
	const struct span name = { host, n };
	char text[INET_ADDRSTRLEN];
	unsigned char address[4];

	if (span_is(name, "localhost") || span_is(name, "[::1]"))
		return true;
	if (n >= sizeof text)
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, address) == 1 && address[0] == 127;
}

int
url_port(const char *text, int *port)
{
	size_t n = strspn(text, "0123456789");
	int number = 0;

	if (n == 0 || n > 5 || text[n])
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		number = number * 10 + (text[i] - '0');
	if (number > 65535)
		return -EINVAL;
	*port = number;
	return 0;
}

/* s: what follows the host. */
static bool
port_is_good(const char *s)
{
	int port;

	return !*s || (*s == ':' && url_port(s + 1, &port) == 0 && port > 0);
}

int
url_split_address(const char *text, char host[static URL_SIZE], int *port)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!n || url_port(colon + 1, port) < 0)
		return -EINVAL;
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return -EINVAL;
	}
	if (!n || n >= URL_SIZE)
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	return 0;
}

/* Cuts a closing "/" and then a closing "/v1" off what follows the scheme. */
static void
cut_path(char *rest)
{
	size_t n = strlen(rest);

	if (n > 0 && rest[n - 1] == '/')
		n--;
	if (n > 3 && memcmp(rest + n - 3, "/v1", 3) == 0)
		n -= 3;
	rest[n] = '\0';
}

enum url_fault
url_read(const char *text, struct url *out)
{
	size_t n = strlen(text), host_n;
	char *host;

	if (n >= URL_SIZE)
		return URL_TOO_LONG;
	for (size_t i = 0; i <= n; i++)
		out->text[i] = (char)tolower((unsigned char)text[i]);
	out->tls = strncmp(out->text, "https://", 8) == 0;
	if (!out->tls && strncmp(out->text, "http://", 7) != 0)
		return URL_BAD_SCHEME;
	host = out->text + (out->tls ? 8 : 7);
	cut_path(host);
	if (strchr(host, '@'))
		return URL_HAS_USER;
	host_n = url_host_length(host);
	if (host_n == 0)
		return URL_NO_HOST;
	if (strpbrk(host + host_n, "/?#"))
		return URL_HAS_PATH;
	if (!port_is_good(host + host_n))
		return URL_BAD_PORT;
	out->loopback = url_host_is_loopback(host, host_n);
	return URL_OK;
}
