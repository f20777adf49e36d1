/* SPDX-License-Identifier: Apache-2.0 */
/* Issuing, renewing and revoking tokens; their families. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "manager/api/token_internal.h"

#define PAYLOAD_MAX 2048

static int
first_id(void *arg, const struct store_entity *e)
{
	*(struct id *)arg = e->id;
	return 0;
}

/* The Workspace in a token's claims: its own, or the organization's first. */
static int
home_workspace(struct store *s, const struct place *at, struct id *out)
{
	*out = at->workspace;
	if (!id_is_none(out))
		return 0;
	return store_entity_list(s, SCOPE_WORKSPACE, &at->organization, 0, 1, first_id, out, NULL);
}

/* Writes the claims that stock clients read, and the jti that the manager reads. */
static void
write_claims(struct buf *out, const struct store_token *row, const struct id *workspace,
    const char *jti, int64_t family_ends_ms)
{
	buf_addf(out,
	    "{\"iss\":\"connd-manager\",\"sub\":\"%s\",\"apiTokenId\":\"%s\",\"jti\":\"%s\"",
	    row->id.s, row->id.s, jti);
	buf_addf(out, ",\"org_id\":\"%s\",\"permissions\":[\"apiTokenId:%s\",\"organizationId:%s\"",
	    row->subject.organization.s, row->id.s, row->subject.organization.s);
	if (!id_is_none(workspace))
		buf_addf(out, ",\"workspaceId:%s\"", workspace->s);
	if (row->subject.scope == SCOPE_DEPLOYMENT)
		buf_addf(out, ",\"deploymentId:%s\"", row->subject.scope_id.s);
	buf_addf(out, "],\"iat\":%lld", (long long)(row->created_ms / 1000));
	if (row->expires_ms)
		buf_addf(out, ",\"exp\":%lld", (long long)(row->expires_ms / 1000));
	if (family_ends_ms)
		buf_addf(out, ",\"family_exp\":%lld", (long long)(family_ends_ms / 1000));
	buf_addc(out, '}');
}

static int
sign(const struct token_authority *a, const struct buf *claims, struct buf *text)
{
	uint8_t signature[crypto_sign_BYTES];
	size_t begin = text->len;

	buf_adds(text, a->header);
	token_encode(text, claims->data, claims->len);
	if (buf_error(text))
		return buf_error(text);
	(void)crypto_sign_detached(signature, NULL, (const uint8_t *)text->data + begin,
	    text->len - begin, a->keys->sign); /* cannot fail */
	buf_addc(text, '.');
	token_encode(text, signature, sizeof signature);
	return buf_error(text);
}

/* Draws the jti, signs the claims, writes the row. */
static int
issue(struct token_authority *a, const struct store_token *row, const struct id *workspace,
    const struct store_actor *by, struct buf *text)
{
	struct buf claims = BUF_INIT(PAYLOAD_MAX);
	uint8_t jti[JTI_SIZE], jti_hash[HASH_SIZE];
	char jti_text[2 * JTI_SIZE + 1];
	int r;

	if (!a->is_loaded)
		return -ENOTCONN; /* a text that is signed now would never verify */
	rnd_bytes(jti, sizeof jti);
	hex_encode(jti_text, jti, sizeof jti);
	hash_long(jti_hash, a->keys->jti, sizeof a->keys->jti, jti, sizeof jti);
	write_claims(&claims, row, workspace, jti_text, token_family_ends_ms(a, &row->family));
	r = buf_error(&claims);
	if (r == 0)
		r = sign(a, &claims, text);
	if (r == 0)
		r = store_token_create(a->store, row, jti_hash, by);
	mem_wipe(jti, sizeof jti);
	mem_wipe(jti_text, sizeof jti_text);
	buf_fini(&claims);
	return r;
}

/* Rounds to whole seconds, as in the claim; 0: never. */
static int64_t
end_of_life(int64_t now_ms, int64_t life_s)
{
	return life_s ? (now_ms / 1000 + life_s) * 1000 : 0;
}

int
token_issue(struct token_authority *a, const struct token_request *q, int64_t now_ms,
    const struct store_actor *by, struct id *id, struct buf *text)
{
	struct store_token row = { .name = q->name,
		.subject = { .scope = q->scope, .scope_id = q->scope_id, .role = q->role },
		.created_ms = now_ms,
		.expires_ms = end_of_life(now_ms, q->expires_in_s) };
	struct id workspace;
	struct place at;
	int r = store_place(a->store, q->scope, &q->scope_id, &at);

	if (r == STORE_NOT_FOUND)
		r = STORE_NO_ENTITY;
	if (r == 0)
		r = home_workspace(a->store, &at, &workspace);
	if (r != 0)
		return r;
	store_new_id(&row.id);
	row.subject.organization = at.organization;
	row.workspace = at.workspace;
	row.family = (struct store_family){ row.id, row.created_ms, row.expires_ms };
	r = issue(a, &row, &workspace, by, text);
	if (r == 0)
		*id = row.id;
	return r;
}

