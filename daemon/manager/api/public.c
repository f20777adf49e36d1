/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/public.h"

#include "gen/openapi.yaml.h"
#include "manager/api/refusal.h"
#include "manager/store/store.h"

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

/*
 * 200 without the database too: a probe that failed would restart managers that are well, or take
 * all of them from their clients, who would then get no Retry-After.
 */
bool
public_respond_health(struct http_conn *conn, const struct store *store)
{
	if (!span_is(http_conn_request(conn)->path, "/healthz"))
		return false;
	respond_text(conn, "text/plain",
	    store_is_reached(store)
		? SPAN_LITERAL("ok\n")
		: SPAN_LITERAL("ok\nthe database cannot be used now: see the log\n"));
	return true;
}

bool
public_respond(struct http_conn *conn, const struct store *store)
{
	static const char *const descriptions[] = { "/v1/openapi.yaml", "/spec/v1.0", "/spec/v1" };

	if (public_respond_health(conn, store))
		return true;
	if (!is_one_of(http_conn_request(conn)->path, descriptions, N_ELEMENTS(descriptions)))
		return false;
	respond_text(conn, "application/yaml", SPAN_LITERAL(embed_openapi_yaml));
	return true;
}
