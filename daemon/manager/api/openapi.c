/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/openapi.h"

#include "gen/openapi.yaml.h"
#include "manager/api/refusal.h"

bool
apidoc_answer(struct http_call *call)
{
	static const struct http_header allow = { "Allow", "GET, HEAD" };
	const struct http_request *rq = http_call_request(call);
	struct http_header headers[API_MAX_HEADERS];

	if (!span_is(rq->path, "/v1/openapi.yaml") && !span_is(rq->path, "/spec/v1.0") &&
	    !span_is(rq->path, "/spec/v1"))
		return false;
	if (rq->method != HTTP_GET && rq->method != HTTP_HEAD) {
		error_answer_with(call, 405, &allow, "This path does not have this method");
		return true;
	}
	answer_headers(headers, NULL);
	http_call_answer(call, 200, headers, "application/yaml", SPAN_LITERAL(embed_openapi_yaml));
	return true;
}
