/* SPDX-License-Identifier: Apache-2.0 */
/* One environment object: create, read, update, delete, exclude a Deployment. */
#include <errno.h>
#include <stdio.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "manager/api/encode.h"
#include "manager/api/input/object.h"
#include "manager/api/request.h"

#define OBJECT_MAX (16 * 1024 * 1024) /* one object with its links, as JSON */

static const char the_object[] = "The environment object";

/* What the store found wrong with what the request refers to. */
static void
answer_store_fault(struct request *rq, const struct object_body *body, const struct store_fault *sf)
{
	struct fault f;
	char field[OBJECT_LINK_FIELD_SIZE];

	switch (sf->part) {
	case FAULT_SCOPE:
		(void)snprintf(field, sizeof field, "scopeEntityId");
		break;
	case FAULT_LINK:
		object_body_link_field(body, sf->index, field);
		break;
	case FAULT_EXCLUDE:
		(void)snprintf(field, sizeof field, "excludeLinks[%zu].scopeEntityId", sf->index);
		break;
	}
	(void)fault_set(&f, "invalid", field, "names nothing that is in the object's Workspace");
	respond_fault(rq->conn, &f);
}

/* -EMSGSIZE: the value outgrew what a Deployment can be given. */
static void
answer_store_error(struct request *rq, int r)
{
	if (r == -EMSGSIZE)
		respond_error(rq->conn, 413,
		    "The object's value is larger than 1 MiB, or its extra has more than 1000 "
		    "members");
	else
		respond_internal_error(rq->conn, r);
}

static bool
changes_links(const struct store_object_request *q)
{
	return q->n_links || q->n_excludes || q->auto_link || q->auto_link_projects;
}

/* --- create --------------------------------------------------------------------------- */

/* Where the new object is to live, and whether the token may put it there. */
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
		(void)fault_set(
		    &f, "invalid", "scopeEntityId", "names no %s", object_scope_word(q->scope));
		respond_fault(rq->conn, &f);
		return false;
	}
	if (v != POLICY_ALLOWED)
		request_denied(rq, v, the_object);
	return v == POLICY_ALLOWED;
}

static void
answer_created(struct request *rq, const struct id *id)
{
	struct buf body = BUF_INIT(256);

	buf_addc(&body, '{');
	jtext_member_string(&body, "id", span_of(id->s));
	buf_addc(&body, '}');
	respond_json(rq->conn, NULL, &body);
	buf_fini(&body);
}

void
object_create(struct request *rq)
{
	struct object_body *body = NULL;
	const struct store_object_request *q;
	struct store_fault sf;
	struct fault f;
	struct id id;
	int r = object_body_create(&body, rq->http->body, &f);

	if (r < 0) {
		request_bad_body(rq, r, &f);
		return;
	}
	q = object_body_request(body);
	if (!may_create(rq, q))
		goto out;
	r = store_object_create(rq->api->store, q, &rq->actor, &id, &sf);
	if (r == STORE_CONFLICT)
		respond_error(rq->conn, 409,
		    "objectKey is taken: this scope has an object of this type and key");
	else if (r > 0)
		answer_store_fault(rq, body, &sf);
	else if (r < 0)
		answer_store_error(rq, r);
	else
		answer_created(rq, &id);
out:
	object_body_free(body);
}

/* --- what is there -------------------------------------------------------------------- */

bool
object_find(struct request *rq, enum action what, struct store_object *o)
{
	struct id id;
	int r = STORE_NOT_FOUND;

	if (id_from(rq->params[0], &id))
		r = store_object_get(rq->api->store, &id, rq->api->holder, o);
	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return false;
	}
	if (r != STORE_OK || !id_equal(&o->place.organization, &rq->organization)) {
		request_not_found(rq, the_object);
		return false;
	}
	return request_may(rq, ACTION_VIEW, &o->place, the_object) &&
	       (what == ACTION_VIEW || request_may(rq, what, &o->place, the_object));
}

