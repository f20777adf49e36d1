/* SPDX-License-Identifier: Apache-2.0 */
/* manager/api/token: issued tokens are accepted, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/why.h"
#include "manager/api/token.h"
#include "tests/unit/check.h"
#include "tests/unit/memory_search.h"
#include "tests/unit/store_places.h"

#define NOW 1700000000123

static const struct store_actor nobody;
static const uint8_t kek[SEAL_KEY_SIZE] = { 7 };

struct fixture {
	char dir[TEST_DIR_SIZE];
	struct keys *keys;
	struct store *s;
	struct token_authority *a;
	struct id org, ws, dep;
};

static int
set_up(void **state)
{
	static const struct id none = { "" };
	struct fixture *f = mem_zalloc(sizeof *f);
	struct why why = { "" };

	assert_non_null(f);
	test_dir_make(f->dir, "test_token");
	f->keys = keys_from_bytes(kek);
	assert_int_equal(store_create(&f->s, f->dir, f->keys, &why), 0);
	f->org = test_place(f->s, SCOPE_ORGANIZATION, &none, "o");
	f->ws = test_place(f->s, SCOPE_WORKSPACE, &f->org, "w");
	f->dep = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, "d");
	assert_int_equal(token_authority_new(&f->a, f->s), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	token_authority_free(f->a);
	store_close(f->s);
	keys_free(f->keys);
	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

/* Restarts the manager, with or without its cache of verified tokens. */
static void
restart(struct fixture *f)
{
	struct why why;

	token_authority_free(f->a);
	store_close(f->s);
	assert_int_equal(store_open(&f->s, f->dir, f->keys, &why), 0);
	assert_int_equal(token_authority_new(&f->a, f->s), 0);
}

static struct id
issue(struct fixture *f, enum scope scope, const struct id *at, enum role role, int64_t expires_in,
    struct buf *text)
{
	struct token_request q = { SPAN_LITERAL("robot"), scope, *at, role, expires_in };
	struct id id;

	assert_int_equal(token_issue(f->a, &q, NOW, &nobody, &id, text), 0);
	return id;
}

static int
prune_tokens(struct fixture *f, int64_t before_ms)
{
	int64_t n;

	return store_token_prune(f->s, before_ms, &n);
}

static void
an_issued_token_is_accepted_with_its_rows_rights(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct id id = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_AUTHOR, 0, &text);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
		assert_true(id_equal(&who.id, &id));
		assert_string_equal(who.name, "robot");
		assert_int_equal(who.subject.scope, SCOPE_DEPLOYMENT);
		assert_true(id_equal(&who.subject.scope_id, &f->dep));
		assert_true(id_equal(&who.subject.organization, &f->org));
		assert_int_equal(who.subject.role, ROLE_AUTHOR);
		assert_int_equal(who.expires_ms, 0);
		if (i == 1)
			restart(f);
	}
	buf_fini(&text);
}

