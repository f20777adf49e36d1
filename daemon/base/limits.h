/* SPDX-License-Identifier: Apache-2.0 */
/* Every size, count and time cap that both ends of a wire must know, each with its reason. */
#pragma once

/* The Unix socket. */
#define LIMIT_FRAME (64 * 1024) /* a request: a method and an id; far above any honest one */
#define LIMIT_REPLY                                                                                \
	(16 * 1024 * 1024)   /* a reply; sd-varlink's own cap, so stock tools can read it */
#define LIMIT_PIPELINE    64 /* calls read ahead of their replies on one connection */
#define LIMIT_BUFFERED    (64 * 1024 * 1024) /* partial requests and unread responses of all clients */
#define LIMIT_SOCKET_PATH 107                /* sun_path less its NUL */

/* JSON, wherever it comes from. */
#define LIMIT_JSON_DEPTH 32 /* nested arrays and objects; a connection's extra needs a handful */

/* Objects. */
#define LIMIT_KEY         250 /* characters of a conn_id, by Airflow's own rule; ours for variables */
#define LIMIT_KEY_BYTES   (4 * LIMIT_KEY)
#define LIMIT_DESCRIPTION 500 /* characters, by the hosted API */
#define LIMIT_PLACE_NAME  128 /* characters: it is shown in lists */
#define LIMIT_VALUE                                                                                \
	(1024 * 1024) /* one rendered connection or variable: a Kubernetes Secret's cap */
#define LIMIT_OVERRIDES (2 * LIMIT_VALUE) /* of all links of one object together, as stored */
#define LIMIT_TOKEN     (16 * 1024) /* a bearer token: what header limits of common servers allow */

/* The manager's HTTP API. */
#define LIMIT_HTTP_BODY    (1024 * 1024) /* a request's body (413 above) */
#define LIMIT_HTTP_HEADERS (32 * 1024)   /* a request's header block (431 above) */
#define LIMIT_HTTP_FIELDS  100           /* header fields of one request: browsers send some 20 */
#define LIMIT_HTTP_URI     (8 * 1024)    /* a request target (414 above), as RFC 9110 advises */
#define LIMIT_ETAG         512           /* an ETag: a longer one is not worth keeping */
#define LIMIT_PAGE_ROWS    1000          /* rows of one list page: what stock clients ask for */
/* Clients at one time; less when the process may open fewer files. */
#define LIMIT_HTTP_CONNECTIONS 4096
/* Bytes of incomplete requests, of all clients. */
#define LIMIT_HTTP_INPUT (32 * 1024 * 1024)
/* Bytes of responses not yet taken, of all clients. */
#define LIMIT_HTTP_OUTPUT (128 * 1024 * 1024)
/* Header fields and trailers of a response, as connd reads them. */
#define LIMIT_RESPONSE_HEAD (64 * 1024)
/* One page as connd reads it; of a larger one it asks for fewer rows. */
#define LIMIT_PAGE_BYTES (32 * 1024 * 1024)
/* One row of a list: a value and all overrides, and the names in both once more, in setFields. */
#define LIMIT_ROW (10 * 1024 * 1024)
/* Members of extra and names in setFields: 1000 of an object, 1000 of an override, plain fields. */
#define LIMIT_ROW_NAMES  2032
#define LIMIT_SYNC_BYTES (256 * 1024 * 1024) /* all pages of one sync */
#define LIMIT_SYNC_PAGES 1000                /* pages of one list: one that never ends ends here */
#define LIMIT_OBJECTS    200000              /* objects of one Deployment */

/*
 * One record as connd keeps it: a value and its override, each quote and backslash escaped once more
 * for the reply that it is part of.
 */
#define LIMIT_RECORD (4 * LIMIT_VALUE + 4096)

/* What may be written can be listed, what is listed can be read, what is read can be served. */
_Static_assert(
    LIMIT_ROW >= 2 * LIMIT_VALUE + 64 * 1024, "a row holds a value, its override, and more");
_Static_assert(LIMIT_PAGE_BYTES >= 2 * LIMIT_ROW + 4096, "a page of two rows is never too large");
_Static_assert(LIMIT_SYNC_BYTES >= LIMIT_PAGE_BYTES, "a list is at least one page");
_Static_assert(LIMIT_REPLY >= LIMIT_RECORD + 64 * 1024, "a reply carries a record");
