/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/refusal.h"

#include <errno.h>
#include <string.h>

#include "base/json/write.h"
#include "base/log.h"

#define ERROR_MAX (16 * 1024)

static const char json_type[] = "application/json";

void
answer_headers(struct http_header all[static API_MAX_HEADERS], const struct http_header *more)
{
	size_t n = 0;

	all[n++] = (struct http_header){ "X-API-Version", API_VERSION };
	all[n++] = (struct http_header){ "Cache-Control", "no-store" };
	for (; more && more->name && n < API_MAX_HEADERS - 1; more++)
		all[n++] = *more;
	all[n] = (struct http_header){ 0 };
}

static void
write_error(struct http_call *call, int status, const struct http_header *more, const char *message,
    const struct fault *f)
{
	struct http_header headers[API_MAX_HEADERS];
	struct buf b = BUF_INIT(ERROR_MAX);

	buf_addc(&b, '{');
	jtext_member_string(&b, "message", span_of(message));
	jtext_member_string(&b, "requestId", span_of(http_call_id(call)));
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
	answer_headers(headers, more);
	http_call_answer(
	    call, status, headers, json_type, buf_error(&b) ? SPAN_LITERAL("{}") : span_of_buf(&b));
	buf_fini(&b);
}

void
error_answer(struct http_call *call, int status, const char *message)
{
	write_error(call, status, NULL, message, NULL);
}

void
error_answer_with(
    struct http_call *call, int status, const struct http_header *header, const char *message)
{
	struct http_header list[2] = { *header, { 0 } };

	write_error(call, status, list, message, NULL);
}

void
error_answer_fault(struct http_call *call, const struct fault *f)
{
	write_error(call, 400, NULL, f->message, f);
}

void
error_answer_internal(struct http_call *call, int r)
{
	static const struct http_header soon[] = { { "Retry-After", "1" }, { 0 } };

	log_error("request failed", LOG_STR("request", http_call_id(call)),
	    LOG_STR("reason", strerror(-r)));
	/* Busy ends by itself: all snapshots are taken by lists that are being read. */
	if (r == -EBUSY)
		write_error(call, 503, soon, "The manager is busy: see Retry-After", NULL);
	else
		write_error(call, 500, NULL, "The request could not be served", NULL);
}

void
answer_json(struct http_call *call, const struct http_header *more, const struct buf *body)
{
	struct http_header headers[API_MAX_HEADERS];

	if (buf_error(body)) {
		error_answer_internal(call, buf_error(body));
		return;
	}
	answer_headers(headers, more);
	http_call_answer(call, 200, headers, json_type, span_of_buf(body));
}

void
answer_empty(struct http_call *call, int status, const struct http_header *more)
{
	struct http_header headers[API_MAX_HEADERS];

	answer_headers(headers, more);
	http_call_answer(call, status, headers, NULL, (struct span){ 0 });
}
