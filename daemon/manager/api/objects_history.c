/* SPDX-License-Identifier: Apache-2.0 */
/* The history of one object, restoring it, and the audit log. */
#include <errno.h>

#include "base/json/write.h"
#include "manager/api/encode.h"
#include "manager/api/input/body.h"
#include "manager/api/object_response.h"
#include "manager/store/history.h"

static void
encode_audit(const struct store_audit *a, struct buf *out)
{
	buf_addc(out, '{');
	encode_time("at", a->at_ms, out);
	jtext_member_string(out, "action", span_of(audit_action_name(a->action)));
	encode_subject("by", &a->by, out);
	jtext_member_string(out, "scope", span_of(scope_name(a->scope)));
	jtext_member_string(out, "scopeEntityId", span_of(a->scope_id.s));
	if (!id_is_none(&a->subject))
		jtext_member_string(out, "subjectId", span_of(a->subject.s));
	if (a->type.n)
		jtext_member_string(out, "objectType", a->type);
	if (a->key.n)
		jtext_member_string(out, "name", a->key);
	if (a->version) {
		jtext_member_int(out, "version", a->version);
		jtext_member_bool(out, "restorable", a->restorable);
	}
	jtext_name(out, "fields");
	if (a->fields.n)
		buf_add(out, a->fields.p, a->fields.n);
	else
		buf_adds(out, "[]");
	if (a->request_id.n)
		jtext_member_string(out, "requestId", a->request_id);
	buf_addc(out, '}');
}

static int
list_audit(void *arg, const struct store_audit *a)
{
	struct buf *out = arg;

	jtext_next(out);
	encode_audit(a, out);
	return encode_page_is_full(out);
}

/* Reads offset and limit from the query into q, and responds. */
static void
respond_history(struct request *rq, struct store_audit_query *q)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	int64_t total = 0;
	struct fault f;
	int r;

	q->limit = 20;
	r = query_count(&rq->query, "offset", &q->offset, &f);
	if (r == 0)
		r = query_count(&rq->query, "limit", &q->limit, &f);
	if (r < 0) {
		request_bad_body(rq, r, &f);
		return;
	}
	buf_adds(&body, "{\"history\":[");
	r = store_audit_list(rq->api->store, q, list_audit, &body, &total);
	buf_addc(&body, ']');
	respond_page(rq->conn, r, q->limit, q->offset, total, &body);
	buf_fini(&body);
}

void
object_history(struct request *rq)
{
	struct store_audit_query q = { .organization = rq->organization };
	struct store_object o;

	if (!object_find(rq, ACTION_HISTORY, &o))
		return;
	q.subject = o.id;
	respond_history(rq, &q);
}

/* Reads the filters of the log. */
static int
read_audit_filters(struct request *rq, struct store_audit_query *q, struct fault *f)
{
	const unsigned all = (1U << AUDIT_N_ACTIONS) - 1;
	const unsigned reads = 1U << AUDIT_READ | 1U << AUDIT_READ_SECRETS;
	struct span action = { 0 }, token = { 0 };
	enum audit_action one;
	bool with_reads = true;
	int r = query_bool(&rq->query, "reads", &with_reads, f);

	if (r == 0)
		r = query_text(&rq->query, "action", &action, f);
	if (r == 0)
		r = query_text(&rq->query, "tokenId", &token, f);
	if (r == 0)
		r = query_text(&rq->query, "search", &q->search, f);
	if (r == 0)
		r = query_text(&rq->query, "requestId", &q->request, f);
	if (r < 0)
		return r;
	if (action.p && !audit_action_from(action, &one))
		return fault_set(f, "invalid", "action", "must be an action of the audit log");
	if (token.p && !id_from(token, &q->by))
		return fault_set(f, "invalid", "tokenId", "must be the id of a token");
	q->actions = action.p ? 1U << one : with_reads ? 0 : all & ~reads;
	return 0;
}

