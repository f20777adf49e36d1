/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/routes.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "manager/api/durable.h"
#include "manager/api/fault_injection.h"
#include "manager/api/page.h"
#include "manager/api/public.h"
#include "manager/api/rate.h"
#include "manager/api/request.h"
#include "manager/api/route_names.h"
#include "manager/api/sign_in.h"
#include "manager/api/throttle.h"
#include "manager/api/unserved.h"

#define ORGANIZATION "/v1/organizations/{organization}"
#define OBJECTS      ORGANIZATION "/environment-objects"

/* {organization} is looked up before the handler runs; the other {} are its params. */
static const struct route {
	enum http_method method;
	const char *pattern;
	request_handler *handler;
	const char *name; /* the route's name for --fault; NULL: it has none */
} routes[] = {
	{ HTTP_GET, OBJECTS, list_objects, "list" },
	{ HTTP_POST, OBJECTS, object_create, "create" },
	{ HTTP_GET, OBJECTS "/{}", object_get, "get" },
	{ HTTP_POST, OBJECTS "/{}", object_update, "update" },
	{ HTTP_DELETE, OBJECTS "/{}", object_delete, "delete" },
	{ HTTP_POST, OBJECTS "/{}/exclude-linking", object_exclude, "exclude" },
	{ HTTP_GET, OBJECTS "/{}/history", object_history, "history" },
	{ HTTP_GET, OBJECTS "/{}/history/{}", object_version, NULL },
	{ HTTP_POST, OBJECTS "/{}/restore", object_restore, "restore" },
	{ HTTP_POST, OBJECTS "/{}/promote", object_promote, "promote" },
	{ HTTP_GET, ORGANIZATION "/audit-log", audit_list, NULL },
	{ HTTP_POST, ORGANIZATION "/audit-log/restore", audit_restore, NULL },
	{ HTTP_GET, "/v1/organizations", organizations_list, NULL },
	{ HTTP_GET, ORGANIZATION, organization_get, NULL },
	{ HTTP_GET, ORGANIZATION "/workspaces", workspaces_list, NULL },
	{ HTTP_GET, ORGANIZATION "/workspaces/{}", workspace_get, NULL },
	{ HTTP_GET, ORGANIZATION "/deployments", deployments_list, NULL },
	{ HTTP_GET, ORGANIZATION "/deployments/{}", deployment_get, NULL },
	{ HTTP_GET, ORGANIZATION "/connection-auth-types", auth_types_list, NULL },
	{ HTTP_POST, ORGANIZATION, organization_update, NULL },
	{ HTTP_POST, ORGANIZATION "/workspaces", workspace_create, NULL },
	{ HTTP_POST, ORGANIZATION "/workspaces/{}", workspace_update, NULL },
	{ HTTP_DELETE, ORGANIZATION "/workspaces/{}", workspace_delete, NULL },
	{ HTTP_POST, ORGANIZATION "/deployments", deployment_create, NULL },
	{ HTTP_POST, ORGANIZATION "/deployments/{}", deployment_update, NULL },
	{ HTTP_DELETE, ORGANIZATION "/deployments/{}", deployment_delete, NULL },
	{ HTTP_GET, ORGANIZATION "/projects", projects_list, NULL },
	{ HTTP_POST, ORGANIZATION "/projects", project_create, NULL },
	{ HTTP_GET, ORGANIZATION "/projects/{}", project_get, NULL },
	{ HTTP_POST, ORGANIZATION "/projects/{}", project_update, NULL },
	{ HTTP_DELETE, ORGANIZATION "/projects/{}", project_delete, NULL },
	{ HTTP_GET, ORGANIZATION "/sidecars", sidecars_list, NULL },
	{ HTTP_GET, ORGANIZATION "/tokens", tokens_list, NULL },
	{ HTTP_POST, ORGANIZATION "/tokens", tokens_create, NULL },
	{ HTTP_GET, ORGANIZATION "/tokens/{}", tokens_get, NULL },
	{ HTTP_DELETE, ORGANIZATION "/tokens/{}", tokens_revoke, NULL },
	{ HTTP_POST, ORGANIZATION "/tokens/self/renew", tokens_renew, NULL },
};

_Static_assert(N_ELEMENTS(routes) <= ROUTES_MAX, "each has a number");

