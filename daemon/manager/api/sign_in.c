/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/sign_in.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/log.h"
#include "manager/api/durable.h"
#include "manager/api/encode.h"
#include "manager/api/input/body.h"
#include "manager/api/rate.h"
#include "manager/api/session.h"
#include "manager/api/throttle.h"

#define PATH     "/ui/session"
#define BODY_MAX (LIMIT_TOKEN + 1024) /* a token and its JSON */

static const char make_a_new_one[] =
    "The sign-in code has expired or was used before: make a new one with connd-manager login-link";

bool
sign_in_is_for(const struct http_conn *conn)
{
	return span_is(http_conn_request(conn)->path, PATH);
}

/* --- the cookie ----------------------------------------------------------------------- */

/* 0 or -ENOMEM. */
static int
add_cookie(struct request *rq, bool for_tls, struct span text, int64_t age_ms)
{
	struct buf field = BUF_INIT(2 * SESSION_TEXT_MAX);
	int r;

	session_set_cookie(for_tls, text, age_ms, &field);
	r = buf_error(&field);
	if (r == 0)
		r = http_conn_add_field(rq->conn, "Set-Cookie", buf_str(&field));
	buf_fini(&field);
	return r;
}

static int
send_session(struct request *rq, bool for_tls, const struct session *s, int64_t now_ms)
{
	struct buf text = BUF_INIT(SESSION_TEXT_MAX);
	int r = session_seal(rq->api->tokens, s, &text);

	if (r == 0)
		r = add_cookie(rq, for_tls, span_of_buf(&text), s->expires_ms - now_ms);
	buf_fini(&text);
	return r;
}

/* --- what a cookie is good for --------------------------------------------------------- */

bool
sign_in_has_cookie(const struct request *rq)
{
	bool for_tls;

	return session_cookie(rq->http, http_conn_is_secure(rq->conn), &for_tls).p;
}

/* False: the request has its response. */
static bool
check_origin(struct request *rq)
{
	switch (session_origin(rq->http)) {
	case ORIGIN_OURS:
		return true;
	case ORIGIN_UNMARKED:
		request_unauthorized(
		    rq->conn, "A session's cookie counts only with the header X-Connd-UI: 1");
		return false;
	case ORIGIN_FOREIGN:
		break;
	}
	respond_error(rq->conn, 403,
	    "The request comes from another site: Origin and Host must be the same, and "
	    "Sec-Fetch-Site same-origin");
	return false;
}

/* rq->who is the token of *s. False: the request has its response. */
static bool
take_token(struct request *rq, const struct session *s, int64_t now_ms)
{
	int r = token_check_id(rq->api->tokens, &s->token, now_ms, &rq->who);

	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r != TOKEN_GOOD)
		request_unauthorized(rq->conn, token_verdict_text((enum token_verdict)r));
	else
		request_identify(rq);
	return r == TOKEN_GOOD;
}

/* TOKEN_EXPIRED after a sign-out from this session, TOKEN_GOOD otherwise, or -errno. */
static int
check_signed_out(const struct request *rq, const struct session *s)
{
	uint8_t hash[HASH_SIZE];
	bool used;
	int r;

	session_hash(s, hash);
	r = store_code_is_used(rq->api->store, hash, &used);
	return r == 0 && used ? TOKEN_EXPIRED : r;
}

/* Reads the cookie into *s. False: the request has its response. */
static bool
take_session(struct request *rq, struct session *s)
{
	int64_t now_ms = clock_wall_ms();
	bool for_tls;
	struct span text = session_cookie(rq->http, http_conn_is_secure(rq->conn), &for_tls);
	int r = text.p ? session_open(rq->api->tokens, text, now_ms, s) : TOKEN_EXPIRED;

	if (r == TOKEN_GOOD)
		r = check_signed_out(rq, s);
	if (r > 0) {
		request_unauthorized(rq->conn, "There is no session, or it has ended: sign in");
		return false;
	}
	if (r == TOKEN_GOOD && !take_token(rq, s, now_ms))
		return false;
	if (r == TOKEN_GOOD && session_renew(s, &rq->who, now_ms))
		r = send_session(rq, for_tls, s, now_ms);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	return r == 0;
}

bool
sign_in_authenticate(struct request *rq)
{
	struct session s;

	return check_origin(rq) && take_session(rq, &s);
}

/* --- /ui/session ----------------------------------------------------------------------- */

static void
respond_session(struct request *rq, const struct session *s)
{
	const struct subject *who = &rq->who.subject;
	struct buf body = BUF_INIT(4096);

	buf_addc(&body, '{');
	jtext_member_string(&body, "tokenId", span_of(rq->who.id.s));
	jtext_member_string(&body, "name", span_of(rq->who.name));
	jtext_member_string(&body, "role", span_of(role_name(who->role)));
	jtext_member_string(&body, "scope", span_of(scope_name(who->scope)));
	jtext_member_string(&body, "scopeId", span_of(who->scope_id.s));
	jtext_member_string(&body, "organizationId", span_of(who->organization.s));
	if (rq->who.expires_ms)
		encode_time("expiresAt", rq->who.expires_ms, &body);
	encode_time("sessionExpiresAt", s->expires_ms, &body);
	buf_addc(&body, '}');
	respond_json(rq->conn, NULL, &body);
	buf_fini(&body);
}

