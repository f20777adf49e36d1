/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens over the API: create, list, read, revoke, and a token that renews itself. */
#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "manager/api/encode.h"
#include "manager/api/input/object.h"
#include "manager/api/input/token_body.h"
#include "manager/api/request.h"

#define TOKEN_TEXT_MAX 4096

static const char the_token[] = "The token";

/* --- one token as JSON ---------------------------------------------------------------- */

/* Writes who issued it. Clients of the hosted API fail without a fullName. */
static void
encode_issuer(const char *name, const struct store_subject *by, struct buf *out)
{
	static const struct span manager = SPAN_LITERAL("connd-manager");
	bool command_line = id_is_none(&by->token);

	jtext_name(out, name);
	buf_addc(out, '{');
	jtext_member_string(out, "id", command_line ? manager : span_of(by->token.s));
	jtext_member_string(out, "subjectType", SPAN_LITERAL("SERVICEKEY"));
	jtext_member_string(out, "apiTokenName", command_line ? manager : by->name);
	jtext_member_string(out, "fullName", command_line ? manager : by->name);
	buf_addc(out, '}');
}

/* The members of the hosted API's shape; those that are not stored are "". */
static void
encode_hosted(const struct store_token *t, struct buf *out)
{
	char role[TOKEN_ROLE_SIZE];

	token_role_hosted(t->subject.scope, t->subject.role, role);
	jtext_member_string(out, "type", span_of(scope_name(t->subject.scope)));
	jtext_member_string(out, "description", SPAN_LITERAL(""));
	jtext_member_string(out, "shortToken", SPAN_LITERAL(""));
	jtext_name(out, "roles");
	buf_adds(out, "[{");
	jtext_member_string(out, "entityId", span_of(t->subject.scope_id.s));
	jtext_member_string(out, "entityType", span_of(scope_name(t->subject.scope)));
	jtext_member_string(out, "role", span_of(role));
	buf_adds(out, "}]");
	encode_time("startAt", t->created_ms, out);
	encode_time("updatedAt", t->created_ms, out);
	if (t->expires_ms)
		encode_time("endAt", t->expires_ms, out);
	encode_issuer("createdBy", &t->created_by, out);
	encode_issuer("updatedBy", &t->created_by, out);
}

static void
encode_token(const struct token_authority *a, const struct store_token *t, struct buf *out)
{
	int64_t family_ends_ms = token_family_ends_ms(a, &t->family);

	buf_addc(out, '{');
	jtext_member_string(out, "id", span_of(t->id.s));
	jtext_member_string(out, "name", t->name);
	jtext_member_string(out, "scope", span_of(scope_name(t->subject.scope)));
	jtext_member_string(out, "scopeEntityId", span_of(t->subject.scope_id.s));
	jtext_member_string(out, "role", span_of(role_name(t->subject.role)));
	encode_time("createdAt", t->created_ms, out);
	if (t->expires_ms)
		encode_time("expiresAt", t->expires_ms, out);
	if (t->revoked_ms)
		encode_time("revokedAt", t->revoked_ms, out);
	if (t->last_used_ms)
		encode_time("lastUsedAt", t->last_used_ms, out);
	jtext_member_string(out, "familyId", span_of(t->family.id.s));
	if (family_ends_ms)
		encode_time("familyEndsAt", family_ends_ms, out);
	encode_hosted(t, out);
	buf_addc(out, '}');
}

/* The token's text is shown only here. */
static void
respond_issued(struct request *rq, const struct id *id, const struct buf *text)
{
	struct buf body = BUF_INIT(TOKEN_TEXT_MAX + 4096);
	struct http_header list[2];
	struct store_token t;
	int r = store_token_get(rq->api->store, id, &t);

	if (r != 0) {
		respond_internal_error(rq->conn, r < 0 ? r : -EIO);
		return;
	}
	encode_token(rq->api->tokens, &t, &body);
	if (!buf_error(&body))
		body.len--; /* the closing brace */
	jtext_member_string(&body, "token", span_of_buf(text));
	buf_addc(&body, '}');
	respond_json(rq->conn, request_warning(rq, list), &body);
	buf_fini(&body);
}

