/* SPDX-License-Identifier: Apache-2.0 */
/* One environment object: create, read, update, delete, exclude a Deployment. */
#include "base/json/write.h"
#include "manager/api/object_response.h"
#include "manager/store/history.h"

static bool
changes_links(const struct store_object_request *q)
{
	return q->n_links || q->n_excludes || q->auto_link || q->auto_link_projects;
}

/* --- create, read --------------------------------------------------------------------- */

/* Finds the place of the new object, and checks that the token may create it there. */
static bool
may_create(struct request *rq, const struct store_object_request *q)
{
	struct place place;
	struct fault f;
	int r = store_place(rq->api->store, q->scope, &q->scope_id, &place);
	enum verdict v = POLICY_OUT_OF_SCOPE;

	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return false;
	}
	if (r == STORE_OK && id_equal(&place.organization, &rq->organization))
		v = policy_decide(&rq->who.subject, ACTION_CREATE, &place, rq->secrets_fetching);
	if (v == POLICY_ALLOWED && changes_links(q))
		v = policy_decide(&rq->who.subject, ACTION_LINK, &place, rq->secrets_fetching);
	if (v == POLICY_OUT_OF_SCOPE) {
		(void)fault_set(&f, "invalid", "scopeEntityId", "is not the id of a %s",
		    object_scope_word(q->scope));
		respond_fault(rq->conn, &f);
		return false;
	}
	if (v != POLICY_ALLOWED)
		request_denied(rq, v, "The environment object");
	return v == POLICY_ALLOWED;
}

static void
respond_created(struct request *rq, const struct id *id)
{
	struct buf body = BUF_INIT(256);

	buf_addc(&body, '{');
	jtext_member_string(&body, "id", span_of(id->s));
	buf_addc(&body, '}');
	object_respond_json(rq, &body);
	buf_fini(&body);
}

void
object_create(struct request *rq)
{
	struct object_body *body = NULL;
	const struct store_object_request *q;
	struct store_fault at;
	struct fault f;
	struct id id;
	int r = object_body_create(&body, rq->http->body, &f);

	if (r < 0) {
		request_bad_body(rq, r, &f);
		return;
	}
	q = object_body_request(body);
	if (may_create(rq, q)) {
		request_ignored(rq, object_body_ignored(body));
		r = store_object_create(rq->api->store, q, &rq->actor, &id, &at);
		if (r == STORE_OK)
			respond_created(rq, &id);
		else
			object_respond_refused(rq, r, body, &at);
	}
	object_body_free(body);
}

void
object_get(struct request *rq)
{
	struct store_version version;
	struct store_object o;

	if (!object_find(rq, ACTION_VIEW, &o))
		return;
	version = (struct store_version){ o.version, o.draw };
	store_audit_read(rq->api->store, &rq->actor, NULL, &o, &version, false);
	object_respond(rq, &o);
}

/* --- update --------------------------------------------------------------------------- */

/* True if the update changes the links: those it does not name are removed. */
static bool
update_changes_links(const struct store_object *o, const struct store_object_request *q)
{
	return changes_links(q) || o->n_links || o->n_excludes || o->auto_link ||
	       o->auto_link_projects;
}

static int
read_update(
    struct request *rq, const struct store_object *o, struct object_body **body, struct fault *f)
{
	const struct object_known known = {
		.type = o->type,
		.key = o->key,
		.scope = o->scope,
		.scope_id = o->scope_id,
		.has_value = !value_is_none(o->value),
		.is_secret = value_is_secret(o->value),
		.auto_link_projects = o->auto_link_projects,
		.states_whole = rq->is_beta,
		.links = o->links,
		.n_links = o->n_links,
	};

	return object_body_update(body, rq->http->body, &known, f);
}

static void
update(struct request *rq, const struct object_found *found, const struct object_body *body)
{
	const struct store_object_request *q = object_body_request(body);
	const struct id id = found->object.id;
	struct store_fault at;
	int r;

	if (update_changes_links(&found->object, q) &&
	    !request_may(rq, ACTION_LINK, &found->object.place, "The environment object"))
		return;
	request_ignored(rq, object_body_ignored(body));
	r = store_object_update(rq->api->store, &id, q, found->expect, &rq->actor, &at);
	if (r == STORE_OK)
		object_respond_stored(rq, &id);
	else
		object_respond_refused(rq, r, body, &at);
}

void
object_update(struct request *rq)
{
	struct object_body *body = NULL;
	struct object_found found;
	struct fault f;
	int r;

	if (!object_find_to_change(rq, ACTION_UPDATE, &found))
		return;
	r = read_update(rq, &found.object, &body, &f);
	if (r < 0)
		request_bad_body(rq, r, &f);
	else
		update(rq, &found, body);
	object_body_free(body);
}

/* --- delete, exclude ------------------------------------------------------------------ */

void
object_delete(struct request *rq)
{
	struct object_found found;
	struct id id;
	int r;

	if (!object_find_to_change(rq, ACTION_DELETE, &found))
		return;
	id = found.object.id;
	r = store_object_delete(rq->api->store, &id, found.expect, &rq->actor);
	if (r == STORE_OK)
		object_respond_empty(rq, 204);
	else
		object_respond_refused(rq, r, NULL, NULL);
}

void
object_exclude(struct request *rq)
{
	struct ignored ignored = { 0 };
	struct object_found found;
	struct store_target target;
	struct fault f;
	struct id id;
	int r;

	if (!object_find_to_change(rq, ACTION_LINK, &found))
		return;
	id = found.object.id;
	if (found.object.scope != SCOPE_WORKSPACE) {
		respond_error(rq->conn, 400, "scope of the object must be WORKSPACE");
		return;
	}
	r = object_body_target(&target, rq->http->body, &ignored, &f);
	if (r < 0) {
		request_bad_body(rq, r, &f);
		return;
	}
	request_ignored(rq, &ignored);
	r = store_object_exclude(rq->api->store, &id, &target, found.expect, &rq->actor);
	if (r == STORE_OK)
		object_respond_empty(rq, 200);
	else
		object_respond_refused(rq, r, NULL, NULL);
}
