/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

struct request *
request_new(struct api *api, struct http_conn *conn)
{
	struct request *rq = mem_zalloc(sizeof *rq);

	if (!rq) {
		respond_internal_error(conn, -ENOMEM);
		return NULL;
	}
	rq->refs = 1;
	rq->api = api;
	rq->conn = conn;
	rq->http = http_conn_request(conn);
	rq->rights = store_rights(api->store);
	/*
	 * Reserved at once, so that it never moves: path and query together are no longer than the
	 * target.
	 */
	buf_init(&rq->scratch, LIMIT_HTTP_URI + 16);
	if (buf_room(&rq->scratch, rq->http->path.n + rq->http->query.n + 8))
		return rq;
	respond_internal_error(conn, -ENOMEM);
	return request_unref(rq);
}

struct request *
request_ref(struct request *rq)
{
	rq->refs++;
	return rq;
}

struct store_holder *
request_holder(struct request *rq)
{
	if (!rq->holder)
		rq->holder = rq->api->spare ? rq->api->spare : store_holder_new();
	if (rq->holder == rq->api->spare)
		rq->api->spare = NULL;
	return rq->holder;
}

static void
give_back_holder(struct request *rq)
{
	if (!rq->holder)
		return;
	store_holder_wipe(rq->holder);
	if (rq->api->spare)
		store_holder_free(rq->holder);
	else
		rq->api->spare = rq->holder;
	rq->holder = NULL;
}

struct request *
request_unref(struct request *rq)
{
	if (--rq->refs)
		return NULL;
	give_back_holder(rq);
	buf_fini(&rq->scratch);
	mem_free(rq->warning);
	mem_free(rq->ignored);
	mem_free(rq);
	return NULL;
}

void
request_not_found(struct request *rq, const char *what)
{
	struct buf text = BUF_INIT(FAULT_MESSAGE_SIZE);

	buf_addf(&text, "%s was not found", what);
	respond_error(rq->conn, 404, buf_str(&text));
	buf_fini(&text);
}

void
request_denied(struct request *rq, enum verdict v, const char *not_found)
{
	const struct subject *who = &rq->who.subject;
	struct buf text = BUF_INIT(FAULT_MESSAGE_SIZE);

	switch (v) {
	case POLICY_ALLOWED:
	case POLICY_DENIED:
		buf_addf(&text, "The token's role does not allow this (%s %s)",
		    scope_name(who->scope), role_name(who->role));
		respond_error(rq->conn, 403, buf_str(&text));
		break;
	case POLICY_OUT_OF_SCOPE:
		request_not_found(rq, not_found);
		break;
	case POLICY_SECRETS_OFF:
		/* Stock clients recognize this refusal by its words. */
		buf_addf(&text, "showSecrets on organization with id %s is not allowed",
		    rq->organization.s);
		respond_error(rq->conn, 403, buf_str(&text));
		break;
	}
	buf_fini(&text);
}

void
request_ignored(struct request *rq, const struct ignored *ignored)
{
	char text[IGNORED_WARNING_SIZE];
	struct buf names = BUF_INIT(IGNORED_WARNING_SIZE);
	size_t n;

	if (!ignored->n)
		return;
	ignored_warning(ignored, text);
	ignored_names(ignored, &names);
	/* Out of memory: the response has no Warning field, which is only advice. */
	rq->warning = mem_strdup(text);
	rq->ignored = buf_take(&names, &n);
	rq->actor.ignored = span_of(rq->ignored);
	buf_fini(&names);
}

const struct http_header *
request_warning(const struct request *rq, struct http_header list[static 2])
{
	list[0] = (struct http_header){ 0 };
	if (rq->warning)
		list[0] = (struct http_header){ "Warning", rq->warning };
	list[1] = (struct http_header){ 0 };
	return list;
}

void
request_bad_body(struct request *rq, int r, const struct fault *f)
{
	if (r == -EINVAL)
		respond_fault(rq->conn, f);
	else
		respond_internal_error(rq->conn, r);
}

/*
 * Finds the place that the query names, which may be another organization's. 0, STORE_NOT_FOUND,
 * -EINVAL with *f, or -errno.
 */
static int
read_place(struct request *rq, struct place *place, struct fault *f)
{
	const struct subject *who = &rq->who.subject;
	enum scope scope = who->scope;
	struct span text = { 0 };
	struct id id = who->scope_id;
	int r = query_text(&rq->query, "workspaceId", &text, f);

	if (r == 0 && text.p)
		scope = SCOPE_WORKSPACE;
	else if (r == 0) {
		r = query_text(&rq->query, "deploymentId", &text, f);
		if (text.p)
			scope = SCOPE_DEPLOYMENT;
	}
	if (r < 0)
		return r;
	if (text.p && !id_from(text, &id))
		return STORE_NOT_FOUND;
	*place = (struct place){ .organization = rq->organization };
	return scope == SCOPE_ORGANIZATION ? 0 : store_place(rq->api->store, scope, &id, place);
}