/* --- create --------------------------------------------------------------------------- */

struct new_token {
	struct token_request q;
	struct place place;
};

/* Reads the scope of the new token, which the requesting token must cover. */
static int
read_place(struct request *rq, struct body *b, const struct token_body *t, struct new_token *n)
{
	int r = STORE_NOT_FOUND;

	n->q.scope = t->scope;
	if (!t->entity.p)
		n->q.scope_id = rq->organization;
	if (!t->entity.p || id_from(t->entity, &n->q.scope_id)) {
		n->place = (struct place){ .organization = n->q.scope_id };
		r = n->q.scope == SCOPE_ORGANIZATION
			? 0
			: store_place(rq->api->store, n->q.scope, &n->q.scope_id, &n->place);
	}
	if (r < 0)
		return r;
	if (r > 0 || !id_equal(&n->place.organization, &rq->organization) ||
	    policy_decide(&rq->who.subject, ACTION_VIEW, &n->place, false) == POLICY_OUT_OF_SCOPE)
		return fault_set(b->fault, "invalid", t->entity_field, "is not the id of the %s",
		    object_scope_word(n->q.scope));
	return 0;
}

static int
read_new_token(struct request *rq, struct body *b, struct new_token *n)
{
	struct token_body t = { 0 };
	struct ignored ignored = { 0 };
	int r = token_body_read(b, (TOKEN_NAME_SIZE - 1) / 4, &t);

	if (r < 0)
		return r;
	ignored_note(&ignored, b->object, "", token_body_members);
	request_ignored(rq, &ignored);
	n->q.name = t.name;
	n->q.role = t.role;
	n->q.expires_in_s = t.expires_in_s;
	return read_place(rq, b, &t, n);
}

void
tokens_create(struct request *rq)
{
	struct buf text = BUF_INIT(TOKEN_TEXT_MAX);
	struct new_token n = { 0 };
	struct fault f;
	struct body b;
	struct id id;
	enum verdict v;
	int r = body_read(&b, rq->http->body, &f);

	if (r == 0)
		r = read_new_token(rq, &b, &n);
	if (r < 0) {
		request_bad_body(rq, r, &f);
		goto out;
	}
	v = policy_may_issue(&rq->who.subject, n.q.role, &n.place);
	if (v != POLICY_ALLOWED) {
		request_denied(rq, POLICY_DENIED, the_token);
		goto out;
	}
	r = token_issue(rq->api->tokens, &n.q, clock_wall_ms(), &rq->actor, &id, &text);
	if (r != 0)
		respond_internal_error(rq->conn, r < 0 ? r : -EIO);
	else
		respond_issued(rq, &id, &text);
out:
	buf_fini(&text);
	body_fini(&b);
}

static void
refuse_renewal(struct request *rq, int why)
{
	if (why == TOKEN_FAMILY_ENDED)
		respond_error(rq->conn, 403,
		    "The token's family has ended: it cannot be renewed any more; have a new token "
		    "issued");
	else if (why == TOKEN_FAMILY_BUSY)
		respond_too_often(rq->conn, 60);
	else if (why == STORE_NOT_FOUND)
		request_not_found(rq, the_token);
	else
		respond_internal_error(rq->conn, why < 0 ? why : -EIO);
}

/* Issues a new token with the same rights; the old one stays valid until its own end. */
void
tokens_renew(struct request *rq)
{
	struct buf text = BUF_INIT(TOKEN_TEXT_MAX);
	struct id id;
	int r = token_renew(rq->api->tokens, &rq->who.id, clock_wall_ms(), &rq->actor, &id, &text);

	if (r != 0)
		refuse_renewal(rq, r);
	else
		respond_issued(rq, &id, &text);
	buf_fini(&text);
}

