/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to a manager over HTTP, one after the other on one kept connection. Follows no redirect,
 * reads no .netrc, uses no proxy; bodies are capped, every call has a deadline, memory is wiped.
 * The token goes into a header and nowhere else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/socket_peer.h"
#include "base/why.h"

struct http;

struct http_options {
	const char *url;     /* scheme://host[:port], a closing "/" or "/v1" is accepted */
	const char *ca_file; /* NULL: the system's authorities */
	const char *token;
	const char *client_cert, *client_key, *pin, *proxy; /* NULL: none */
	/* Speaks HTTP over this Unix socket, if one of the owners serves it. NULL: over TCP. */
	const char *socket_path;
	const struct socket_owners *owners;
	bool insecure_http; /* plain http to more than loopback addresses */
	int64_t timeout_ms; /* of one call */
	bool never_pause;   /* takes a 429 as the response */
	/* Called before a pause that the server asks for; NULL: nobody cares. */
	void (*on_pause)(void *arg, int seconds);
	void *arg;
};

/* Once in the program, before anything else here. 0 or -EIO. */
MUST_CHECK int http_start_libraries(void);

/* 0; -EINVAL with a sentence in why when the URL will not do; -ENOMEM. Copies what it needs. */
MUST_CHECK int http_new(struct http **out, const struct http_options *o, struct why *why);
struct http *http_free(struct http *h); /* returns NULL */

/* Where a call without a response ended. */
enum http_failure {
	HTTP_NOT_FAILED,
	HTTP_FAILED_NAME,    /* the host's or the proxy's name */
	HTTP_FAILED_CONNECT, /* also: not one of the owners */
	HTTP_FAILED_TLS,
	HTTP_FAILED_TIME,
	HTTP_FAILED_OTHER,
};

struct http_head {
	char tag[128];     /* of ETag; "" when there is none, or a longer one */
	char warning[512]; /* of Warning, likewise */
	int64_t date_s;    /* of Date, in seconds since 1970; < 0: none */
	enum http_failure failure;
};

struct http_request {
	const char *method; /* "GET", "POST", "DELETE" */
	const char *path;   /* begins with /v1 */
	const struct buf *body;
	const char *if_match; /* NULL: none */
};

/* http_call() with any method and what stands in the response's head. */
MUST_CHECK int http_send(struct http *h, const struct http_request *q, struct buf *answer,
    struct http_head *head, struct why *why);

/*
 * GET (body NULL) or POST of path, which begins with /v1. Returns the status, the answer in *answer
 * (reset first; its max is the cap), or -EIO with a sentence in why when there is no whole answer.
 * A 429 is tried again a few times, each as late as the server says, but not when that is later
 * than a person waits.
 */
MUST_CHECK int http_call(
    struct http *h, const char *path, const struct buf *body, struct buf *answer, struct why *why);