static void
the_claims_are_what_stock_clients_parse(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN), want = BUF_INIT(1000);
	char part[1000];
	struct span doc, v;
	const char *dot;
	size_t n;
	int64_t at;

	issue(f, SCOPE_ORGANIZATION, &f->org, ROLE_OWNER, 3600, &text);
	dot = strchr(buf_str(&text), '.');
	assert_int_equal(sodium_base642bin((uint8_t *)part, sizeof part, buf_str(&text),
			     (size_t)(dot - buf_str(&text)), NULL, &n, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	assert_int_equal(scan_check((struct span){ part, n }, SCAN_STRICT, &doc, NULL), 0);
	assert_int_equal(scan_find(doc, "alg", &v), 0);
	assert_true(span_is(v, "\"EdDSA\""));
	assert_int_equal(scan_find(doc, "kid", &v), 0);
	assert_non_null(v.p);
	assert_int_equal(sodium_base642bin((uint8_t *)part, sizeof part, dot + 1,
			     (size_t)(strchr(dot + 1, '.') - dot - 1), NULL, &n, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	assert_int_equal(scan_check((struct span){ part, n }, SCAN_STRICT, &doc, NULL), 0);
	assert_int_equal(scan_find(doc, "permissions", &v), 0);
	buf_addf(&want, ",\"organizationId:%s\",\"workspaceId:%s\"]", f->org.s, f->ws.s);
	assert_true(v.n > want.len);
	assert_memory_equal(v.p + v.n - want.len, buf_str(&want), want.len);
	assert_int_equal(scan_find(doc, "iat", &v), 0);
	assert_int_equal(scan_int(v, &at), 0);
	assert_int_equal(at, NOW / 1000);
	assert_int_equal(scan_find(doc, "exp", &v), 0);
	assert_int_equal(scan_int(v, &at), 0);
	assert_int_equal(at, NOW / 1000 + 3600);
	assert_int_equal(scan_find(doc, "jti", &v), 0);
	assert_int_equal(v.n, 34);
	buf_fini(&text);
	buf_fini(&want);
}

static void
every_flipped_bit_is_refused(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;

	issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 0, &text);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
	for (size_t i = 0; i < text.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			text.data[i] ^= (char)(1 << bit);
			assert_int_not_equal(
			    token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
			text.data[i] ^= (char)(1 << bit);
		}
	}
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
	buf_fini(&text);
}

static void
other_spellings_are_refused(void **state)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	size_t good = 0;
	char last;

	issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 0, &text);
	/*
	 * 64 bytes are 86 characters with four unused bits: 16 last characters would decode
	 * equally.
	 */
	last = text.data[text.len - 1];
	for (size_t i = 0; alphabet[i]; i++) {
		text.data[text.len - 1] = alphabet[i];
		if (token_check(f->a, span_of_buf(&text), NOW, &who) == TOKEN_GOOD) {
			good++;
			assert_int_equal(alphabet[i], last);
		}
	}
	assert_int_equal(good, 1);
	text.data[text.len - 1] = last;
	buf_addc(&text, '=');
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_MALFORMED);
	text.data[text.len - 1] = '.';
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_MALFORMED);
	text.data[text.len - 1] = '\n';
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_MALFORMED);
	for (size_t n = 0; n < text.len - 1; n++) /* truncated anywhere */
		assert_int_not_equal(
		    token_check(f->a, (struct span){ text.data, n }, NOW, &who), TOKEN_GOOD);
	assert_int_equal(token_check(f->a, SPAN_LITERAL("opaque"), NOW, &who), TOKEN_MALFORMED);
	/* {"alg":"none","typ":"JWT"} and no signature */
	assert_int_equal(
	    token_check(f->a, SPAN_LITERAL("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30."), NOW, &who),
	    TOKEN_MALFORMED);
	buf_fini(&text);
}

static void
another_managers_token_is_refused(void **state)
{
	struct fixture *f = *state, *g;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	void *other;

	assert_int_equal(set_up(&other), 0);
	g = other;
	issue(g, SCOPE_WORKSPACE, &g->ws, ROLE_OWNER, 0, &text);
	assert_int_equal(token_check(g->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_MALFORMED);
	assert_int_equal(tear_down(&other), 0);
	buf_fini(&text);
}

static void
expiry_counts_to_the_millisecond(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct id id = issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 60, &text);
	int64_t end = (NOW / 1000 + 60) * 1000;

	assert_int_equal(token_check(f->a, span_of_buf(&text), end - 1, &who), TOKEN_GOOD);
	assert_int_equal(who.expires_ms, end);
	assert_int_equal(token_check(f->a, span_of_buf(&text), end, &who), TOKEN_EXPIRED);
	/* Not only the cached one. */
	assert_int_equal(token_check(f->a, span_of_buf(&text), end, &who), TOKEN_EXPIRED);
	assert_int_equal(token_recheck(f->a, &id, end - 1, &who), TOKEN_GOOD);
	assert_int_equal(token_recheck(f->a, &id, end, &who), TOKEN_EXPIRED);
	buf_fini(&text);
}

static void
revocation_is_effective_at_once(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN), other = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct id id = issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 0, &text), nothing;

	issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 0, &other);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
	assert_int_equal(token_check(f->a, span_of_buf(&other), NOW, &who), TOKEN_GOOD);
	assert_int_equal(token_revoke(f->a, &id, NOW, &nobody), 0);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_REVOKED);
	assert_int_equal(token_recheck(f->a, &id, NOW, &who), TOKEN_REVOKED);
	assert_int_equal(token_check(f->a, span_of_buf(&other), NOW, &who), TOKEN_GOOD);
	assert_int_equal(token_revoke(f->a, &id, NOW, &nobody), 0);
	store_new_id(&nothing);
	assert_int_equal(token_revoke(f->a, &nothing, NOW, &nobody), STORE_NOT_FOUND);
	restart(f);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_REVOKED);
	buf_fini(&text);
	buf_fini(&other);
}

