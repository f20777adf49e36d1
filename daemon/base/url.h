/* SPDX-License-Identifier: Apache-2.0 */
/* What the URL of a manager may be, and which hosts are this machine. Pure; resolves no name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

#define URL_SIZE 256

enum url_fault {
	URL_OK,
	URL_TOO_LONG,
	URL_BAD_SCHEME, /* neither https:// nor http:// */
	URL_HAS_USER,   /* or a password */
	URL_NO_HOST,
	URL_HAS_PATH, /* or a query or a fragment */
	URL_BAD_PORT, /* or a character that no host has */
};

struct url {
	/* scheme://host[:port] in lower case, without a closing "/" or "/v1" */
	char text[URL_SIZE];
	bool tls;
	bool loopback; /* the host is this machine */
};

/* Reads an https or http URL. Returns the first fault; *out is then undefined. */
MUST_CHECK enum url_fault url_read(const char *text, struct url *out);

/*
 * Returns the length of the host that s begins with: "[::1]:8888", "localhost", "10.1.2.3:80". 0 if
 * it begins with none. Upper case is not accepted.
 */
size_t url_host_length(const char *s);

/* True for localhost, [::1] and 127.0.0.0/8 in four decimal parts; for no other spelling. */
bool url_host_is_loopback(const char *host, size_t n);

/* Reads a decimal port from 0 to 65535. 0 or -EINVAL. */
MUST_CHECK int url_port(const char *text, int *port);

/*
 * Splits "127.0.0.1:8888", "[::1]:8888" or "name:80" at its port. host has no brackets, and is not
 * checked further. 0 or -EINVAL.
 */
MUST_CHECK int url_split_address(const char *text, char host[static URL_SIZE], int *port);