/* Reads the place: the whole organization, or one Workspace with its places. */
void
audit_list(struct request *rq)
{
	struct store_audit_query q = { .organization = rq->organization };
	struct place place = { .organization = rq->organization };
	struct span text = { 0 };
	struct fault f;
	int r = query_text(&rq->query, "workspaceId", &text, &f);

	if (r == 0)
		r = read_audit_filters(rq, &q, &f);
	if (r < 0) {
		respond_fault(rq->conn, &f);
		return;
	}
	if (rq->who.subject.scope == SCOPE_WORKSPACE && !text.p)
		text = span_of(rq->who.subject.scope_id.s);
	if (text.p) {
		r = id_from(text, &q.workspace)
			? store_place(rq->api->store, SCOPE_WORKSPACE, &q.workspace, &place)
			: STORE_NOT_FOUND;
	}
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0 || !id_equal(&place.organization, &rq->organization))
		request_not_found(rq, "The Workspace");
	else if (request_may(rq, ACTION_HISTORY, &place, "The Workspace"))
		respond_history(rq, &q);
}

/*
 * Reads the version from the body and, with subject not NULL, the object. False: the request has
 * its response.
 */
static bool
read_restoration(struct request *rq, struct id *subject, int64_t *version)
{
	struct span text = { 0 };
	struct fault f;
	struct body b;
	int r = body_read(&b, rq->http->body, &f);

	if (r == 0 && subject)
		r = body_text(&b, "subjectId", true, &text);
	if (r == 0 && subject && !id_from(text, subject))
		r = fault_set(&f, "invalid", "subjectId", "is not an id");
	if (r == 0)
		r = body_int(&b, "version", 1, INT64_MAX, version);
	if (r == 0 && !*version)
		r = fault_set(&f, "required", "version", "is required");
	body_fini(&b);
	if (r < 0)
		request_bad_body(rq, r, &f);
	return r == 0;
}

static void
respond_restored(struct request *rq, const struct id *id, int r)
{
	if (r == STORE_OK)
		object_respond_stored(rq, id);
	else if (r == STORE_NOT_FOUND)
		request_not_found(rq, "What the object was at this version");
	else
		object_respond_refused(rq, r, NULL, NULL);
}

void
object_restore(struct request *rq)
{
	struct object_found found;
	struct id id;
	int64_t version = 0;

	if (!object_find_to_change(rq, ACTION_UPDATE, &found) ||
	    !request_may(rq, ACTION_LINK, &found.object.place, "The environment object"))
		return;
	id = found.object.id;
	if (read_restoration(rq, NULL, &version))
		respond_restored(rq, &id,
		    store_object_restore(rq->api->store, &id, version, found.expect, &rq->actor));
}

/* Restoring a deleted object needs the same permission as creating it. */
void
audit_restore(struct request *rq)
{
	static const char what[] = "A deleted object of this subjectId whose place still exists";
	struct place place;
	struct id id;
	int64_t version = 0;
	int r;

	if (!read_restoration(rq, &id, &version))
		return;
	r = store_object_gone(rq->api->store, &id, &place);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0 || !id_equal(&place.organization, &rq->organization))
		request_not_found(rq, what);
	else if (request_may(rq, ACTION_VIEW, &place, what) &&
		 request_may(rq, ACTION_CREATE, &place, what) &&
		 request_may(rq, ACTION_LINK, &place, what))
		respond_restored(
		    rq, &id, store_object_revive(rq->api->store, &id, version, &rq->actor));
}

/* Promoting needs the right to create in the Workspace, and to change the object here. */
void
object_promote(struct request *rq)
{
	struct object_found found;
	struct place workspace;
	struct id id;
	int r;

	if (!object_find_to_change(rq, ACTION_UPDATE, &found))
		return;
	id = found.object.id;
	workspace = found.object.place;
	workspace.deployment = (struct id){ 0 };
	if (found.object.scope != SCOPE_DEPLOYMENT) {
		respond_error(rq->conn, 400, "scope of the object must be DEPLOYMENT");
		return;
	}
	if (policy_decide(&rq->who.subject, ACTION_CREATE, &workspace, false) != POLICY_ALLOWED ||
	    policy_decide(&rq->who.subject, ACTION_LINK, &workspace, false) != POLICY_ALLOWED) {
		request_denied(rq, POLICY_DENIED, "The Workspace");
		return;
	}
	r = store_object_promote(rq->api->store, &id, found.expect, &rq->actor);
	if (r == STORE_OK)
		object_respond_stored(rq, &id);
	else if (r == STORE_CONFLICT)
		respond_error(rq->conn, 409,
		    "objectKey is taken: the Workspace has an object of this type and key");
	else
		object_respond_refused(rq, r, NULL, NULL);
}