bool
request_may(struct request *rq, enum action what, const struct place *where, const char *not_found)
{
	enum verdict v = policy_decide(&rq->who.subject, what, where, rq->secrets_fetching);

	if (v == POLICY_ALLOWED)
		return true;
	request_denied(rq, v, not_found);
	return false;
}

bool
request_place_list(struct request *rq, enum action what, struct place_list *out)
{
	struct fault f;
	int r = query_count(&rq->query, "offset", &out->offset, &f);

	if (r == 0)
		r = query_count(&rq->query, "limit", &out->limit, &f);
	if (r == 0)
		r = read_place(rq, &out->place, &f);
	if (r < 0) {
		request_bad_body(rq, r, &f);
		return false;
	}
	if (r > 0 || !id_equal(&out->place.organization, &rq->organization)) {
		request_not_found(rq, "The place");
		return false;
	}
	return request_may(rq, what, &out->place, "The place");
}

const char *
request_family(const struct request *rq)
{
	return rq->who.family.s;
}

void
request_identify(struct request *rq)
{
	_Static_assert(sizeof((struct http_label *)0)->who >= sizeof rq->who.id.s, "an id fits");
	_Static_assert(STORE_REQUEST_ID_SIZE >= HTTP_REQUEST_ID_SIZE, "a request's id fits");
	const struct subject *who = &rq->who.subject;
	bool owner = who->role == ROLE_OWNER && who->scope == SCOPE_ORGANIZATION;

	memcpy(http_conn_label(rq->conn)->who, rq->who.id.s, sizeof rq->who.id.s);
	http_conn_identify(rq->conn, owner ? SHARE_OWNER : SHARE_FAMILY, request_family(rq));
	rq->actor.token = rq->who.id;
	rq->actor.family = rq->who.family;
	rq->actor.name = span_of(rq->who.name);
	(void)snprintf(rq->request_id, sizeof rq->request_id, "%s", http_conn_request_id(rq->conn));
	rq->actor.request_id = rq->request_id;
	rq->actor.traced = http_conn_request_id_is_clients(rq->conn);
}

void
request_unauthorized(struct http_conn *conn, const char *why)
{
	struct http_header challenge = { "WWW-Authenticate", "Bearer" };

	http_conn_forget(conn);
	respond_error_with(conn, 401, &challenge, why);
}

bool
request_organization(struct request *rq)
{
	struct store_entity e;
	int r = STORE_NOT_FOUND;

	if (id_equal(&rq->organization, &rq->who.subject.organization))
		r = store_entity_get(rq->api->store, SCOPE_ORGANIZATION, &rq->organization, &e);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r != STORE_OK)
		request_not_found(rq, "The organization");
	else
		rq->secrets_fetching = e.secrets_fetching;
	return r == STORE_OK;
}

bool
request_authorise_again(struct request *rq)
{
	int r;

	rq->rights = store_rights(rq->api->store);
	r = token_recheck(rq->api->tokens, &rq->who.id, clock_wall_ms(), &rq->who);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r != TOKEN_GOOD)
		request_unauthorized(rq->conn, token_verdict_text((enum token_verdict)r));
	return r == TOKEN_GOOD && (id_is_none(&rq->organization) || request_organization(rq));
}

/* --- reads that wait ------------------------------------------------------------------ */

#define READ_TRIES 3

/* True if the response is sent. It is withheld when rights were lost while it was made. */
static bool
read_once(struct request *rq, request_handler *handler)
{
	uint64_t rights = rq->rights;

	http_conn_withhold(rq->conn, NULL, NULL);
	handler(rq);
	if (http_conn_is_withheld(rq->conn) && store_rights(rq->api->store) != rights)
		return false;
	http_conn_release(rq->conn);
	return true;
}

void
request_read(struct request *rq, request_handler *handler)
{
	if (!rq->api->runner) {
		handler(rq);
		return;
	}
	for (int i = 0; i < READ_TRIES; i++) {
		if (read_once(rq, handler))
			return;
		http_conn_discard(rq->conn);
		if (!request_authorise_again(rq))
			return;
	}
	respond_busy(rq->conn, "Tokens and places change too often now: see Retry-After");
}
