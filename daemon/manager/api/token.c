/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "manager/api/token_internal.h"

#define SECRET_NAME "token-signing"
#define SEED_SIZE   crypto_sign_SEEDBYTES
#define KID_SIZE    8

const char *
token_verdict_text(enum token_verdict v)
{
	switch (v) {
	case TOKEN_GOOD:
		return "the token is good";
	case TOKEN_MALFORMED:
		return "the token was not issued by this manager";
	case TOKEN_FORGED:
		return "the token's signature does not verify";
	case TOKEN_REVOKED:
		return "the token was revoked or is unknown";
	case TOKEN_EXPIRED:
		return "the token has expired";
	}
	return "";
}

/* ---- base64url, and only its one spelling ---- */

void
token_encode(struct buf *out, const void *p, size_t n)
{
	size_t room = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *at = buf_room(out, room);

	if (!at)
		return;
	sodium_bin2base64(at, room, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_grown(out, room - 1); /* it includes the NUL */
}

int
token_decode(struct span text, struct buf *out)
{
	struct buf again = BUF_INIT(text.n + 8);
	size_t n = 0, before = out->len;
	char *at = buf_room(out, text.n);
	int r;

	if (!at)
		return buf_error(out) == -ENOMEM ? -ENOMEM : -EINVAL;
	if (sodium_base642bin((uint8_t *)at, text.n, text.p, text.n, NULL, &n, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		return -EINVAL;
	buf_grown(out, n);
	token_encode(&again, out->data + before, n);
	r = buf_error(&again);
	if (r == 0 && !span_equal(span_of_buf(&again), text))
		r = -EINVAL;
	buf_fini(&again);
	return r == -ENOMEM || r == 0 ? r : -EINVAL;
}

/* ---- the authority ---- */

static int
load_secret(struct token_authority *a, struct buf *secret)
{
	uint8_t fresh[SEED_SIZE + JTI_KEY_SIZE];
	int r = store_secret_get(a->store, SECRET_NAME, secret);

	if (r != STORE_NOT_FOUND)
		return r;
	rnd_bytes(fresh, sizeof fresh);
	r = store_secret_put(a->store, SECRET_NAME, (struct span){ (char *)fresh, sizeof fresh });
	mem_wipe(fresh, sizeof fresh);
	return r == 0 ? store_secret_get(a->store, SECRET_NAME, secret) : r;
}

static int
set_keys(struct token_authority *a, const struct buf *secret)
{
	struct buf header = BUF_INIT(sizeof a->header - 1);
	uint8_t digest[HASH_SIZE];
	char kid[2 * KID_SIZE + 1], text[96];
	int r;

	if (secret->len != SEED_SIZE + JTI_KEY_SIZE)
		return -EBADMSG;
	(void)crypto_sign_seed_keypair(
	    a->verify_key, a->keys->sign, (const uint8_t *)secret->data); /* cannot fail */
	memcpy(a->keys->jti, secret->data + SEED_SIZE, JTI_KEY_SIZE);
	rnd_bytes(a->keys->text, sizeof a->keys->text);
	seal_derive(a->keys->session, a->keys->jti, "sessions", 0);
	hash_long(digest, NULL, 0, a->verify_key, sizeof a->verify_key);
	hex_encode(kid, digest, KID_SIZE);
	snprintf(text, sizeof text, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
	token_encode(&header, text, strlen(text));
	buf_addc(&header, '.');
	r = buf_error(&header);
	if (r == 0)
		memcpy(a->header, header.data, header.len + 1);
	buf_fini(&header);
	return r;
}

static void
forget(struct token_authority *a, const struct id *family)
{
	struct known *k = &a->known[0][0];

	for (size_t i = 0; i < CACHE_SETS * CACHE_WAYS; i++) {
		if (id_equal(&k[i].identity.family, family))
			mem_wipe(&k[i], sizeof k[i]);
	}
}

static void
on_event(void *arg, const struct store_event *e)
{
	struct token_authority *a = arg;

	if (e->kind == STORE_EVENT_TOKEN)
		forget(a, &e->id);
	else if (e->kind == STORE_EVENT_ALL)
		mem_wipe(a->known, sizeof a->known);
}

static int
make_room_for_keys(struct token_authority *a)
{
	int r = arena_new(&a->arena, sizeof *a->keys, ARENA_LOCK_PREFER);

	if (r < 0)
		return r;
	a->keys = arena_alloc(a->arena, sizeof *a->keys, _Alignof(struct token_keys));
	if (!a->keys)
		return arena_error(a->arena);
	rnd_bytes(a->keys, sizeof *a->keys);
	rnd_bytes(a->verify_key, sizeof a->verify_key);
	return 0;
}

int
token_load(struct token_authority *a)
{
	struct buf secret = BUF_INIT(SEED_SIZE + JTI_KEY_SIZE);
	int r = load_secret(a, &secret);

	if (r == 0)
		r = set_keys(a, &secret);
	a->is_loaded = r == 0;
	buf_fini(&secret);
	return r;
}

bool
token_is_loaded(const struct token_authority *a)
{
	return a->is_loaded;
}

int
token_authority_new(struct token_authority **out, struct store *s)
{
	struct token_authority *a = mem_zalloc(sizeof *a);
	struct why why;
	int r;

	if (!a)
		return -ENOMEM;
	a->store = s;
	token_set_max_lifetime(a, TOKEN_MAX_LIFETIME_S);
	r = make_room_for_keys(a);
	if (r == 0 && store_opened(s, &why) == 0)
		r = token_load(a);
	if (r == 0 || r == -ENOTCONN || r == -EBUSY)
		r = store_watch(s, on_event, a);
	if (r != 0) {
		(void)arena_free(a->arena);
		mem_free(a);
		a = NULL;
	}
	*out = a;
	return r;
}

struct token_authority *
token_authority_free(struct token_authority *a)
{
	if (!a)
		return NULL;
	token_flush(a);
	store_unwatch(a->store, a);
	(void)arena_free(a->arena);
	mem_free(a);
	return NULL;
}

/* ---- checking ---- */

static void
write_uses(struct token_authority *a, const struct store_token_use *uses, size_t n)
{
	int r = n ? store_token_used(a->store, uses, n) : 0;

	if (r < 0) /* the time is only shown to people */
		log_warn("last use of tokens not written", LOG_STR("reason", strerror(-r)));
}

static struct known *
set_of(struct token_authority *a, const uint8_t hash[static HASH_SIZE])
{
	return a->known[hash[0]]; /* CACHE_SETS is 256 */
}

static struct known *
find_known(struct token_authority *a, const uint8_t hash[static HASH_SIZE])
{
	struct known *set = set_of(a, hash);

	for (int i = 0; i < CACHE_WAYS; i++) {
		if (!id_is_none(&set[i].identity.id) &&
		    hash_equal(set[i].text_hash, hash, HASH_SIZE))
			return &set[i];
	}
	return NULL;
}

/* Returns the entry for this hash: an empty one, or the one used longest ago. */
static struct known *
make_known(struct token_authority *a, const uint8_t hash[static HASH_SIZE])
{
	struct known *set = set_of(a, hash), *k = &set[0];

	for (int i = 1; i < CACHE_WAYS && !id_is_none(&k->identity.id); i++) {
		if (id_is_none(&set[i].identity.id) || set[i].used_ms < k->used_ms)
			k = &set[i];
	}
	return k;
}

/* Splits text into payload and signature; the header must be ours to the letter. */
static bool
split(
    const struct token_authority *a, struct span text, struct span *payload, struct span *signature)
{
	size_t head = strlen(a->header);
	const char *dot;

	if (text.n > LIMIT_TOKEN || text.n <= head || memcmp(text.p, a->header, head) != 0)
		return false;
	dot = memchr(text.p + head, '.', text.n - head);
	if (!dot)
		return false;
	*payload = (struct span){ text.p + head, (size_t)(dot - text.p) - head };
	*signature = (struct span){ dot + 1, text.n - head - payload->n - 1 };
	return true;
}

/* Returns a verdict, or -ENOMEM: a good token must not be refused because of it. */
static int
verify(const struct token_authority *a, struct span text, struct buf *claims)
{
	struct buf signature = BUF_INIT(2 * crypto_sign_BYTES);
	struct span payload, signed_text, sig;
	int r;

	if (!split(a, text, &payload, &sig))
		return TOKEN_MALFORMED;
	r = token_decode(sig, &signature);
	if (r == 0 && signature.len != crypto_sign_BYTES)
		r = -EINVAL;
	if (r == 0)
		r = token_decode(payload, claims);
	if (r == 0) {
		signed_text = (struct span){ text.p, (size_t)(payload.p + payload.n - text.p) };
		r = crypto_sign_verify_detached((const uint8_t *)signature.data,
			(const uint8_t *)signed_text.p, signed_text.n, a->verify_key) == 0
			? TOKEN_GOOD
			: TOKEN_FORGED;
	}
	buf_fini(&signature);
	return r == -EINVAL ? TOKEN_MALFORMED : r;
}

static bool
find_jti(const struct buf *claims, uint8_t jti[static JTI_SIZE])
{
	struct span doc, value;

	return scan_check(span_of_buf(claims), SCAN_STRICT, &doc, NULL) == 0 &&
	       scan_type(doc) == SCAN_OBJECT && scan_find(doc, "jti", &value) == 0 && value.p &&
	       value.n == 2 * JTI_SIZE + 2 && hex_decode(jti, JTI_SIZE, value.p + 1, value.n - 2);
}

/* Judges a token by its row, never by its claims. */
static enum token_verdict
judge(const struct store_token *t, int64_t now_ms, struct token_identity *out)
{
	if (t->revoked_ms)
		return TOKEN_REVOKED;
	if (t->expires_ms && t->expires_ms <= now_ms)
		return TOKEN_EXPIRED;
	*out = (struct token_identity){ .id = t->id,
		.family = t->family.id,
		.subject = t->subject,
		.expires_ms = t->expires_ms };
	snprintf(out->name, sizeof out->name, "%.*s", (int)t->name.n, t->name.p);
	return TOKEN_GOOD;
}

static int
check_text(struct token_authority *a, struct span text, int64_t now_ms, struct token_identity *out)
{
	struct buf claims = BUF_INIT(LIMIT_TOKEN);
	uint8_t jti[JTI_SIZE], jti_hash[HASH_SIZE];
	struct store_token row;
	int r = verify(a, text, &claims);

	if (r != TOKEN_GOOD)
		goto out;
	r = TOKEN_MALFORMED;
	if (!find_jti(&claims, jti))
		goto out;
	hash_long(jti_hash, a->keys->jti, sizeof a->keys->jti, jti, sizeof jti);
	r = store_token_find(a->store, jti_hash, &row);
	if (r == STORE_NOT_FOUND)
		r = TOKEN_REVOKED;
	else if (r == 0)
		r = (int)judge(&row, now_ms, out);
out:
	buf_fini(&claims);
	return r;
}

/* True if the text with this hash is known to be good now. */
static bool
recall(struct token_authority *a, const uint8_t hash[static HASH_SIZE], int64_t now_ms,
    struct token_identity *out)
{
	struct known *k = find_known(a, hash);

	if (!k)
		return false;
	if (k->identity.expires_ms && k->identity.expires_ms <= now_ms) {
		mem_wipe(k, sizeof *k);
		return false;
	}
	k->used_ms = now_ms;
	k->unsaved = true;
	*out = k->identity;
	return true;
}

/*
 * rights: store_rights() before the row was read. If they have changed, the token may have lost its
 * own meanwhile, and is not cached. Writes last, since the store may be waited for.
 */
static void
remember(struct token_authority *a, const uint8_t hash[static HASH_SIZE], int64_t now_ms,
    const struct token_identity *identity, uint64_t rights)
{
	struct known *k, was;

	if (store_rights(a->store) != rights)
		return;
	k = make_known(a, hash);
	was = *k;
	*k = (struct known){ .identity = *identity, .used_ms = now_ms, .unsaved = true };
	memcpy(k->text_hash, hash, HASH_SIZE);
	if (was.unsaved) {
		write_uses(a, &(struct store_token_use){ was.identity.id, was.used_ms }, 1);
		token_flush(a);
	}
	mem_wipe(&was, sizeof was);
}

int
token_check(struct token_authority *a, struct span text, int64_t now_ms, struct token_identity *out)
{
	uint64_t rights = store_rights(a->store);
	uint8_t hash[HASH_SIZE];
	int r;

	hash_long(hash, a->keys->text, sizeof a->keys->text, text.p, text.n);
	if (recall(a, hash, now_ms, out))
		return TOKEN_GOOD;
	r = check_text(a, text, now_ms, out);
	if (r == TOKEN_GOOD)
		remember(a, hash, now_ms, out, rights);
	return r;
}

int
token_check_id(
    struct token_authority *a, const struct id *id, int64_t now_ms, struct token_identity *out)
{
	uint64_t rights = store_rights(a->store);
	/* The id's NUL makes it differ from every text, since a header field has no NUL. */
	uint8_t hash[HASH_SIZE];
	int r;

	hash_long(hash, a->keys->text, sizeof a->keys->text, id->s, sizeof id->s);
	if (recall(a, hash, now_ms, out))
		return TOKEN_GOOD;
	r = token_recheck(a, id, now_ms, out);
	if (r == TOKEN_GOOD)
		remember(a, hash, now_ms, out, rights);
	return r;
}

int
token_recheck(
    struct token_authority *a, const struct id *id, int64_t now_ms, struct token_identity *out)
{
	struct store_token row;
	int r = store_token_get(a->store, id, &row);

	if (r == STORE_NOT_FOUND)
		return TOKEN_REVOKED;
	return r < 0 ? r : (int)judge(&row, now_ms, out);
}

void
token_flush(struct token_authority *a)
{
	struct known *k = &a->known[0][0];
	struct store_token_use uses[256];
	size_t n = 0;

	for (size_t i = 0; i < CACHE_SETS * CACHE_WAYS; i++) {
		if (!k[i].unsaved)
			continue;
		uses[n++] = (struct store_token_use){ k[i].identity.id, k[i].used_ms };
		k[i].unsaved = false;
		if (n == N_ELEMENTS(uses)) {
			write_uses(a, uses, n);
			n = 0;
		}
	}
	write_uses(a, uses, n);
}
