/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the page and sign-in codes: as sealed texts, and through the whole API in process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "manager/api/session.h"
#include "tests/unit/api_fixture.h"

#define MARKED "X-Connd-UI: 1\r\n"
#define LIST   "/v1/organizations/$o/environment-objects"

/* --- texts ---------------------------------------------------------------------------- */

static const int64_t NOW = 1700000000123;

static struct token_identity
identity(int64_t expires_ms)
{
	struct token_identity who = { .expires_ms = expires_ms };

	(void)snprintf(who.id.s, sizeof who.id.s, "c000000000000000000000001");
	return who;
}

static void
a_session_is_read_until_it_ends(void **state)
{
	struct api_fixture *f = *state;
	const struct token_identity who = identity(0);
	struct buf text = BUF_INIT(SESSION_TEXT_MAX);
	struct session s, got;

	session_begin(&s, &who, NOW);
	assert_int_equal(session_seal(f->a, &s, &text), 0);
	assert_null(strstr(buf_str(&text), who.id.s));
	assert_int_equal(
	    session_open(f->a, span_of_buf(&text), NOW + SESSION_IDLE_MS - 1, &got), TOKEN_GOOD);
	assert_string_equal(got.token.s, who.id.s);
	assert_int_equal(got.begun_ms, NOW);
	assert_int_equal(got.expires_ms, NOW + SESSION_IDLE_MS);
	assert_int_equal(
	    session_open(f->a, span_of_buf(&text), NOW + SESSION_IDLE_MS, &got), TOKEN_EXPIRED);
	buf_fini(&text);
}

static void
a_session_does_not_outlive_its_token(void **state)
{
	const struct token_identity who = identity(NOW + 1000);
	struct session s;

	(void)state;
	session_begin(&s, &who, NOW);
	assert_int_equal(s.expires_ms, NOW + 1000);
	assert_false(session_renew(&s, &who, NOW + 999));
}

static void
a_session_is_renewed_by_use_and_not_for_ever(void **state)
{
	const struct token_identity who = identity(0);
	int64_t now = NOW;
	struct session s;
	int renewals = 0;

	(void)state;
	session_begin(&s, &who, NOW);
	assert_false(session_renew(&s, &who, NOW + SESSION_IDLE_MS / 2 - 1));
	assert_true(session_renew(&s, &who, NOW + SESSION_IDLE_MS / 2));
	assert_int_equal(s.expires_ms, NOW + SESSION_IDLE_MS / 2 + SESSION_IDLE_MS);
	while (now < s.expires_ms) {
		renewals += session_renew(&s, &who, now);
		now += 60000;
	}
	assert_in_range(renewals, 20, 60);
	assert_int_equal(s.expires_ms, NOW + SESSION_MAX_MS);
}

static void
forged_texts_are_refused(void **state)
{
	struct api_fixture *f = *state, *other;
	const struct token_identity who = identity(0);
	struct buf text = BUF_INIT(SESSION_TEXT_MAX), code = BUF_INIT(SESSION_TEXT_MAX);
	uint8_t hash[HASH_SIZE];
	struct session s, got;
	void *second;

	session_begin(&s, &who, NOW);
	assert_int_equal(session_seal(f->a, &s, &text), 0);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.data[i];

		text.data[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(session_open(f->a, span_of_buf(&text), NOW, &got), TOKEN_FORGED);
		text.data[i] = was;
		assert_int_equal(
		    session_open(f->a, (struct span){ text.data, i }, NOW, &got), TOKEN_FORGED);
	}
	/* A code is not a session, a session not a code, and another manager's neither. */
	assert_int_equal(sign_in_code_make(f->a, &who.id, NOW, &code), 0);
	assert_int_equal(session_open(f->a, span_of_buf(&code), NOW, &got), TOKEN_FORGED);
	assert_int_equal(
	    sign_in_code_open(f->a, span_of_buf(&text), NOW, &got, hash), TOKEN_FORGED);
	assert_int_equal(api_set_up(&second), 0);
	other = second;
	assert_int_equal(session_open(other->a, span_of_buf(&text), NOW, &got), TOKEN_FORGED);
	assert_int_equal(api_tear_down(&second), 0);
	buf_fini(&text);
	buf_fini(&code);
}

static void
every_manager_of_a_store_reads_a_session(void **state)
{
	struct api_fixture *f = *state;
	struct token_authority *second;
	const struct token_identity who = identity(0);
	struct buf text = BUF_INIT(SESSION_TEXT_MAX);
	struct session s, got;

	assert_int_equal(token_authority_new(&second, f->s), 0);
	session_begin(&s, &who, NOW);
	assert_int_equal(session_seal(f->a, &s, &text), 0);
	assert_int_equal(session_open(second, span_of_buf(&text), NOW, &got), TOKEN_GOOD);
	token_authority_free(second);
	buf_fini(&text);
}