static void
begin_session(struct request *rq, const char *by)
{
	int64_t now_ms = clock_wall_ms();
	struct session s;
	int r;

	session_begin(&s, &rq->who, now_ms);
	r = send_session(
	    rq, http_conn_is_secure(rq->conn) || session_origin_is_secure(rq->http), &s, now_ms);
	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return;
	}
	log_info("signed in", LOG_STR("token", rq->who.id.s), LOG_STR("by", by),
	    LOG_STR("request", http_conn_request_id(rq->conn)));
	respond_session(rq, &s);
}

static void
begin_by_token(struct request *rq)
{
	begin_session(rq, "token");
}

/* A sign-in counts as a change by its token. */
static void
begin_in_turn(struct request *rq)
{
	struct rate *rate = rq->api->rate_post;
	int64_t wait_ms = rate ? rate_ask(rate, &rq->who.family, clock_boot_ms()) : 0;

	if (wait_ms < 0)
		respond_too_often(rq->conn, (-wait_ms + 999) / 1000);
	else if (!wait_ms || throttle_delay(rq->api->throttle, rq, wait_ms, begin_by_token) < 0)
		begin_by_token(rq);
}

static void
use_token(struct request *rq, struct span text)
{
	int r = token_check(rq->api->tokens, text, clock_wall_ms(), &rq->who);

	if (r < 0) {
		respond_internal_error(rq->conn, r);
	} else if (r != TOKEN_GOOD) {
		request_unauthorized(rq->conn, token_verdict_text((enum token_verdict)r));
	} else {
		request_identify(rq);
		begin_in_turn(rq);
	}
}

static void
use_code(struct request *rq, struct span text)
{
	_Static_assert(HASH_SIZE == STORE_CODE_HASH_SIZE, "one is the other");
	int64_t now_ms = clock_wall_ms();
	uint8_t hash[HASH_SIZE];
	struct session code;
	int r = sign_in_code_open(rq->api->tokens, text, now_ms, &code, hash);

	if (r > 0) {
		request_unauthorized(
		    rq->conn, r == TOKEN_EXPIRED ? make_a_new_one
						 : "The sign-in code was not made by this manager");
		return;
	}
	if (r == TOKEN_GOOD && !take_token(rq, &code, now_ms))
		return;
	if (r == TOKEN_GOOD)
		r = store_code_use(rq->api->store, hash, code.expires_ms, now_ms);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r == STORE_CONFLICT)
		request_unauthorized(rq->conn, make_a_new_one);
	else
		begin_session(rq, "code");
}

static void sign_in_by_code(struct request *rq);

/* is_durable: the response waits until the change is on disk, as it must for a code. */
static void
read_credential(struct request *rq, bool is_durable)
{
	struct span token = { 0 }, code = { 0 };
	struct fault f;
	struct body b;
	int r = body_read(&b, rq->http->body, &f);

	if (r == 0)
		r = body_text(&b, "token", false, &token);
	if (r == 0)
		r = body_text(&b, "code", false, &code);
	if (r == 0 && !token.p == !code.p)
		r = fault_set(&f, "invalid", "token", "or code is required, and not both");
	if (r < 0)
		request_bad_body(rq, r, &f);
	else if (token.p)
		use_token(rq, token);
	else if (is_durable)
		use_code(rq, code);
	else
		durable_serve(rq->api->durable, rq, sign_in_by_code);
	body_fini(&b);
}

static void
sign_in_by_code(struct request *rq)
{
	read_credential(rq, true);
}

static void
sign_in(struct request *rq)
{
	read_credential(rq, false);
}

/* Stores that the session ended, so that a copy of its cookie ends as well. 0 or -errno. */
static int
end_session(struct request *rq, struct span text)
{
	int64_t now_ms = clock_wall_ms();
	uint8_t hash[HASH_SIZE];
	struct session s;
	int r = session_open(rq->api->tokens, text, now_ms, &s);

	if (r != TOKEN_GOOD)
		return r < 0 ? r : 0; /* the session is not valid any more */
	session_hash(&s, hash);
	r = store_code_use(rq->api->store, hash, session_last_ms(&s), now_ms);
	return r == STORE_CONFLICT ? 0 : r;
}

static void
sign_out(struct request *rq)
{
	bool for_tls;
	struct span text = session_cookie(rq->http, http_conn_is_secure(rq->conn), &for_tls);
	int r = add_cookie(rq, for_tls || session_origin_is_secure(rq->http), SPAN_LITERAL(""), 0);

	if (r == 0 && text.p)
		r = end_session(rq, text);
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else
		respond_empty(rq->conn, 204, NULL);
}

static void
show(struct request *rq)
{
	struct session s;

	if (take_session(rq, &s))
		respond_session(rq, &s);
}

bool
sign_in_admit(struct http_conn *conn)
{
	const struct http_request *http = http_conn_request(conn);
	struct span length = http_request_field(http, "content-length", NULL);

	if (!length.p) {
		respond_error(conn, 411, "A sign-in needs a Content-Length");
		return false;
	}
	/* The parser has checked that it is a number. */
	if (strtoull(length.p, NULL, 10) > BODY_MAX) {
		respond_error(conn, 413, "A sign-in is too long: expected a token or a code");
		return false;
	}
	return true;
}

void
sign_in_serve(struct request *rq)
{
	static const struct http_header allow = { "Allow", "GET, HEAD, POST, DELETE" };

	switch (rq->http->method) {
	case HTTP_GET:
	case HTTP_HEAD:
		show(rq);
		break;
	case HTTP_POST:
		if (check_origin(rq))
			sign_in(rq);
		break;
	case HTTP_DELETE:
		if (check_origin(rq))
			durable_serve(rq->api->durable, rq, sign_out);
		break;
	default:
		respond_error_with(rq->conn, 405, &allow, "This path does not have this method");
	}
}