static const char *const method_names[] = {
	[HTTP_GET] = "GET, HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PATCH] = "PATCH",
	[HTTP_DELETE] = "DELETE",
};

const char *
routes_method(unsigned route)
{
	return route && route <= N_ELEMENTS(routes) ? routes[route - 1].method == HTTP_GET
							  ? "GET"
							  : method_names[routes[route - 1].method]
						    : "";
}

const char *
routes_pattern(unsigned route)
{
	return route && route <= N_ELEMENTS(routes) ? routes[route - 1].pattern : "";
}

/* --- who asks ------------------------------------------------------------------------- */

/* True when rq->who is set; else the request has its response. */
static bool
authenticate(struct request *rq)
{
	bool again;
	struct span text = http_request_field(rq->http, "authorization", &again);
	int r;

	if (!text.p && sign_in_has_cookie(rq))
		return sign_in_authenticate(rq);
	if (!text.p || again || text.n < 8 || strncasecmp(text.p, "Bearer ", 7) != 0) {
		request_unauthorized(rq->conn, "Authorization with one bearer token is required");
		return false;
	}
	text.p += 7, text.n -= 7;
	while (text.n && *text.p == ' ')
		text.p++, text.n--;
	r = token_check(rq->api->tokens, text, clock_wall_ms(), &rq->who);
	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return false;
	}
	if (r != TOKEN_GOOD) {
		request_unauthorized(rq->conn, token_verdict_text((enum token_verdict)r));
		return false;
	}
	request_identify(rq);
	return true;
}

/* --- which route ---------------------------------------------------------------------- */

/* One segment of a pattern, behind its slash; moves on. */
static struct span
pattern_segment(const char **at)
{
	const char *from = *at + 1;
	size_t n = strcspn(from, "/");

	*at = from + n;
	return (struct span){ from, n };
}

static bool
matches(const struct route *route, struct request *rq, struct span *organization)
{
	const char *at = route->pattern;
	size_t n_params = 0, i = 0;

	*organization = (struct span){ 0 };
	for (; *at; i++) {
		struct span want = pattern_segment(&at);

		if (i == rq->path.n)
			return false;
		if (span_is(want, "{organization}"))
			*organization = rq->path.segments[i];
		else if (span_is(want, "{}"))
			rq->params[n_params++] = rq->path.segments[i];
		else if (!span_equal(want, rq->path.segments[i]))
			return false;
	}
	return i == rq->path.n;
}

/* Finds the route. NULL: the request has its response. */
static const struct route *
find_route(struct request *rq, struct span *organization)
{
	enum http_method method = rq->http->method == HTTP_HEAD ? HTTP_GET : rq->http->method;
	struct buf allow = BUF_INIT(256);

	for (size_t i = 0; i < N_ELEMENTS(routes); i++) {
		if (!matches(&routes[i], rq, organization))
			continue;
		if (routes[i].method == method) {
			buf_fini(&allow);
			return &routes[i];
		}
		buf_addf(&allow, "%s%s", allow.len ? ", " : "", method_names[routes[i].method]);
	}
	if (allow.len) {
		struct http_header header = { "Allow", buf_str(&allow) };

		respond_error_with(rq->conn, 405, &header, "This path does not have this method");
	} else {
		const char *why = unserved_sentence(&rq->path);

		respond_error(rq->conn, 404, why ? why : "There is nothing at this path");
	}
	buf_fini(&allow);
	return NULL;
}

/* A route without one in its path needs none. */
static bool
find_organization(struct request *rq, struct span text)
{
	if (!text.p)
		return true;
	if (id_from(text, &rq->organization))
		return request_organization(rq);
	request_not_found(rq, "The organization");
	return false;
}

/* The path has the major version. A client may pin the minor version, and there is one. */
static bool
check_version(struct request *rq)
{
	struct span v = http_request_field(rq->http, "x-api-version", NULL);

	if (!v.p || span_is(v, "1") || span_is(v, API_VERSION) || span_is(v, "v1") ||
	    span_is(v, "v" API_VERSION))
		return true;
	respond_error(rq->conn, 400, "X-API-Version must be " API_VERSION);
	return false;
}

/*
 * Prefixes that clients of the hosted API put before /v1 or in its place. `astronomer.io` is part
 * of an address that the vendor's Terraform provider accepts, https://api/astronomer.io.
 */