static void
a_code_is_good_for_a_minute(void **state)
{
	struct api_fixture *f = *state;
	const struct token_identity who = identity(0);
	struct buf code = BUF_INIT(SESSION_TEXT_MAX);
	uint8_t hash[HASH_SIZE];
	struct session got;

	assert_int_equal(sign_in_code_make(f->a, &who.id, NOW, &code), 0);
	assert_int_equal(
	    sign_in_code_open(f->a, span_of_buf(&code), NOW + 59999, &got, hash), TOKEN_GOOD);
	assert_int_equal(
	    sign_in_code_open(f->a, span_of_buf(&code), NOW + 60000, &got, hash), TOKEN_EXPIRED);
	buf_fini(&code);
}

static void
a_used_code_is_noted_beyond_its_end(void **state)
{
	struct api_fixture *f = *state;
	const uint8_t one[STORE_CODE_HASH_SIZE] = { 1 }, two[STORE_CODE_HASH_SIZE] = { 2 };
	int64_t day = 86400000;

	assert_int_equal(store_code_use(f->s, one, NOW + 60000, NOW), 0);
	assert_int_equal(store_code_use(f->s, one, NOW + 60000, NOW), STORE_CONFLICT);
	assert_int_equal(store_code_use(f->s, two, NOW + 60000, NOW + day), 0);
	assert_int_equal(store_code_use(f->s, one, NOW + 60000, NOW + day), STORE_CONFLICT);
	/* Then it is forgotten, so that the notes do not grow. */
	assert_int_equal(store_code_use(f->s, one, NOW + 60000, NOW + day + 60001), 0);
}

/* --- cookies and origins, as header fields ---------------------------------------------- */

static struct http_request
with_field(const char *name, const char *value)
{
	return (
	    struct http_request){ .n_fields = 1, .fields = { { span_of(name), span_of(value) } } };
}

static void
the_cookie_is_found_among_others(void **state)
{
	static const struct {
		const char *field;
		bool secure;
		const char *plain; /* what is found; NULL: nothing */
	} table[] = {
		{ "connd_session=x", false, "x" },
		{ "a=b; connd_session=x; c=d", false, "x" },
		{ "a=b;connd_session=x", false, "x" },
		{ "connd_session=", false, "" },
		{ "xconnd_session=x", false, NULL },
		{ "connd_session", false, "" },
		{ "; ;;", false, NULL },
		{ "", false, NULL },
		/* A neighbour can set the one, and not the other. */
		{ "connd_session=x", true, NULL },
		{ "connd_session=x; __Host-connd_session=y", true, "y" },
		{ "connd_session=x; __Host-connd_session=y", false, "y" },
	};
	bool for_tls;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct http_request http = with_field("Cookie", table[i].field);
		struct span found = session_cookie(&http, table[i].secure, &for_tls);

		if (!table[i].plain ? found.p != NULL : !span_is(found, table[i].plain))
			fail_msg("row %zu: %.*s", i, (int)found.n, found.p ? found.p : "");
	}
}

