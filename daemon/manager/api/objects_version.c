/* SPDX-License-Identifier: Apache-2.0 */
/* What one object was at an earlier version, and what differs from another one. */
#include <errno.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "manager/api/encode.h"
#include "manager/api/request.h"
#include "manager/store/history.h"
#include "manager/store/version.h"

static const char the_version[] = "The environment object at this version";

/* A version's number from 1 on; 0: it is none. */
static int64_t
version_from(struct span text)
{
	int64_t v = 0;

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, text.p[i] - '0', &v))
			return 0;
	return v;
}

/* False: the request has its response. */
static bool
read_version(struct request *rq, const struct id *id, int64_t version, struct store_holder *h,
    struct store_object *o)
{
	int r = STORE_NOT_FOUND;

	if (!h)
		r = -ENOMEM;
	else if (version > 0)
		r = store_object_version(rq->api->store, id, version, h, o);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0 || !id_equal(&o->place.organization, &rq->organization))
		request_not_found(rq, the_version);
	else
		return request_may(rq, ACTION_VIEW, &o->place, the_version) &&
		       request_may(rq, ACTION_HISTORY, &o->place, the_version);
	return false;
}

/* against: NULL for none. */
static void
respond_version(
    struct request *rq, const struct store_object *o, const struct store_object *against)
{
	const struct store_version version = { o->version, 0 };
	struct buf body = BUF_INIT(LIMIT_ROW + HISTORY_MAX_NAMES);
	int r = 0;

	buf_addc(&body, '{');
	jtext_member_int(&body, "version", o->version);
	jtext_name(&body, "environmentObject");
	encode_object_version(o, &body);
	if (against) {
		jtext_name(&body, "changedFields");
		r = history_changes(against, o, &body);
	}
	buf_addc(&body, '}');
	if (r < 0) {
		respond_internal_error(rq->conn, r);
	} else {
		store_audit_read(rq->api->store, &rq->actor, NULL, o, &version, false);
		respond_json(rq->conn, NULL, &body);
	}
	buf_fini(&body);
}

/* Of an object that exists, or of a deleted one whose place still exists. */
void
object_version(struct request *rq)
{
	struct store_holder *other = NULL;
	struct store_object o, against;
	struct span text = { 0 };
	struct fault f;
	struct id id;
	int r = query_text(&rq->query, "against", &text, &f);

	if (r == 0 && text.p && !version_from(text))
		r = fault_set(&f, "invalid", "against", "must be the number of a version");
	if (r < 0) {
		respond_fault(rq->conn, &f);
		return;
	}
	if (!id_from(rq->params[0], &id)) {
		request_not_found(rq, the_version);
		return;
	}
	if (!read_version(rq, &id, version_from(rq->params[1]), request_holder(rq), &o))
		return;
	if (!text.p) {
		respond_version(rq, &o, NULL);
		return;
	}
	other = store_holder_new();
	if (read_version(rq, &id, version_from(text), other, &against))
		respond_version(rq, &o, &against);
	store_holder_free(other);
}