static void
more_tokens_than_are_remembered_all_work(void **state)
{
	struct fixture *f = *state;
	struct buf texts[3000] = { 0 };
	struct id ids[N_ELEMENTS(texts)];
	struct token_identity who;
	struct store_token row;

	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		buf_init(&texts[i], LIMIT_TOKEN);
		ids[i] = issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 0, &texts[i]);
	}
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < N_ELEMENTS(texts); i++)
			assert_int_equal(
			    token_check(f->a, span_of_buf(&texts[i]), NOW + (int)i, &who),
			    TOKEN_GOOD);
	}
	/* Removing a token from the cache does not lose its time of last use. */
	token_flush(f->a);
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		assert_int_equal(store_token_get(f->s, &ids[i], &row), 0);
		assert_int_equal(row.last_used_ms, NOW + (int)i);
		buf_fini(&texts[i]);
	}
}

static void
last_use_is_written_when_told(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct store_token row;
	struct id id = issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 0, &text);

	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW + 5, &who), TOKEN_GOOD);
	assert_int_equal(store_token_get(f->s, &id, &row), 0);
	assert_int_equal(row.last_used_ms, 0);
	token_flush(f->a);
	assert_int_equal(store_token_get(f->s, &id, &row), 0);
	assert_int_equal(row.last_used_ms, NOW + 5);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW + 9, &who), TOKEN_GOOD);
	restart(f); /* stopping writes it, too */
	assert_int_equal(store_token_get(f->s, &id, &row), 0);
	assert_int_equal(row.last_used_ms, NOW + 9);
	buf_fini(&text);
}

static void
renewal_gives_the_same_rights_for_as_long_again(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN), fresh = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct id id = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_AUTHOR, 86400, &text), renewed;
	int64_t later = NOW + 50000000;

	assert_int_equal(token_renew(f->a, &id, later, &nobody, &renewed, &fresh), 0);
	assert_false(id_equal(&id, &renewed));
	assert_int_equal(token_check(f->a, span_of_buf(&fresh), later, &who), TOKEN_GOOD);
	assert_string_equal(who.name, "robot");
	assert_int_equal(who.subject.role, ROLE_AUTHOR);
	assert_true(id_equal(&who.subject.scope_id, &f->dep));
	assert_int_equal(who.expires_ms, (later / 1000 + 86400) * 1000);
	assert_int_equal(token_check(f->a, span_of_buf(&text), later, &who), TOKEN_GOOD);
	assert_int_equal(
	    token_renew(f->a, &f->dep, later, &nobody, &renewed, &fresh), STORE_NOT_FOUND);
	buf_fini(&text);
	buf_fini(&fresh);
}

static int
note_id(void *arg, const struct store_token *t)
{
	struct buf *b = arg;

	buf_addf(b, "%s ", t->id.s);
	return 0;
}

static struct token_identity
check_good(struct fixture *f, const struct buf *text, int64_t now_ms)
{
	struct token_identity who;

	assert_int_equal(token_check(f->a, span_of_buf(text), now_ms, &who), TOKEN_GOOD);
	return who;
}

static void
a_family_has_one_revocation(void **state)
{
	struct fixture *f = *state;
	struct buf text[3] = { BUF_INIT(LIMIT_TOKEN), BUF_INIT(LIMIT_TOKEN),
		BUF_INIT(LIMIT_TOKEN) };
	struct buf sibling = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct id id[3];

	id[0] = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 3600, &text[0]);
	(void)issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 3600, &sibling);
	for (int i = 1; i < 3; i++)
		assert_int_equal(
		    token_renew(f->a, &id[i - 1], NOW + i, &nobody, &id[i], &text[i]), 0);
	for (int i = 0; i < 3; i++) {
		who = check_good(f, &text[i], NOW);
		assert_true(id_equal(&who.family, &id[0]));
	}
	/* Revoking any token of a family revokes those before and after it. */
	assert_int_equal(token_revoke(f->a, &id[1], NOW, &nobody), 0);
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(
			    token_check(f->a, span_of_buf(&text[i]), NOW, &who), TOKEN_REVOKED);
		who = check_good(f, &sibling, NOW);
		assert_false(id_equal(&who.family, &id[0]));
		restart(f);
	}
	for (int i = 0; i < 3; i++)
		buf_fini(&text[i]);
	buf_fini(&sibling);
}