static void
the_page_is_told_from_other_sites(void **state)
{
	static const struct {
		const char *marker, *host, *origin, *site;
		enum session_origin is;
	} table[] = {
		{ "1", "h:1", NULL, NULL, ORIGIN_OURS },
		{ "1", "h:1", "http://h:1", NULL, ORIGIN_OURS },
		{ "1", "h:1", "https://h:1", "same-origin", ORIGIN_OURS },
		{ NULL, "h:1", "http://h:1", "same-origin", ORIGIN_UNMARKED },
		{ "0", "h:1", NULL, NULL, ORIGIN_UNMARKED },
		{ "1", "h:1", "http://h:2", NULL, ORIGIN_FOREIGN },
		{ "1", "h:1", "http://h", NULL, ORIGIN_FOREIGN },
		{ "1", "h:1", "http://evil", "same-origin", ORIGIN_FOREIGN },
		{ "1", "h:1", "http://h:1.evil", NULL, ORIGIN_FOREIGN },
		{ "1", "h:1", "null", NULL, ORIGIN_FOREIGN },
		{ "1", "h:1", "ftp://h:1", NULL, ORIGIN_FOREIGN },
		{ "1", NULL, "http://", NULL, ORIGIN_FOREIGN },
		{ "1", "h:1", NULL, "cross-site", ORIGIN_FOREIGN },
		{ "1", "h:1", NULL, "same-site", ORIGIN_FOREIGN },
		{ "1", "h:1", NULL, "none", ORIGIN_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct http_request http = { 0 };
		const struct http_field fields[] = {
			{ span_of("X-Connd-UI"), span_of(table[i].marker) },
			{ span_of("Host"), span_of(table[i].host) },
			{ span_of("Origin"), span_of(table[i].origin) },
			{ span_of("Sec-Fetch-Site"), span_of(table[i].site) },
		};

		for (size_t k = 0; k < N_ELEMENTS(fields); k++)
			if (fields[k].value.p)
				http.fields[http.n_fields++] = fields[k];
		if (session_origin(&http) != table[i].is)
			fail_msg("row %zu", i);
	}
}

/* --- through the API -------------------------------------------------------------------- */

/* The fields of a request with the session of this token that was begun `ago_ms` ago. */
static const char *
session_fields(struct api_fixture *f, const char *token, int64_t ago_ms)
{
	static char fields[1024];
	struct buf text = BUF_INIT(SESSION_TEXT_MAX);
	int64_t now = clock_wall_ms();
	struct token_identity who;
	struct session s;

	assert_int_equal(token_check(f->a, span_of(token), now, &who), TOKEN_GOOD);
	session_begin(&s, &who, now - ago_ms);
	assert_int_equal(session_seal(f->a, &s, &text), 0);
	(void)snprintf(
	    fields, sizeof fields, MARKED "Cookie: connd_session=%s\r\n", buf_str(&text));
	buf_fini(&text);
	return fields;
}

static void
a_session_does_what_its_token_may(void **state)
{
	struct api_fixture *f = *state;
	struct buf member = BUF_INIT(4096);

	api_token(f, SCOPE_WORKSPACE, &f->ws, ROLE_MEMBER, &member);
	assert_int_equal(
	    API(f, "GET", LIST, .token = "", .fields = session_fields(f, buf_str(&member), 0)),
	    200);
	assert_string_equal(api_field(f, "Set-Cookie:"), "");
	assert_int_equal(
	    API(f, "POST", LIST, .token = "", .fields = session_fields(f, buf_str(&member), 0),
		.body = "{\"objectKey\":\"a\",\"objectType\":\"AIRFLOW_VARIABLE\","
			"\"scope\":\"WORKSPACE\",\"scopeEntityId\":\"$w\"}"),
	    403);
	buf_fini(&member);
}

static void
a_session_is_renewed_in_any_response(void **state)
{
	struct api_fixture *f = *state;
	static const char *const paths[] = { LIST, "/v1/organizations", LIST "/nothing",
		"/ui/session" };

	for (size_t i = 0; i < N_ELEMENTS(paths); i++) {
		(void)API(f, "GET", paths[i], .token = "",
		    .fields = session_fields(f, buf_str(&f->owner), SESSION_IDLE_MS * 3 / 4));
		assert_non_null(strstr(api_field(f, "Set-Cookie:"), "connd_session="));
	}
}

static void
an_ended_session_is_refused(void **state)
{
	struct api_fixture *f = *state;

	assert_int_equal(API(f, "GET", LIST, .token = "",
			     .fields = session_fields(f, buf_str(&f->owner), SESSION_IDLE_MS)),
	    401);
	assert_int_equal(API(f, "GET", "/ui/session", .token = "",
			     .fields = session_fields(f, buf_str(&f->owner), SESSION_IDLE_MS)),
	    401);
	assert_int_equal(
	    API(f, "GET", LIST, .token = "", .fields = MARKED "Cookie: connd_session=x\r\n"), 401);
	/* With a bearer token, the cookie does not matter. */
	assert_int_equal(API(f, "GET", LIST, .fields = MARKED "Cookie: connd_session=x\r\n"), 200);
}

static void
requests_survive_without_memory(void **state)
{
	struct api_fixture *f = *state;
	char body[4200];
	const struct api_row table[] = {
		{ "POST", "/ui/session", body, MARKED },
	};

	(void)snprintf(body, sizeof body, "{\"token\":\"%s\"}", buf_str(&f->owner));
	api_without_memory(f, table, N_ELEMENTS(table));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, api_set_up, api_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_session_is_read_until_it_ends),
		cmocka_unit_test(a_session_does_not_outlive_its_token),
		cmocka_unit_test(a_session_is_renewed_by_use_and_not_for_ever),
		T(forged_texts_are_refused),
		T(every_manager_of_a_store_reads_a_session),
		T(a_code_is_good_for_a_minute),
		T(a_used_code_is_noted_beyond_its_end),
		cmocka_unit_test(the_cookie_is_found_among_others),
		cmocka_unit_test(the_page_is_told_from_other_sites),
		T(a_session_does_what_its_token_may),
		T(a_session_is_renewed_in_any_response),
		T(an_ended_session_is_refused),
		T(requests_survive_without_memory),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
