/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of the Environment page, and the codes of login-link. Both are texts sealed under a key
 * that all managers of a store share. The store keeps nothing of a session but, once it was signed
 * out of, the hash of its id. Each names a token, and what it may do is what the token may do, as
 * long as the token is good.
 *
 * Pure but for the token authority's key: the caller says what time it is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/span.h"
#include "manager/api/token.h"
#include "manager/http/parse.h"

#define SESSION_IDLE_MS  (INT64_C(30) * 60 * 1000)   /* from its last renewal */
#define SESSION_MAX_MS   (INT64_C(12) * 3600 * 1000) /* from the sign-in, whatever is renewed */
#define SIGN_IN_CODE_MS  (INT64_C(60) * 1000)
#define SESSION_TEXT_MAX 256 /* of a session and of a code */

#define SESSION_ID_SIZE 16
struct session {
	struct id token;
	uint8_t id[SESSION_ID_SIZE]; /* random; the same after a renewal */
	int64_t begun_ms, expires_ms;
};

/* A session of this token that begins now. */
void session_begin(struct session *s, const struct token_identity *who, int64_t now_ms);
/*
 * Prolongs the session if half of its idle time is over and it may live longer. False: it is
 * unchanged.
 */
MUST_CHECK bool session_renew(struct session *s, const struct token_identity *who, int64_t now_ms);
/* Appends the session as text. 0 or -errno. */
MUST_CHECK int session_seal(
    const struct token_authority *a, const struct session *s, struct buf *out);
/*
 * Reads such a text. TOKEN_GOOD with *out; TOKEN_FORGED; TOKEN_EXPIRED; or -ENOMEM. It does not
 * check the session's token: call token_check_id().
 */
MUST_CHECK int session_open(
    const struct token_authority *a, struct span text, int64_t now_ms, struct session *out);

/*
 * The hash that names a session, for the store to note that it was signed out of; it need not be
 * noted beyond session_last_ms().
 */
void session_hash(const struct session *s, uint8_t hash[static HASH_SIZE]);
/* Returns the time at which the session ends even if its cookie is renewed. */
int64_t session_last_ms(const struct session *s);

/* Appends a code that signs in as this token, once, within SIGN_IN_CODE_MS. 0 or -errno. */
MUST_CHECK int sign_in_code_make(
    const struct token_authority *a, const struct id *token, int64_t now_ms, struct buf *out);
/*
 * Reads a code, as session_open(). hash names it, for the store to note that it was used; it need
 * not be noted beyond out->expires_ms.
 */
MUST_CHECK int sign_in_code_open(const struct token_authority *a, struct span text, int64_t now_ms,
    struct session *out, uint8_t hash[static HASH_SIZE]);

/*
 * The session's cookie in a request, or absent. secure: the connection speaks TLS. *for_tls: it has
 * the name that only a page served over TLS can set.
 */
struct span session_cookie(const struct http_request *http, bool secure, bool *for_tls);
/*
 * Appends the value of Set-Cookie that stores `text` for age_ms (0: removes it). for_tls: the
 * browser speaks TLS, with us or with a proxy in front.
 */
void session_set_cookie(bool for_tls, struct span text, int64_t age_ms, struct buf *out);

enum session_origin {
	ORIGIN_OURS,
	ORIGIN_UNMARKED, /* without X-Connd-UI: 1, which no page of another site can send */
	ORIGIN_FOREIGN,  /* Origin or Sec-Fetch-Site names another site */
};
/* Whether the page made this request. */
enum session_origin session_origin(const struct http_request *http);
/* Whether the browser speaks TLS, as its Origin says. */
bool session_origin_is_secure(const struct http_request *http);