#define DAY_S  INT64_C(86400)
#define DAY_MS (1000 * DAY_S)

/* Renews again and again, each at the last moment. Returns when the last one ends, in days. */
static int64_t
days_of_a_family(struct fixture *f, int64_t life_s)
{
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct id id = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, life_s, &text);
	int64_t now = NOW, end = NOW / 1000 * 1000 + 1000 * life_s;
	int r = 0;

	for (int i = 0; i < 1000 && r == 0; i++) {
		struct token_identity who;

		buf_reset(&text);
		now = end - 1;
		r = token_renew(f->a, &id, now, &nobody, &id, &text);
		if (r == 0) {
			who = check_good(f, &text, now);
			assert_true(who.expires_ms <= now + 1000 * life_s);
			if (who.expires_ms ==
			    end) /* its lifetime is not longer than that of the one before */
				r = token_renew(f->a, &id, end, &nobody, &id, &text);
			end = who.expires_ms;
		}
	}
	assert_int_equal(r, TOKEN_FAMILY_ENDED);
	buf_fini(&text);
	return (end - NOW / 1000 * 1000) / DAY_MS;
}

static void
no_renewal_outlives_its_family(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct store_token row;
	struct id id;

	assert_int_equal(days_of_a_family(f, DAY_S), 90);
	assert_int_equal(days_of_a_family(f, 100 * DAY_S), 100); /* its own lifetime is longer */
	token_set_max_lifetime(f->a, 10 * DAY_S);
	assert_int_equal(days_of_a_family(f, DAY_S), 10);
	assert_int_equal(days_of_a_family(f, 7 * DAY_S), 10);
	/* Renewals of a token that never expires do not expire either. */
	id = issue(f, SCOPE_ORGANIZATION, &f->org, ROLE_OWNER, 0, &text);
	buf_reset(&text);
	assert_int_equal(token_renew(f->a, &id, NOW + 1000 * DAY_MS, &nobody, &id, &text), 0);
	who = check_good(f, &text, NOW + 1000 * DAY_MS);
	assert_int_equal(who.expires_ms, 0);
	assert_int_equal(store_token_get(f->s, &id, &row), 0);
	assert_int_equal(token_family_ends_ms(f->a, &row.family), 0);
	buf_fini(&text);
}

/* Counts the usable families that end within two weeks. */
static void
families_that_end_soon_are_counted(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct id id, fresh;
	int64_t day;

	id = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 30 * DAY_S, &text);
	(void)issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 80 * DAY_S, &text);
	(void)issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 0, &text);
	(void)issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 200 * DAY_S, &text);
	assert_int_equal(token_families_ending(f->a), 0);
	for (day = 0; day < 76; day += 25) {
		token_watch_families(f->a, NOW + day * DAY_MS);
		assert_int_equal(token_families_ending(f->a), 0);
		buf_reset(&text);
		assert_int_equal(
		    token_renew(f->a, &id, NOW + day * DAY_MS, &nobody, &fresh, &text), 0);
	}
	/* The renewed family, and, until it expires, the other one. */
	token_watch_families(f->a, NOW + 77 * DAY_MS);
	assert_int_equal(token_families_ending(f->a), 2);
	token_watch_families(f->a, NOW + 82 * DAY_MS);
	assert_int_equal(token_families_ending(f->a), 1);
	assert_int_equal(token_revoke(f->a, &id, NOW, &nobody), 0);
	token_watch_families(f->a, NOW + 83 * DAY_MS);
	assert_int_equal(token_families_ending(f->a), 0);
	token_watch_families(f->a, NOW + 190 * DAY_MS);
	assert_int_equal(token_families_ending(f->a), 1);
	buf_fini(&text);
}

static void
a_family_is_not_renewed_without_end_in_an_hour(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct id id = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 2 * DAY_S, &text), other;

	for (int i = 1; i < TOKEN_RENEWALS_AN_HOUR; i++) { /* the first one counts */
		buf_reset(&text);
		assert_int_equal(token_renew(f->a, &id, NOW, &nobody, &other, &text), 0);
	}
	assert_int_equal(token_renew(f->a, &other, NOW + 3600 * 1000, &nobody, &other, &text),
	    TOKEN_FAMILY_BUSY);
	buf_reset(&text);
	assert_int_equal(
	    token_renew(f->a, &other, NOW + 3600 * 1000 + 1, &nobody, &other, &text), 0);
	buf_fini(&text);
}

