/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads HTTP/1.1 requests from a stream of bytes. Pure: no socket, no clock.
 *
 * Strict on purpose: where RFC 9112 allows two readings (Content-Length and Transfer-Encoding, a
 * folded field, a bare LF), a proxy in front may choose the other one and take for a body what is a
 * request here. Such a message is refused and its connection closed. The result does not depend on
 * how the bytes are cut into pieces.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/http/request.h"

/* The value of a field, or absent. *again (may be NULL): whether it was sent more than once. */
struct span http_request_field(const struct http_request *r, const char *name, bool *again);
/* Without regard to ASCII case. */
bool http_span_is(struct span a, const char *lower);
/* True when a comma-separated list of tokens has this one (given in lower case). */
bool http_list_has(struct span list, const char *token);

enum http_parse {
	HTTP_PARSE_MORE, /* all bytes were used; feed more */
	HTTP_PARSE_HEAD, /* the header is complete (request: all but the body); feed the rest */
	HTTP_PARSE_DONE, /* the request is complete */
	HTTP_PARSE_BAD,  /* refused with ->status and ->why; the stream cannot be read further */
};

enum http_parse_state {
	HTTP_STATE_HEAD,
	HTTP_STATE_LENGTH,
	HTTP_STATE_CHUNK_LINE,
	HTTP_STATE_CHUNK_DATA,
	HTTP_STATE_CHUNK_END,
	HTTP_STATE_TRAILER,
	HTTP_STATE_DONE,
	HTTP_STATE_BAD,
};

struct http_parser {
	struct http_request request;
	int status;      /* of HTTP_PARSE_BAD: 400, 413, 414, 417, 431, 501, 505 */
	const char *why; /* a sentence, static */
	/* Private. */
	enum http_parse_state state;
	struct buf head;
	struct buf line; /* a chunk's size or a trailer field */
	struct buf body;
	size_t left;     /* bytes to come of the body or of the chunk */
	size_t overhead; /* bytes of chunk lines and trailers so far */
	size_t line_end; /* offset behind the request line; 0 while it is incomplete */
	bool skipped_blank;
};

void http_parser_init(struct http_parser *p);
void http_parser_fini(struct http_parser *p);
/* Zeroes the values of the fields of this name in a complete request; name is in lower case. */
void http_parser_wipe_field(struct http_parser *p, const char *name);
/* Ready for the next request on the same connection; wipes this one. */
void http_parser_reset(struct http_parser *p);
/* False while a request has begun and is not complete. */
bool http_parser_idle(const struct http_parser *p);

/* Bytes of memory that its buffers use. */
size_t http_parser_bytes(const struct http_parser *p);

/* *used: how many of the n bytes were taken. An enum http_parse, or -ENOMEM. */
MUST_CHECK int http_parser_feed(struct http_parser *p, const char *data, size_t n, size_t *used);
