/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API tokens: JWTs signed with Ed25519, as stock clients parse them.
 *
 * A token's text is shown once and kept nowhere: the store has a keyed hash of its 128-bit jti.
 * What a token may do is read from its row, never from its claims. A verification costs more than
 * a whole request, so a text that was found good is remembered, as a keyed hash, in a bounded
 * table, until it expires, is revoked, or its row changes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/model/policy.h"
#include "manager/store/store.h"

struct token_authority;

/*
 * Loads the signing seed, or makes it in a new store. When the database cannot be used now, it is
 * not loaded yet: see token_load(). The store is borrowed. 0 or -errno.
 */
MUST_CHECK int token_authority_new(struct token_authority **out, struct store *s);
/* Tries to load the signing seed again. 0, STORE_NOT_FOUND or -errno. */
MUST_CHECK int token_load(struct token_authority *a);
/* Before it is loaded no token and no session is good, and none can be issued. */
bool token_is_loaded(const struct token_authority *a);
struct token_authority *token_authority_free(struct token_authority *a);

#define TOKEN_NAME_SIZE 256 /* with its NUL */
struct token_identity {
	struct id id, family;
	char name[TOKEN_NAME_SIZE];
	struct subject subject;
	int64_t expires_ms; /* 0: never */
};

enum token_verdict {
	TOKEN_GOOD,
	TOKEN_MALFORMED, /* not one of our JWTs: shape, encoding, header or claims */
	TOKEN_FORGED,    /* the signature does not verify */
	TOKEN_REVOKED,   /* or unknown to this manager */
	TOKEN_EXPIRED,
};
const char *token_verdict_text(enum token_verdict v); /* a sentence for an error body */

/*
 * text: what stands behind "Bearer ". Identity is written for TOKEN_GOOD alone. A verdict, or
 * -errno when the store could not answer. A good token counts as used at now_ms (written out
 * later, in batches).
 */
MUST_CHECK int token_check(
    struct token_authority *a, struct span text, int64_t now_ms, struct token_identity *out);
/* The same for a token that is known by its id: for sessions of the page. */
MUST_CHECK int token_check_id(
    struct token_authority *a, const struct id *id, int64_t now_ms, struct token_identity *out);
/* Whether a token that was good before still is: for requests that were held. */
MUST_CHECK int token_recheck(
    struct token_authority *a, const struct id *id, int64_t now_ms, struct token_identity *out);

struct token_request {
	struct span name; /* 1 .. TOKEN_NAME_SIZE - 1 bytes */
	enum scope scope;
	struct id scope_id;
	enum role role;
	int64_t expires_in_s; /* 0: never */
};
/*
 * Appends the token's text to `text` (its only appearance ever). 0, STORE_NO_ENTITY when there is
 * no such scope entity, or -errno.
 */
MUST_CHECK int token_issue(struct token_authority *a, const struct token_request *r, int64_t now_ms,
    const struct store_actor *by, struct id *id, struct buf *text);
/*
 * A token and its renewals are a family (struct store_family), which ends: no renewal lives longer
 * than the first token's creation plus this, or than the first token itself if that is later. A
 * family whose first token never expires has no end. Default: TOKEN_MAX_LIFETIME_S.
 */
#define TOKEN_MAX_LIFETIME_S (INT64_C(90) * 86400)
void token_set_max_lifetime(struct token_authority *a, int64_t seconds);
/* When the family ends; 0: never. */
int64_t token_family_ends_ms(const struct token_authority *a, const struct store_family *f);

/*
 * Logs a warning for each family that is in use and ends within TOKEN_FAMILY_WARNING_MS: for a
 * timer, once a day. token_families_ending(): how many there were the last time.
 */
#define TOKEN_FAMILY_WARNING_MS (INT64_C(14) * 86400 * 1000)
void token_watch_families(struct token_authority *a, int64_t now_ms);
int64_t token_families_ending(const struct token_authority *a);

/* Why a token is not renewed, besides a store_result. */
enum token_refusal {
	TOKEN_FAMILY_ENDED = 100,
	TOKEN_FAMILY_BUSY, /* it had TOKEN_RENEWALS_AN_HOUR renewals in the last hour */
};
#define TOKEN_RENEWALS_AN_HOUR 1000 /* copies of one token, each renewed by its own holder */
/*
 * A new token with the rights, name and length of life of an existing one (checked and good), in
 * its family: for its holder, before it expires. The old one lives on until its own end. 0, a
 * token_refusal, STORE_NOT_FOUND; else as token_issue().
 */
MUST_CHECK int token_renew(struct token_authority *a, const struct id *old, int64_t now_ms,
    const struct store_actor *by, struct id *id, struct buf *text);
/*
 * Revokes the token's whole family, at once. 0, STORE_NOT_FOUND, STORE_NOT_DURABLE, or -errno;
 * twice is not an error.
 */
MUST_CHECK int token_revoke(
    struct token_authority *a, const struct id *id, int64_t now_ms, const struct store_actor *by);
/* Writes out when tokens were last used: for a timer, about once a minute. */
void token_flush(struct token_authority *a);
