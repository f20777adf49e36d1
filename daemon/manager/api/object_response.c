/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/object_response.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "manager/api/encode.h"
#include "manager/api/input/etag.h"

#define TAG_SIZE 64

static const char the_object[] = "The environment object";

/* ---- the state of an object ---- */

/*
 * Writes the tag: version and random bits of the last change, and which places are linked and
 * excluded. Deleting a Deployment removes its links without a change of the object.
 */
static void
write_tag(const struct store_object *o, char tag[static TAG_SIZE])
{
	static const uint8_t key[HASH_SHORT_KEY_SIZE];
	uint64_t links = o->n_links;

	for (size_t i = 0; i < o->n_links; i++)
		links = links * 31 + hash_short(key, o->links[i].entity.s, ID_LENGTH);
	for (size_t i = 0; i < o->n_excludes; i++)
		links = links * 31 + hash_short(key, o->excludes[i].entity.s, ID_LENGTH);
	(void)snprintf(tag, TAG_SIZE, "\"%d-%" PRIx64 "-%016" PRIx64 "-%08" PRIx32 "\"",
	    ENCODE_VERSION, (uint64_t)o->version, o->draw, (uint32_t)links);
}

/* True if a field of this name lists the tag. *given: there is such a field. */
static bool
is_listed(
    struct request *rq, const char *name, const char *tag, enum etag_comparison how, bool *given)
{
	*given = false;
	for (size_t i = 0; i < rq->http->n_fields; i++) {
		if (!http_span_is(rq->http->fields[i].name, name))
			continue;
		*given = true;
		if (etag_is_listed(rq->http->fields[i].value, tag, how))
			return true;
	}
	return false;
}

static int
get_object(struct request *rq, const struct id *id, struct store_object *o)
{
	struct store_holder *h = request_holder(rq);

	return h ? store_object_get(rq->api->store, id, h, o) : -ENOMEM;
}

bool
object_find(struct request *rq, enum action what, struct store_object *o)
{
	struct id id;
	int r = STORE_NOT_FOUND;

	if (id_from(rq->params[0], &id))
		r = get_object(rq, &id, o);
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
respond_stale(struct request *rq)
{
	respond_error(rq->conn, 412,
	    "If-Match does not list the object's present ETag: it has changed since; read it "
	    "again");
}

bool
object_find_to_change(struct request *rq, enum action what, struct object_found *found)
{
	char tag[TAG_SIZE];
	bool given;

	*found = (struct object_found){ 0 };
	if (!object_find(rq, what, &found->object))
		return false;
	write_tag(&found->object, tag);
	found->version = (struct store_version){ found->object.version, found->object.draw };
	if (is_listed(rq, "if-match", tag, ETAG_STRONG, &given))
		found->expect = &found->version;
	else if (given)
		respond_stale(rq);
	return found->expect || !given;
}

/* ---- responses ---- */

/* Fills the list, which takes three: the tag (may be NULL), the warning, the end. */
static const struct http_header *
write_headers(const struct request *rq, const char *tag, struct http_header list[static 3])
{
	size_t n = 0;

	if (tag)
		list[n++] = (struct http_header){ "ETag", tag };
	if (rq->warning)
		list[n++] = (struct http_header){ "Warning", rq->warning };
	list[n] = (struct http_header){ 0 };
	return list;
}

void
object_respond(struct request *rq, const struct store_object *o)
{
	struct buf body = BUF_INIT(LIMIT_ROW);
	struct http_header list[3];
	char tag[TAG_SIZE];
	bool reads = rq->http->method == HTTP_GET || rq->http->method == HTTP_HEAD, given;

	write_tag(o, tag);
	write_headers(rq, tag, list);
	if (reads && is_listed(rq, "if-none-match", tag, ETAG_WEAK, &given)) {
		respond_empty(rq->conn, 304, list);
		return;
	}
	encode_object(o, NULL, &body);
	respond_json(rq->conn, list, &body);
	buf_fini(&body);
}

void
object_respond_stored(struct request *rq, const struct id *id)
{
	struct store_object o;
	int r = get_object(rq, id, &o);

	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0)
		request_not_found(rq, the_object);
	else
		object_respond(rq, &o);
}

void
object_respond_empty(struct request *rq, int status)
{
	struct http_header list[3];

	respond_empty(rq->conn, status, write_headers(rq, NULL, list));
}

void
object_respond_json(struct request *rq, const struct buf *body)
{
	struct http_header list[3];

	respond_json(rq->conn, write_headers(rq, NULL, list), body);
}

/* ---- refusals ---- */

/* Responds 400: a place that the request names does not exist in the object's Workspace. */
static void
respond_no_entity(
    struct request *rq, const struct object_body *body, const struct store_fault *fault)
{
	struct fault f;
	char field[OBJECT_LINK_FIELD_SIZE] = "scopeEntityId";

	if (fault && fault->part == FAULT_LINK)
		object_body_link_field(body, fault->index, field);
	if (fault && fault->part == FAULT_EXCLUDE)
		(void)snprintf(
		    field, sizeof field, "excludeLinks[%zu].scopeEntityId", fault->index);
	(void)fault_set(&f, "invalid", field, "names nothing that is in the object's Workspace");
	respond_fault(rq->conn, &f);
}

/* Responds 413: the request and what is stored are together above a limit. */
static void
respond_outgrown(
    struct request *rq, int r, const struct object_body *body, const struct store_fault *fault)
{
	struct buf text = BUF_INIT(FAULT_MESSAGE_SIZE);
	char field[OBJECT_LINK_FIELD_SIZE];

	if (r == -EFBIG) {
		buf_adds(&text, "links");
	} else if (fault->part == FAULT_LINK) {
		object_body_link_field(body, fault->index, field);
		buf_addf(&text, "%.*s.overrides", (int)strcspn(field, "."), field);
	} else {
		buf_adds(&text, object_type_member(object_body_request(body)->type));
	}
	if (r == -EFBIG)
		buf_adds(&text, ": their overrides are together larger than 2 MiB");
	else if (r == -E2BIG)
		buf_addf(&text,
		    " and what is stored of it have together more than %d members in one map",
		    LIMIT_MEMBERS);
	else
		buf_adds(&text, " and what is stored of it are together larger than 1 MiB");
	respond_error(rq->conn, 413, buf_str(&text));
	buf_fini(&text);
}

void
object_respond_refused(
    struct request *rq, int r, const struct object_body *body, const struct store_fault *fault)
{
	switch (r) {
	case STORE_NOT_FOUND:
	case STORE_NOT_EMPTY:
		request_not_found(rq, the_object);
		return;
	case STORE_CONFLICT:
		respond_error(rq->conn, 409,
		    "objectKey is taken: its scope has another object of this type and key");
		return;
	case STORE_STALE:
		respond_stale(rq);
		return;
	case STORE_NO_ENTITY:
		respond_no_entity(rq, body, fault);
		return;
	case -EMSGSIZE:
	case -E2BIG:
	case -EFBIG:
		if (r == -EFBIG || (body && fault)) {
			respond_outgrown(rq, r, body, fault);
			return;
		}
		break;
	}
	respond_internal_error(rq->conn, r);
}
