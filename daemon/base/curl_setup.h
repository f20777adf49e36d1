/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of libcurl that connd and connctl set alike: protocols, certificates, and the check
 * of which user serves the manager's Unix socket. connd loads libcurl at run time, so libcurl's
 * curl_easy_setopt() is passed in, and base does not link with libcurl.
 */
#pragma once

#include <curl/curl.h>

#include "base/attr.h"
#include "base/socket_peer.h"
#include "base/why.h"

typedef typeof(curl_easy_setopt) curl_setopt_fn;

/*
 * libcurl reads a long, a curl_off_t or a pointer by the option's number, so the type must match.
 */
#define CURL_OPTION_FITS(option, value)                                                            \
	_Generic((value), int : 0, long                                                            \
		 : (option) / 10000 % 3 == 0, default                                              \
		 : (option) / 10000 % 3 != 0)

/* Sets one option. Keeps the first error in `code`, so that one check at the end is enough. */
#define CURL_OPTION_SET(setopt, easy, code, option, value)                                         \
	do {                                                                                       \
		_Static_assert(CURL_OPTION_FITS(option, value), "the type of " #option);           \
		CURLcode set_code = (setopt)(easy, option, value);                                 \
		if (set_code != CURLE_OK && (code) == CURLE_OK)                                    \
			(code) = set_code;                                                         \
	} while (0)

struct curl_trust { /* NULL: none */
	const char *proxy;
	const char *ca_file;                  /* PEM; these authorities and no others */
	const char *client_cert, *client_key; /* the key may stand in client_cert */
	const char *pin; /* of the server's public key, as CURLOPT_PINNEDPUBLICKEY takes it */
};

/* The server of a Unix socket. Lives as long as the handle. */
struct curl_peer {
	const char *path;
	const struct socket_owners *owners; /* one of them must serve the socket */
	int fd;                             /* -1: no connection has been made since it was set */
	struct why why;                     /* "": the peer is accepted */
};

/* HTTP/1.1 over plain or TLS 1.2 and newer, certificates verified, no redirects, no netrc. */
MUST_CHECK CURLcode curl_setup_transport(
    CURL *easy, curl_setopt_fn *setopt, const struct curl_trust *trust);
/*
 * Connects to peer->path instead of the URL's host, and checks the peer before libcurl sends a
 * byte. A reused connection was checked when it was made.
 */
MUST_CHECK CURLcode curl_setup_socket(CURL *easy, curl_setopt_fn *setopt, struct curl_peer *peer);