static void
take_base(struct request *rq)
{
	struct path *p = &rq->path;
	size_t skip = p->n > 1 && span_is(p->segments[0], "astronomer.io");
	const struct span *at = p->segments + skip;

	if (p->n > skip + 1 && span_is(at[0], "platform") && span_is(at[1], "v1beta1")) {
		rq->is_beta = true;
		skip++;
	} else if (p->n > skip + 1 && span_is(at[0], "iam") && span_is(at[1], "v1beta1")) {
		skip++;
	} else if (p->n <= skip || (!span_is(at[0], "v1") && !span_is(at[0], "v1alpha1"))) {
		return;
	}
	p->n -= skip;
	memmove(p->segments, p->segments + skip, p->n * sizeof *p->segments);
	p->segments[0] = SPAN_LITERAL("v1");
}

/* Decodes path and query. False: they cannot be decoded, and the request has its response. */
static bool
split_target(struct request *rq)
{
	struct fault f;
	int r = path_read(&rq->path, rq->http->path, &rq->scratch);

	if (r == -ENOENT) {
		respond_error(rq->conn, 404, "There is nothing at this path");
		return false;
	}
	if (r == -EINVAL) {
		respond_error(rq->conn, 400, "The path is not percent-encoded UTF-8");
		return false;
	}
	if (r == 0) {
		take_base(rq);
		r = query_read(&rq->query, rq->http->query, &rq->scratch, &f);
	}
	if (r == -EINVAL)
		respond_fault(rq->conn, &f);
	else if (r < 0)
		respond_internal_error(rq->conn, r);
	return r == 0;
}

/* --- serving -------------------------------------------------------------------------- */

static bool
is_read(const struct request *rq)
{
	return rq->http->method == HTTP_GET || rq->http->method == HTTP_HEAD;
}

static void
serve_now(struct request *rq)
{
	if (is_read(rq))
		request_read(rq, rq->handler);
	else
		durable_serve(rq->api->durable, rq, rq->handler);
}

static void
serve(struct request *rq)
{
	if (rq->api->n_injections)
		inject(rq, serve_now);
	else
		serve_now(rq);
}

/*
 * Stock clients do not retry, so a request waits for its turn, and is refused only when the wait is
 * too long.
 */
static void
serve_in_turn(struct request *rq)
{
	struct rate *rate = is_read(rq) ? rq->api->rate_get : rq->api->rate_post;
	int64_t wait_ms = rate ? rate_ask(rate, &rq->who.family, clock_boot_ms()) : 0;

	if (wait_ms < 0)
		respond_too_often(rq->conn, (-wait_ms + 999) / 1000);
	else if (!wait_ms || throttle_delay(rq->api->throttle, rq, wait_ms, serve) < 0)
		serve(rq);
}

/* Checks everything that does not need the body. True, or the request has its response. */
static bool
admit(struct request *rq)
{
	const struct route *route;
	struct span organization;

	if (!authenticate(rq) || !check_version(rq) || !split_target(rq))
		return false;
	route = find_route(rq, &organization);
	if (!route || !find_organization(rq, organization))
		return false;
	http_conn_label(rq->conn)->route = (unsigned)(route - routes) + 1;
	rq->handler = route->handler;
	rq->route_name = route->name;
	return true;
}

/* What needs nothing of the database; and what needs it, while a start still waits for it. */
static bool
respond_at_once(struct api *api, struct http_conn *conn)
{
	if (public_respond(conn, api->store) || page_respond(conn))
		return true;
	if (token_is_loaded(api->tokens))
		return false;
	respond_internal_error(conn, -ENOTCONN);
	return true;
}

bool
routes_admit(struct api *api, struct http_conn *conn)
{
	struct request *rq;
	bool admitted;

	if (respond_at_once(api, conn))
		return false;
	if (sign_in_is_for(conn))
		return sign_in_admit(conn);
	rq = request_new(api, conn);
	admitted = rq && admit(rq);
	if (rq)
		request_unref(rq);
	return admitted;
}

void
routes_serve(struct api *api, struct http_conn *conn)
{
	struct request *rq;

	if (respond_at_once(api, conn))
		return;
	rq = request_new(api, conn);
	if (!rq)
		return;
	if (sign_in_is_for(conn))
		sign_in_serve(rq);
	else if (admit(rq))
		serve_in_turn(rq);
	request_unref(rq);
}
