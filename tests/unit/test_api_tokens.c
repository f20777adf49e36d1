/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of tokens, through the whole API in process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "tests/unit/api_fixture.h"

#define TOKENS "/v1/organizations/$o/tokens"

static char path[128];

static const char *
below(const char *id)
{
	(void)snprintf(path, sizeof path, TOKENS "/%s", id);
	return path;
}

static void
create(struct api_fixture *f, const char *body, char id[static 32], char text[static 2048])
{
	assert_int_equal(API(f, "POST", TOKENS, .body = body), 200);
	api_string(f, "id", id, 32);
	api_string(f, "token", text, 2048);
	assert_int_not_equal(text[0], '\0');
}

static void
a_token_lives_from_create_to_revocation(void **state)
{
	struct api_fixture *f = *state;
	char id[32], text[2048], renewed_id[32], renewed[2048];

	create(f,
	    "{\"name\":\"n\",\"role\":\"WORKSPACE_MEMBER\",\"entityId\":\"$w\","
	    "\"tokenExpiryPeriodInDays\":2}",
	    id, text);
	assert_non_null(strstr(f->body, "\"role\":\"WORKSPACE_MEMBER\""));
	assert_int_equal(API(f, "GET", below("self"), .token = text), 200);
	assert_null(strstr(f->body, "\"token\""));
	assert_int_equal(API(f, "GET", below(id)), 200);
	assert_int_equal(API(f, "POST", below("self/renew"), .token = text), 200);
	api_string(f, "id", renewed_id, sizeof renewed_id);
	api_string(f, "token", renewed, sizeof renewed);
	assert_string_not_equal(renewed_id, id);
	assert_int_equal(API(f, "GET", below("self"), .token = renewed), 200);
	/*
	 * Such a token may not manage others. It may revoke itself, which revokes its renewals,
	 * too.
	 */
	assert_int_equal(API(f, "GET", TOKENS, .token = text), 403);
	assert_int_equal(API(f, "DELETE", below("self"), .token = text), 204);
	assert_int_equal(API(f, "GET", below("self"), .token = text), 401);
	assert_int_equal(API(f, "GET", below("self"), .token = renewed), 401);
	assert_int_equal(API(f, "GET", below(id)), 404);
	assert_int_equal(API(f, "DELETE", below(id)), 404);
	assert_int_equal(API(f, "GET", TOKENS "?workspaceId=$w"), 200);
	assert_non_null(strstr(f->body, "\"revokedAt\""));
}

static void
nobody_hands_out_more_than_it_is(void **state)
{
	struct api_fixture *f = *state;
	struct buf owner = BUF_INIT(4096);
	char id[32], text[2048];

	api_token(f, SCOPE_WORKSPACE, &f->ws, ROLE_OWNER, &owner);
	create(f, "{\"name\":\"n\",\"scope\":\"ORGANIZATION\",\"role\":\"MEMBER\"}", id, text);
	assert_int_equal(API(f, "POST", TOKENS, .token = buf_str(&owner),
			     .body = "{\"name\":\"n\",\"role\":\"ORGANIZATION_MEMBER\"}"),
	    400);
	assert_int_equal(API(f, "POST", TOKENS, .token = buf_str(&owner),
			     .body = "{\"name\":\"n\",\"role\":\"DEPLOYMENT_ADMIN\","
				     "\"entityId\":\"$d\"}"),
	    200);
	assert_int_equal(API(f, "POST", TOKENS, .token = text,
			     .body = "{\"name\":\"n\",\"role\":\"WORKSPACE_MEMBER\","
				     "\"entityId\":\"$w\"}"),
	    403);
	assert_int_equal(API(f, "GET", below(id), .token = buf_str(&owner)), 404);
	assert_int_equal(API(f, "DELETE", below(id), .token = buf_str(&owner)), 404);
	buf_fini(&owner);
}

static void
lists_are_of_a_place(void **state)
{
	static const struct {
		const char *query;
		int status;
		const char *has;
	} table[] = {
		{ "", 200, "\"totalCount\":3" },
		{ "?workspaceId=$w", 200, "\"totalCount\":2" },
		{ "?deploymentId=$d", 200, "\"totalCount\":1" },
		{ "?deploymentId=$e&limit=0", 200, "\"totalCount\":0" },
		{ "?includeOnlyOrganizationTokens=true", 200, "\"totalCount\":1" },
		{ "?workspaceId=$d", 404, "The place was not found" },
		{ "?deploymentId=x", 404, "The place was not found" },
		{ "?limit=x", 400, "limit" },
	};
	struct api_fixture *f = *state;
	char id[32], text[2048], target[128];

	create(f, "{\"name\":\"w\",\"role\":\"WORKSPACE_OWNER\",\"entityId\":\"$w\"}", id, text);
	create(f, "{\"name\":\"d\",\"role\":\"DEPLOYMENT_ADMIN\",\"entityId\":\"$d\"}", id, text);
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		(void)snprintf(target, sizeof target, TOKENS "%s", table[i].query);
		if (API(f, "GET", target) != table[i].status || !strstr(f->body, table[i].has))
			fail_msg("%s: %d %s", table[i].query, f->status, f->body);
	}
}

static void
requests_survive_without_memory(void **state)
{
	static const struct api_row table[] = {
		{ "GET", TOKENS, NULL },
		{ "GET", TOKENS "/self", NULL },
		{ "POST", TOKENS,
		    "{\"name\":\"n\",\"role\":\"WORKSPACE_MEMBER\",\"entityId\":\"$w\"}" },
		{ "POST", TOKENS "/self/renew", NULL },
	};

	api_without_memory(*state, table, N_ELEMENTS(table));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, api_set_up, api_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_token_lives_from_create_to_revocation),
		T(nobody_hands_out_more_than_it_is),
		T(lists_are_of_a_place),
		T(requests_survive_without_memory),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	return cmocka_run_group_tests_name("api_tokens", tests, NULL, NULL);
}