static void
answer_object(struct request *rq, const struct store_object *o)
{
	struct buf body = BUF_INIT(OBJECT_MAX);

	encode_object(o, NULL, &body);
	respond_json(rq->conn, NULL, &body);
	buf_fini(&body);
}

void
object_get(struct request *rq)
{
	struct store_object o;

	if (!object_find(rq, ACTION_VIEW, &o))
		return;
	store_audit_read(rq->api->store, &rq->actor, NULL, &o, (uint64_t)o.version, false);
	answer_object(rq, &o);
}

/* --- update --------------------------------------------------------------------------- */

void
object_answer_stored(struct request *rq, const struct id *id)
{
	struct store_object o;
	int r = store_object_get(rq->api->store, id, rq->api->holder, &o);

	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0)
		request_not_found(rq, the_object);
	else
		answer_object(rq, &o);
}

/* Whether the links after the update differ from those before: unsent ones are removed. */
static bool
update_changes_links(const struct store_object *o, const struct store_object_request *q)
{
	return changes_links(q) || o->n_links || o->n_excludes || o->auto_link ||
	       o->auto_link_projects;
}

void
object_update(struct request *rq)
{
	struct object_body *body = NULL;
	const struct store_object_request *q;
	struct store_object o;
	struct object_known known;
	struct store_fault sf;
	struct fault f;
	struct id id;
	int r;

	if (!object_find(rq, ACTION_UPDATE, &o))
		return;
	id = o.id;
	known = (struct object_known){
		.type = o.type,
		.scope = o.scope,
		.is_secret = value_is_secret(o.value),
		.auto_link_projects = o.auto_link_projects,
		.links_are_whole = rq->is_beta,
		.links = o.links,
		.n_links = o.n_links,
	};
	r = object_body_update(&body, rq->http->body, &known, &f);
	if (r < 0) {
		request_bad_body(rq, r, &f);
		return;
	}
	q = object_body_request(body);
	if (update_changes_links(&o, q) && !request_may(rq, ACTION_LINK, &o.place, the_object))
		goto out;
	r = store_object_update(rq->api->store, &id, q, NULL, &rq->actor, &sf);
	if (r == STORE_NOT_FOUND)
		request_not_found(rq, the_object);
	else if (r > 0)
		answer_store_fault(rq, body, &sf);
	else if (r < 0)
		answer_store_error(rq, r);
	else
		object_answer_stored(rq, &id);
out:
	object_body_free(body);
}

/* --- delete, exclude ------------------------------------------------------------------ */

void
object_delete(struct request *rq)
{
	struct store_object o;
	struct id id;
	int r;

	if (!object_find(rq, ACTION_DELETE, &o))
		return;
	id = o.id;
	r = store_object_delete(rq->api->store, &id, NULL, &rq->actor);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0)
		request_not_found(rq, the_object);
	else
		respond_empty(rq->conn, 204, NULL);
}

void
object_exclude(struct request *rq)
{
	struct store_target target;
	struct store_fault sf = { .part = FAULT_SCOPE };
	struct store_object o;
	struct fault f;
	struct id id;
	int r;

	if (!object_find(rq, ACTION_LINK, &o))
		return;
	id = o.id;
	if (o.scope != SCOPE_WORKSPACE) {
		respond_error(rq->conn, 400, "scope of the object must be WORKSPACE");
		return;
	}
	r = object_body_target(&target, rq->http->body, &f);
	if (r < 0) {
		request_bad_body(rq, r, &f);
		return;
	}
	r = store_object_exclude(rq->api->store, &id, &target, NULL, &rq->actor);
	if (r == STORE_NOT_FOUND)
		request_not_found(rq, the_object);
	else if (r > 0)
		answer_store_fault(rq, NULL, &sf);
	else if (r < 0)
		respond_internal_error(rq->conn, r);
	else
		respond_empty(rq->conn, 200, NULL);
}
