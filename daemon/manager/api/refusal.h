/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes every refusal: {"message", "requestId", "statusCode", "fieldErrors"?}, application/json,
 * whichever part refuses. Every response of the API is written here, with X-API-Version.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "manager/api/input/field_error.h"
#include "manager/http/server.h"

#define API_VERSION "1.0"

/* Refuses with a sentence for the client, which never has a value in it. */
void respond_error(struct http_conn *conn, int status, const char *message);
/* The same with one more header field. */
void respond_error_with(
    struct http_conn *conn, int status, const struct http_header *header, const char *message);
/* 400 with fieldErrors. */
void respond_fault(struct http_conn *conn, const struct fault *f);
/* 503 with Retry-After. */
void respond_busy(struct http_conn *conn, const char *message);
/* 429 with Retry-After. */
void respond_too_often(struct http_conn *conn, int64_t seconds);
/* 500, or respond_busy() for -EBUSY; the log has the cause. r: -errno. */
void respond_internal_error(struct http_conn *conn, int r);

/* 202: the change is in effect, but not on disk. */
void respond_not_durable(struct http_conn *conn);
/* 200 with a JSON text; 500 if the buffer has failed. headers: at most 2, or NULL. */
void respond_json(
    struct http_conn *conn, const struct http_header *headers, const struct buf *body);
/*
 * Ends the open JSON object of a page with limit, offset and totalCount, and responds with it; with
 * an error when r, the result of reading the page, is below 0.
 */
void respond_page(
    struct http_conn *conn, int r, int64_t limit, int64_t offset, int64_t total, struct buf *body);
/* No body: 204, 304, or 200. */
void respond_empty(struct http_conn *conn, int status, const struct http_header *headers);
/*
 * Fills `all`, which has room for API_MAX_HEADERS, with the API's own headers and the caller's (may
 * be NULL).
 */
#define API_MAX_HEADERS 8
void response_headers(
    struct http_header all[static API_MAX_HEADERS], const struct http_header *more);