/* --- read, revoke --------------------------------------------------------------------- */

static struct place
place_of_token(const struct store_token *t)
{
	struct place p = { .organization = t->subject.organization };

	if (t->subject.scope == SCOPE_WORKSPACE)
		p.workspace = t->subject.scope_id;
	if (t->subject.scope == SCOPE_DEPLOYMENT) {
		p.workspace = t->workspace;
		p.deployment = t->subject.scope_id;
	}
	return p;
}

/* Finds the token of the path ("self": the requesting one), if it may manage it or is it. */
static bool
find_token(struct request *rq, struct store_token *t)
{
	struct place place;
	struct id id = rq->who.id;
	enum verdict v;
	int r = STORE_NOT_FOUND;

	if (span_is(rq->params[0], "self") || id_from(rq->params[0], &id))
		r = store_token_get(rq->api->store, &id, t);
	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return false;
	}
	/* A revoked token is not found by its id; lists still have it. */
	if (r != STORE_OK || t->revoked_ms ||
	    !id_equal(&t->subject.organization, &rq->organization)) {
		request_not_found(rq, the_token);
		return false;
	}
	if (id_equal(&id, &rq->who.id))
		return true;
	place = place_of_token(t);
	v = policy_may_issue(&rq->who.subject, t->subject.role, &place);
	if (v != POLICY_ALLOWED)
		request_denied(rq, v, the_token);
	return v == POLICY_ALLOWED;
}

void
tokens_get(struct request *rq)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	struct store_token t;

	if (!find_token(rq, &t))
		return;
	encode_token(rq->api->tokens, &t, &body);
	respond_json(rq->conn, NULL, &body);
	buf_fini(&body);
}

void
tokens_revoke(struct request *rq)
{
	struct store_token t;
	struct id id;
	int r;

	if (!find_token(rq, &t))
		return;
	id = t.id;
	r = token_revoke(rq->api->tokens, &id, clock_wall_ms(), &rq->actor);
	rq->in_memory = true;
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r == STORE_NOT_DURABLE)
		respond_not_durable(rq->conn);
	else if (r > 0)
		request_not_found(rq, the_token);
	else
		respond_empty(rq->conn, 204, NULL);
}

/* Writes a page of tokens. With organization_only the page is cut here, not in the store. */
struct listing {
	const struct token_authority *tokens;
	bool organization_only;
	struct place_list page;
	int64_t total;
	struct buf *out;
};

static int
list_token(void *arg, const struct store_token *t)
{
	struct listing *l = arg;
	int64_t row;

	if (l->organization_only && t->subject.scope != SCOPE_ORGANIZATION)
		return 0;
	row = l->total++;
	if (l->organization_only && (row < l->page.offset || row - l->page.offset >= l->page.limit))
		return 0;
	jtext_next(l->out);
	encode_token(l->tokens, t, l->out);
	return encode_page_is_full(l->out);
}

static int
list_tokens(struct request *rq, struct listing *l)
{
	int64_t total = 0;
	bool all = l->organization_only;
	int r = store_token_list(rq->api->store, &l->page.place, all ? 0 : l->page.offset,
	    all ? -1 : l->page.limit, list_token, l, &total);

	if (!all)
		l->total = total;
	return r;
}

void
tokens_list(struct request *rq)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	struct listing l = { .tokens = rq->api->tokens, .page = { .limit = 20 }, .out = &body };
	struct fault f;
	int r = query_bool(&rq->query, "includeOnlyOrganizationTokens", &l.organization_only, &f);

	if (r < 0) {
		request_bad_body(rq, r, &f);
		return;
	}
	if (!request_place_list(rq, ACTION_MANAGE_TOKENS, &l.page))
		return;
	buf_adds(&body, "{\"tokens\":[");
	r = list_tokens(rq, &l);
	buf_addc(&body, ']');
	respond_page(rq->conn, r, l.page.limit, l.page.offset, l.total, &body);
	buf_fini(&body);
}