/* ---- families ---- */

void
token_set_max_lifetime(struct token_authority *a, int64_t seconds)
{
	a->max_lifetime_ms = seconds * 1000;
}

int64_t
token_family_ends_ms(const struct token_authority *a, const struct store_family *f)
{
	int64_t ends_ms = f->created_ms + a->max_lifetime_ms;

	if (!f->expires_ms)
		return 0;
	return ends_ms > f->expires_ms ? ends_ms / 1000 * 1000 : f->expires_ms;
}

struct family_watch {
	const struct token_authority *a;
	int64_t now_ms, n;
};

static int
warn_of_family(void *arg, const struct store_token *t)
{
	struct family_watch *w = arg;
	int64_t left_ms = token_family_ends_ms(w->a, &t->family) - w->now_ms;
	char name[TOKEN_NAME_SIZE];

	if (left_ms <= 0)
		return 0;
	w->n++;
	snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
	log_warn("a token cannot be renewed much longer: issue a new one in its place",
	    LOG_STR("family", t->family.id.s), LOG_STR("name", name),
	    LOG_STR("scope_id", t->subject.scope_id.s), LOG_INT("hours_left", left_ms / 3600000));
	return 0;
}

void
token_watch_families(struct token_authority *a, int64_t now_ms)
{
	struct family_watch w = { a, now_ms, 0 };
	int64_t soon_ms = now_ms + TOKEN_FAMILY_WARNING_MS;
	int r = store_token_families(
	    a->store, soon_ms - a->max_lifetime_ms, soon_ms, now_ms, warn_of_family, &w);

	if (r < 0)
		log_error("token families that end soon cannot be listed",
		    LOG_STR("reason", strerror(-r)));
	else
		a->families_ending = w.n;
}

int64_t
token_families_ending(const struct token_authority *a)
{
	return a->families_ending;
}

/* The lifetime a token was issued with, in whole seconds; 0: unlimited. */
static int64_t
life_of(const struct store_token *t)
{
	int64_t life_s = t->expires_ms / 1000 - t->created_ms / 1000;

	if (!t->expires_ms)
		return 0;
	return life_s > 1 ? life_s : 1; /* 0 would mean unlimited */
}

/* Sets *out to the end of a renewal of `old` that is made now. 0 or a token_refusal. */
static int
renewed_end(
    const struct token_authority *a, const struct store_token *old, int64_t now_ms, int64_t *out)
{
	int64_t ends_ms = token_family_ends_ms(a, &old->family);

	*out = end_of_life(now_ms, life_of(old));
	if (ends_ms && (!*out || *out > ends_ms))
		*out = ends_ms;
	return ends_ms && ends_ms <= now_ms ? TOKEN_FAMILY_ENDED : 0;
}

static int
check_pace(struct token_authority *a, const struct id *family, int64_t now_ms)
{
	int64_t n;
	int r = store_token_family_count(
	    a->store, family, now_ms - INT64_C(3600000), TOKEN_RENEWALS_AN_HOUR, &n);

	return r == 0 && n >= TOKEN_RENEWALS_AN_HOUR ? TOKEN_FAMILY_BUSY : r;
}

int
token_renew(struct token_authority *a, const struct id *old, int64_t now_ms,
    const struct store_actor *by, struct id *id, struct buf *text)
{
	char name[TOKEN_NAME_SIZE];
	struct store_token row;
	struct id workspace;
	struct place at;
	int r = store_token_get(a->store, old, &row);

	if (r != 0)
		return r;
	snprintf(name, sizeof name, "%.*s", (int)row.name.n, row.name.p);
	row.name = span_of(name);
	r = renewed_end(a, &row, now_ms, &row.expires_ms);
	if (r == 0)
		r = check_pace(a, &row.family.id, now_ms);
	if (r == 0)
		r = store_place(a->store, row.subject.scope, &row.subject.scope_id, &at);
	if (r == 0)
		r = home_workspace(a->store, &at, &workspace);
	if (r != 0)
		return r;
	row.created_ms = now_ms;
	store_new_id(&row.id);
	r = issue(a, &row, &workspace, by, text);
	if (r == 0)
		*id = row.id;
	return r;
}

int
token_revoke(
    struct token_authority *a, const struct id *id, int64_t now_ms, const struct store_actor *by)
{
	return store_token_revoke(a->store, id, now_ms, by);
}