static void
tokens_are_listed_by_place_and_pruned(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(8 * LIMIT_TOKEN), got = BUF_INIT(1000), want = BUF_INIT(1000);
	struct id top = issue(f, SCOPE_ORGANIZATION, &f->org, ROLE_OWNER, 0, &text);
	struct id mid = issue(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, 0, &text);
	struct id low = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_OWNER, 60, &text);
	struct place at = { .organization = f->org };
	struct store_token row;
	int64_t total;

	assert_int_equal(store_token_list(f->s, &at, 0, -1, note_id, &got, &total), 0);
	assert_int_equal(total, 3);
	assert_non_null(strstr(buf_str(&got), top.s));
	at.workspace = f->ws;
	buf_reset(&got);
	assert_int_equal(store_token_list(f->s, &at, 0, -1, note_id, &got, &total), 0);
	assert_int_equal(total, 2);
	assert_non_null(strstr(buf_str(&got), mid.s));
	assert_non_null(strstr(buf_str(&got), low.s));
	at.deployment = f->dep;
	buf_reset(&got);
	assert_int_equal(store_token_list(f->s, &at, 0, -1, note_id, &got, &total), 0);
	buf_addf(&want, "%s ", low.s);
	assert_string_equal(buf_str(&got), buf_str(&want));
	assert_int_equal(store_token_list(f->s, &at, 1, -1, note_id, &got, &total), 0);
	assert_int_equal(total, 1);
	assert_string_equal(buf_str(&got), buf_str(&want));
	assert_int_equal(store_token_get(f->s, &low, &row), 0);
	assert_true(id_equal(&row.workspace, &f->ws));
	/* Revoked long enough ago: deleted. */
	assert_int_equal(token_revoke(f->a, &mid, NOW, &nobody), 0);
	assert_int_equal(prune_tokens(f, NOW), 0);
	assert_int_equal(store_token_get(f->s, &mid, &row), 0);
	assert_int_equal(prune_tokens(f, NOW + 1), 0);
	assert_int_equal(store_token_get(f->s, &mid, &row), STORE_NOT_FOUND);
	/* No token is deleted by the clock alone, however late it seems. */
	assert_int_equal(prune_tokens(f, INT64_MAX), 0);
	assert_int_equal(store_token_get(f->s, &low, &row), 0);
	assert_int_equal(store_token_get(f->s, &top, &row), 0);
	buf_fini(&text);
	buf_fini(&got);
	buf_fini(&want);
}

/* It has expired, and its renewal is in use. */
static void
an_expired_token_goes_when_its_renewal_was_used(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN), fresh = BUF_INIT(LIMIT_TOKEN);
	struct id first = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 60, &text), second;
	struct store_token_use use = { .at_ms = NOW + 61000 };
	struct store_token row;

	assert_int_equal(token_renew(f->a, &first, NOW + 30000, &nobody, &second, &fresh), 0);
	assert_int_equal(prune_tokens(f, INT64_MAX), 0);
	assert_int_equal(store_token_get(f->s, &first, &row), 0);
	use.id = second;
	assert_int_equal(store_token_used(f->s, &use, 1), 0);
	assert_int_equal(prune_tokens(f, NOW + 59000), 0);
	assert_int_equal(store_token_get(f->s, &first, &row), 0);
	assert_int_equal(prune_tokens(f, NOW + 62000), 0);
	assert_int_equal(store_token_get(f->s, &first, &row), STORE_NOT_FOUND);
	assert_int_equal(store_token_get(f->s, &second, &row), 0);
	assert_true(id_equal(&row.family.id, &first));
	buf_fini(&text);
	buf_fini(&fresh);
}

/* A part of one of the manager's own secrets, inverted. */
static void
read_turned(struct fixture *f, const char *name, size_t at, uint8_t turned[static SECRET_SIZE])
{
	struct buf secret = BUF_INIT(1024);

	assert_int_equal(store_secret_get(f->s, name, &secret), 0);
	assert_true(secret.len >= at + SECRET_SIZE);
	secret_turn(turned, secret.data + at);
	buf_fini(&secret);
}

