/* SPDX-License-Identifier: Apache-2.0 */
/* The size and count limits that more than one module must know, each with its reason. */
#pragma once

/* The Unix socket. */
/* A request: a method and an id, of a few hundred bytes in practice. */
#define LIMIT_FRAME (64 * 1024)
/* A response. sd-varlink has the same limit, so stock tools can read it. */
#define LIMIT_REPLY       (16 * 1024 * 1024)
#define LIMIT_PIPELINE    64  /* requests read ahead of their responses on one connection */
#define LIMIT_SOCKET_PATH 107 /* sun_path less its NUL */
/* Partial requests and unread responses, over all clients. */
#define LIMIT_BUFFERED (64 * 1024 * 1024)

/* JSON, wherever it comes from. */
#define LIMIT_JSON_DEPTH 32 /* nested arrays and objects; the extra of a connection needs few */

/* Objects. */
#define LIMIT_KEY         250 /* characters: Airflow's limit for conn_ids; ours for variables */
#define LIMIT_KEY_BYTES   (4 * LIMIT_KEY)
#define LIMIT_DESCRIPTION 500 /* characters, as in the hosted API */
#define LIMIT_PLACE_NAME  128 /* characters of a Workspace's or Deployment's name */
/* One rendered connection or variable: as much as a Kubernetes Secret holds. */
#define LIMIT_VALUE (1024 * 1024)
/* The stored overrides of all links of one object together. */
#define LIMIT_OVERRIDES (2 * LIMIT_VALUE)
/* First-level members of extra, headers or labels, in a request and after an update. */
#define LIMIT_MEMBERS 1000
#define LIMIT_UNSET   100 /* fields named in one unsetFields, as in the hosted API */
/* A bearer token: as much as common servers allow in a header. */
#define LIMIT_TOKEN (16 * 1024)

/* The manager's HTTP API. */
#define LIMIT_HTTP_BODY    (1024 * 1024) /* a request's body; 413 above */
#define LIMIT_HTTP_HEADERS (32 * 1024)   /* a request's header block; 431 above */
#define LIMIT_HTTP_FIELDS  100           /* header fields of one request; browsers send about 20 */
#define LIMIT_HTTP_URI     (8 * 1024)    /* a request target, as RFC 9110 advises; 414 above */
#define LIMIT_REPORT       2000          /* what connd says of itself (X-Connd-Report) */
#define LIMIT_ETAG         512           /* an ETag; connd ignores a longer one */
#define LIMIT_PAGE_ROWS    1000          /* rows of one list page: what stock clients ask for */
/*
 * Open client connections; fewer when RLIMIT_NOFILE is low. A connd has two of them: for 10 000.
 */
#define LIMIT_HTTP_CONNECTIONS 24576
/* Bytes of incomplete requests, over all clients. */
#define LIMIT_HTTP_INPUT (32 * 1024 * 1024)
/* Bytes of responses not yet written to their sockets, over all clients. */
#define LIMIT_HTTP_OUTPUT (128 * 1024 * 1024)
/* Header fields and trailers of a response that connd reads. */
#define LIMIT_RESPONSE_HEAD (64 * 1024)
/* One page that connd reads. When a page is larger, connd asks for fewer rows. */
#define LIMIT_PAGE_BYTES (32 * 1024 * 1024)
/* One row of a list: a value, all its overrides, and the names of both again in setFields. */
#define LIMIT_ROW (10 * 1024 * 1024)
/* Names in extra and setFields: 1000 of an object, 1000 of an override, and the plain fields. */
#define LIMIT_ROW_NAMES  2032
#define LIMIT_SYNC_BYTES (256 * 1024 * 1024) /* all pages of one sync */
#define LIMIT_SYNC_PAGES 1000                /* pages of one list; stops a list without an end */
#define LIMIT_OBJECTS    200000              /* objects of one Deployment */

/*
 * One record as connd keeps it: a value and its override, in which each quote and backslash is
 * escaped once more, because the record is embedded in a JSON response.
 */
#define LIMIT_RECORD (4 * LIMIT_VALUE + 4096)

/* Whatever the manager stores can be listed, read by connd, and served. */
_Static_assert(
    LIMIT_ROW >= 2 * LIMIT_VALUE + 64 * 1024, "a row holds a value, its override, and more");
_Static_assert(LIMIT_ROW_NAMES >= 2 * LIMIT_MEMBERS + 32, "setFields names what may be set");
_Static_assert(LIMIT_PAGE_BYTES >= 2 * LIMIT_ROW + 4096, "a page holds at least two rows");
_Static_assert(LIMIT_SYNC_BYTES >= LIMIT_PAGE_BYTES, "a sync holds at least one page");
_Static_assert(LIMIT_REPLY >= LIMIT_RECORD + 64 * 1024, "a response holds a record");
