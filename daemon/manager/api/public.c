/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/public.h"

#include "gen/openapi.yaml.h"
#include "manager/api/refusal.h"

static bool
is_one_of(struct span path, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(path, paths[i]))
			return true;
	return false;
}

static void
respond_text(struct http_conn *conn, const char *type, struct span text)
{
	static const struct http_header allow = { "Allow", "GET, HEAD" };
	enum http_method method = http_conn_request(conn)->method;
	struct http_header headers[API_MAX_HEADERS];

	if (method != HTTP_GET && method != HTTP_HEAD) {
		respond_error_with(conn, 405, &allow, "This path does not have this method");
		return;
	}
	response_headers(headers, NULL);
	http_respond(conn, 200, headers, type, text);
}

bool
public_respond_health(struct http_conn *conn)
{
	if (!span_is(http_conn_request(conn)->path, "/healthz"))
		return false;
	respond_text(conn, "text/plain", SPAN_LITERAL("ok\n"));
	return true;
}

bool
public_respond(struct http_conn *conn)
{
	static const char *const descriptions[] = { "/v1/openapi.yaml", "/spec/v1.0", "/spec/v1" };

	if (public_respond_health(conn))
		return true;
	if (!is_one_of(http_conn_request(conn)->path, descriptions, N_ELEMENTS(descriptions)))
		return false;
	respond_text(conn, "application/yaml", SPAN_LITERAL(embed_openapi_yaml));
	return true;
}