static void
signing_keys_are_in_locked_memory_and_wiped(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	uint8_t turned[3][SECRET_SIZE]; /* the seed, the key of jti hashes, the key of rows */
	struct copies c;

	(void)issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_MEMBER, 60, &text);
	read_turned(f, "token-signing", 0, turned[0]);
	read_turned(f, "token-signing", SECRET_SIZE, turned[1]);
	read_turned(f, "row-mac", 0, turned[2]);
	for (size_t i = 0; i < N_ELEMENTS(turned); i++) {
		c = secret_find(turned[i]);
		assert_int_equal(c.locked, 1);
		assert_int_equal(c.elsewhere, 0);
	}
	f->a = token_authority_free(f->a);
	f->s = store_close(f->s);
	for (size_t i = 0; i < N_ELEMENTS(turned); i++) {
		c = secret_find(turned[i]);
		assert_int_equal(c.locked + c.elsewhere, 0);
	}
	buf_fini(&text);
}

static void
a_place_takes_its_tokens_with_it(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;

	issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_OWNER, 0, &text);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep, &nobody), 0);
	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_REVOKED);
	buf_fini(&text);
}

static void
a_token_needs_a_place(void **state)
{
	struct fixture *f = *state;
	struct token_request q = { SPAN_LITERAL("x"), SCOPE_DEPLOYMENT, f->ws, ROLE_OWNER, 0 };
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct id id;

	assert_int_equal(token_issue(f->a, &q, NOW, &nobody, &id, &text), STORE_NO_ENTITY);
	assert_int_equal(text.len, 0);
	buf_fini(&text);
}

static int
start(void **state)
{
	(void)state;
	return base_init() == 0 && store_global_init() == 0 ? 0 : -1;
}

/*
 * The number that held requests compare: it changes with everything that may remove a right, and
 * with nothing else.
 */
static void
rights_move_with_what_may_end_them(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(8 * LIMIT_TOKEN);
	struct id id = issue(f, SCOPE_DEPLOYMENT, &f->dep, ROLE_AUTHOR, 0, &text), other;
	struct token_identity who;
	uint64_t rights = store_rights(f->s);

	assert_int_equal(token_check(f->a, span_of_buf(&text), NOW, &who), TOKEN_GOOD);
	token_flush(f->a);
	assert_int_equal(token_renew(f->a, &id, NOW, &nobody, &other, &text), 0);
	assert_int_equal(token_revoke(f->a, &f->org, NOW, &nobody), STORE_NOT_FOUND);
	assert_true(store_rights(f->s) == rights);

	assert_int_equal(token_revoke(f->a, &other, NOW, &nobody), 0);
	assert_true(store_rights(f->s) != rights);
	rights = store_rights(f->s);
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, false, &nobody), 0);
	assert_true(store_rights(f->s) != rights);
	rights = store_rights(f->s);
	assert_int_equal(prune_tokens(f, NOW + 1), 0);
	assert_true(store_rights(f->s) != rights);
	rights = store_rights(f->s);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep, &nobody), 0);
	assert_true(store_rights(f->s) != rights);
	buf_fini(&text);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_issued_token_is_accepted_with_its_rows_rights),
		TEST(the_claims_are_what_stock_clients_parse),
		TEST(every_flipped_bit_is_refused),
		TEST(other_spellings_are_refused),
		TEST(another_managers_token_is_refused),
		TEST(expiry_counts_to_the_millisecond),
		TEST(revocation_is_effective_at_once),
		TEST(more_tokens_than_are_remembered_all_work),
		TEST(last_use_is_written_when_told),
		TEST(renewal_gives_the_same_rights_for_as_long_again),
		TEST(a_family_has_one_revocation),
		TEST(no_renewal_outlives_its_family),
		TEST(families_that_end_soon_are_counted),
		TEST(a_family_is_not_renewed_without_end_in_an_hour),
		TEST(tokens_are_listed_by_place_and_pruned),
		TEST(an_expired_token_goes_when_its_renewal_was_used),
		TEST(signing_keys_are_in_locked_memory_and_wiped),
		TEST(a_place_takes_its_tokens_with_it),
		TEST(a_token_needs_a_place),
		TEST(rights_move_with_what_may_end_them),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
