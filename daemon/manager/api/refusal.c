/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json/write.h"
#include "base/log.h"
#include "base/rnd.h"

#define ERROR_MAX      (16 * 1024)
#define RETRY_WITHIN_S 5

static const char json_type[] = "application/json";

void
response_headers(struct http_header all[static API_MAX_HEADERS], const struct http_header *more)
{
	size_t n = 0;

	all[n++] = (struct http_header){ "X-API-Version", API_VERSION };
	all[n++] = (struct http_header){ "Cache-Control", "no-store" };
	for (; more && more->name && n < API_MAX_HEADERS - 1; more++)
		all[n++] = *more;
	all[n] = (struct http_header){ 0 };
}

static void
write_error(struct http_conn *conn, int status, const struct http_header *more, const char *message,
    const struct fault *f)
{
	struct http_header headers[API_MAX_HEADERS];
	struct buf b = BUF_INIT(ERROR_MAX);

	buf_addc(&b, '{');
	jtext_member_string(&b, "message", span_of(message));
	jtext_member_string(&b, "requestId", span_of(http_conn_request_id(conn)));
	jtext_member_int(&b, "statusCode", status);
	if (f) {
		jtext_name(&b, "fieldErrors");
		buf_adds(&b, "[{");
		jtext_member_string(&b, "code", span_of(f->code));
		jtext_member_string(&b, "field", span_of(f->field));
		jtext_member_string(&b, "message", span_of(f->message));
		buf_adds(&b, "}]");
	}
	buf_addc(&b, '}');
	response_headers(headers, more);
	http_respond(
	    conn, status, headers, json_type, buf_error(&b) ? SPAN_LITERAL("{}") : span_of_buf(&b));
	buf_fini(&b);
}

void
respond_error(struct http_conn *conn, int status, const char *message)
{
	write_error(conn, status, NULL, message, NULL);
}

void
respond_error_with(
    struct http_conn *conn, int status, const struct http_header *header, const char *message)
{
	struct http_header list[2] = { *header, { 0 } };

	write_error(conn, status, list, message, NULL);
}

void
respond_fault(struct http_conn *conn, const struct fault *f)
{
	write_error(conn, 400, NULL, f->message, f);
}

/* The delay is random, so that refused clients do not all come back at once. */
void
respond_busy(struct http_conn *conn, const char *message)
{
	char seconds[8];
	struct http_header after = { "Retry-After", seconds };

	(void)snprintf(seconds, sizeof seconds, "%u", 1 + (unsigned)rnd_below(RETRY_WITHIN_S));
	respond_error_with(conn, 503, &after, message);
}

void
respond_too_often(struct http_conn *conn, int64_t seconds)
{
	char text[24];
	struct http_header after = { "Retry-After", text };

	(void)snprintf(text, sizeof text, "%" PRId64, seconds);
	respond_error_with(
	    conn, 429, &after, "The token's rate limit is exceeded: see Retry-After");
}

void
respond_internal_error(struct http_conn *conn, int r)
{
	if (r == -EBUSY) {
		respond_busy(conn, "The manager is busy: see Retry-After");
		return;
	}
	if (r == -EDQUOT) {
		respond_busy(
		    conn, "The database's disk is full: nothing can be changed until it has room");
		return;
	}
	if (r == -ENOTCONN || r == -ECANCELED || r == -EKEYREJECTED) {
		respond_busy(conn, "The database cannot be used now: see Retry-After");
		return;
	}
	log_error("request failed", LOG_STR("request", http_conn_request_id(conn)),
	    LOG_STR("reason", strerror(-r)));
	write_error(conn, 500, NULL,
	    r == -ENOSPC ? "The manager's disk is full: nothing can be changed until it has room"
			 : "The request could not be served",
	    NULL);
}

void
respond_not_durable(struct http_conn *conn)
{
	write_error(conn, 202, NULL,
	    "The change is in effect, but not on disk yet: a restart of the manager before that "
	    "undoes it; the "
	    "manager's log says why, and when it is written",
	    NULL);
}

void
respond_json(struct http_conn *conn, const struct http_header *more, const struct buf *body)
{
	struct http_header headers[API_MAX_HEADERS];

	if (buf_error(body)) {
		respond_internal_error(conn, buf_error(body));
		return;
	}
	response_headers(headers, more);
	http_respond(conn, 200, headers, json_type, span_of_buf(body));
}

void
respond_page(
    struct http_conn *conn, int r, int64_t limit, int64_t offset, int64_t total, struct buf *body)
{
	jtext_member_int(body, "limit", limit);
	jtext_member_int(body, "offset", offset);
	jtext_member_int(body, "totalCount", total);
	buf_addc(body, '}');
	if (r < 0)
		respond_internal_error(conn, r);
	else
		respond_json(conn, NULL, body);
}

void
respond_empty(struct http_conn *conn, int status, const struct http_header *more)
{
	struct http_header headers[API_MAX_HEADERS];

	response_headers(headers, more);
	http_respond(conn, status, headers, NULL, (struct span){ 0 });
}
