/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/serve.h"

#include "base/limits.h"
#include "base/log.h"
#include "edge/socket/explain.h"
#include "edge/socket/changes.h"
#include "edge/socket/list.h"
#include "edge/socket/lookup.h"
#include "edge/socket/refresh.h"
#include "edge/socket/status.h"
#include "proto/envelope.h"
#include "proto/secrets.h"

void
service_refuse(struct service *s, const struct caller *c, enum permission permission,
    const char *what, struct span key, struct buf *out)
{
	if (permission != PERMISSION_DENIED) {
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
		return;
	}
	secrets_write_denied(out);
	denials_note(s->denials, c, what, key, s->now_ms);
}

static void
serve_trace(struct service *s, struct caller *caller, int64_t after, struct buf *out)
{
	enum permission may = caller_may_administer(caller, s->acl);
	struct buf params = BUF_INIT(LIMIT_REPLY);

	if (may != PERMISSION_ALLOWED) {
		service_refuse(s, caller, may, "trace", (struct span){ 0 }, out);
		return;
	}
	buf_addc(&params, '{');
	trace_write(s->trace, after, s->now_ms, &params);
	buf_addc(&params, '}');
	if (buf_error(&params))
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
	else
		envelope_write_reply(out, span_of_buf(&params), false);
	buf_fini(&params);
}

static enum serve_outcome
dispatch(struct service *s, struct caller *caller, const struct secrets_request *q, struct buf *out,
    struct serve_progress *progress)
{
	switch (q->method) {
	case SECRETS_GET_CONNECTION:
	case SECRETS_GET_VARIABLE:
	case SECRETS_GET_CONFIG:
	case SECRETS_GET_ENVIRONMENT_VARIABLE:
		return lookup_serve(s, caller, q, out, progress);
	case SECRETS_LIST:
		return list_serve(s, caller, q->more, out, progress);
	case SECRETS_STATUS:
		return status_serve(s, caller, out, progress);
	case SECRETS_REFRESH:
		refresh_serve(s, caller, out);
		return SERVE_DONE;
	case SECRETS_TRACE:
		serve_trace(s, caller, q->after, out);
		return SERVE_DONE;
	case SECRETS_EXPLAIN:
		explain_serve(s, caller, q->key, out);
		return SERVE_DONE;
	case SECRETS_WATCH:
		return changes_serve(s, caller, q->more, out, progress);
	case SERVICE_GET_INFO:
		secrets_write_info(out, CONND_VERSION);
		return SERVE_DONE;
	case SERVICE_GET_INTERFACE_DESCRIPTION:
		secrets_write_description(out, q->key);
		return SERVE_DONE;
	}
	return SERVE_CLOSE;
}

/* A call without a response: all methods only read, except Refresh. */
static void
serve_oneway(struct service *s, struct caller *caller, enum secrets_verdict v,
    const struct secrets_request *q)
{
	struct buf ignored = BUF_INIT(LIMIT_FRAME);

	if (v == SECRETS_OK && q->method == SECRETS_REFRESH)
		refresh_serve(s, caller, &ignored);
	buf_fini(&ignored);
}

enum serve_outcome
serve_call(struct service *s, struct caller *caller, char *frame, size_t len, struct buf *out,
    struct serve_progress *progress)
{
	struct span parameter = { 0 };
	struct secrets_request q;
	enum secrets_verdict v;
	struct call call;
	const char *why;

	tally_begin(&s->tally);
	trace_begin(s->trace);
	if (envelope_call((struct span){ frame, len }, &call, &why) < 0) {
		log_debug("not varlink", LOG_INT("uid", caller->uid), LOG_INT("pid", caller->pid),
		    LOG_STR("reason", why));
		return SERVE_CLOSE;
	}
	v = secrets_read(&call, frame, &q, &parameter);
	if (call.oneway) {
		serve_oneway(s, caller, v, &q);
		return SERVE_DONE;
	}
	q.trace = call.trace;
	if (v == SECRETS_OK)
		return dispatch(s, caller, &q, out, progress);
	secrets_write_refusal(out, v, &call, parameter);
	return SERVE_DONE;
}
