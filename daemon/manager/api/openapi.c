/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/openapi.h"

#include "gen/openapi.yaml.h"
#include "manager/api/refusal.h"

bool
apidoc_answer(struct http_conn *conn)
{
	static const struct http_header allow = { "Allow", "GET, HEAD" };
	const struct http_request *rq = http_conn_request(conn);
	struct http_header headers[API_MAX_HEADERS];

	if (!span_is(rq->path, "/v1/openapi.yaml") && !span_is(rq->path, "/spec/v1.0") &&
	    !span_is(rq->path, "/spec/v1"))
		return false;
	if (rq->method != HTTP_GET && rq->method != HTTP_HEAD) {
		respond_error_with(conn, 405, &allow, "This path does not have this method");
		return true;
	}
	response_headers(headers, NULL);
	http_respond(conn, 200, headers, "application/yaml", SPAN_LITERAL(embed_openapi_yaml));
	return true;
}
