/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of organizations, Workspaces, Deployments and projects, through the whole API. */
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

#define ORG "/v1/organizations/$o"

static char path[256];

static const char *
below(const char *kind, const char *id)
{
	(void)snprintf(path, sizeof path, ORG "/%s/%s", kind, id);
	return path;
}

static void
assert_has(struct api_fixture *f, const char *text)
{
	if (!strstr(f->body, text))
		fail_msg("%s is not in %s", text, f->body);
}

static void
a_place_lives_from_create_to_delete(void **state)
{
	static const struct {
		const char *kind, *create, *update, *after;
	} table[] = {
		{ "workspaces",
		    "{\"name\":\"w2\",\"description\":\"d\",\"cicdEnforcedDefault\":true}",
		    "{\"name\":\"w3\",\"description\":\"\"}", "\"cicdEnforcedDefault\":true" },
		{ "deployments",
		    "{\"name\":\"d2\",\"workspaceId\":\"$w\",\"isCicdEnforced\":true,"
		    "\"executor\":\"CELERY\"}",
		    "{\"name\":\"d3\",\"isCicdEnforced\":false}", "\"executor\":\"CELERY\"" },
		{ "projects", "{\"name\":\"p2\",\"workspaceId\":\"$w\",\"deploymentId\":\"$d\"}",
		    "{\"name\":\"p3\",\"deploymentId\":\"\"}", "\"name\":\"p3\"" },
	};
	struct api_fixture *f = *state;
	char id[32], list[128];

	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		(void)snprintf(list, sizeof list, ORG "/%s", table[i].kind);
		assert_int_equal(API(f, "POST", list, .body = table[i].create), 200);
		api_string(f, "id", id, sizeof id);
		assert_int_equal(API(f, "POST", list, .body = table[i].create), 409);
		assert_int_equal(API(f, "GET", below(table[i].kind, id)), 200);
		assert_int_equal(
		    API(f, "POST", below(table[i].kind, id), .body = table[i].update), 200);
		assert_has(f, table[i].after);
		assert_int_equal(API(f, "DELETE", below(table[i].kind, id)), 204);
		assert_int_equal(API(f, "GET", below(table[i].kind, id)), 404);
		assert_int_equal(
		    API(f, "POST", below(table[i].kind, id), .body = table[i].update), 404);
		assert_int_equal(API(f, "DELETE", below(table[i].kind, id)), 404);
	}
}

static void
lists_are_filtered_sorted_and_cut(void **state)
{
	static const struct {
		const char *query, *has;
	} table[] = {
		{ "/deployments", "\"totalCount\":2" },
		{ "/deployments?names=one", "\"totalCount\":1" },
		{ "/deployments?deploymentIds=$d&deploymentIds=$e", "\"totalCount\":2" },
		{ "/deployments?workspaceIds=$d", "\"totalCount\":0" },
		{ "/deployments?limit=1&offset=1&sorts=name:desc", "\"name\":\"one\"" },
		{ "/workspaces?workspaceIds=$w", "\"totalCount\":1" },
		{ "/projects?projectIds=$p&sorts=createdAt:asc", "\"totalCount\":1" },
		{ "", "\"product\":\"HOSTED\"" },
		{ "/connection-auth-types?limit=1&offset=1",
		    "\"id\":\"cauthmysql000000000000000\"" },
	};
	struct api_fixture *f = *state;
	char target[256];

	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		(void)snprintf(target, sizeof target, ORG "%s", table[i].query);
		assert_int_equal(API(f, "GET", target), 200);
		assert_has(f, table[i].has);
	}
	assert_int_equal(API(f, "GET", "/v1/organizations"), 200);
	assert_has(f, "\"totalCount\":1");
	assert_int_equal(API(f, "GET", "/v1/organizations?offset=1"), 200);
	assert_has(f, "\"organizations\":[]");
	assert_int_equal(API(f, "GET", ORG "/workspaces?sorts=size:asc"), 400);
	assert_int_equal(API(f, "GET", "/v1/organizations/$w"), 404);
}

static void
what_a_place_may_not_be_is_named(void **state)
{
	static const struct {
		const char *method, *path, *body;
		int status;
		const char *words;
	} table[] = {
		{ "POST", "/workspaces", "{}", 400, "name is required" },
		{ "POST", "/workspaces", "{\"name\":\" x\"}", 400, "name must not" },
		{ "POST", "/deployments", "{\"name\":\"x\"}", 400, "workspaceId is required" },
		{ "POST", "/deployments", "{\"name\":\"x\",\"workspaceId\":\"$d\"}", 400,
		    "workspaceId is not the id of a Workspace" },
		{ "POST", "/projects",
		    "{\"name\":\"x\",\"workspaceId\":\"$w\",\"deploymentId\":\"$w\"}", 400,
		    "deploymentId is not the id of a Deployment" },
		{ "POST", "/workspaces/$w", "{\"description\":\"x\"}", 400, "name is required" },
		{ "DELETE", "/workspaces/$w", NULL, 409, "delete them first" },
		{ "POST", "/deployments/$d", "{\"name\":\"two\"}", 409, "name is taken" },
		{ "POST", "", "{\"environmentSecretsFetching\":1}", 400,
		    "environmentSecretsFetching must be" },
	};
	struct api_fixture *f = *state;
	char target[128];

	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		(void)snprintf(target, sizeof target, ORG "%s", table[i].path);
		if (api_call(f, table[i].method, target,
			&(struct api_ask){ .body = table[i].body }) != table[i].status)
			fail_msg("row %zu: %d %s", i, f->status, f->body);
		assert_has(f, table[i].words);
	}
}

static void
a_token_sees_and_changes_what_it_covers(void **state)
{
	struct api_fixture *f = *state;
	struct buf member = BUF_INIT(4096), keeper = BUF_INIT(4096);

	api_token(f, SCOPE_DEPLOYMENT, &f->dep[0], ROLE_MEMBER, &member);
	api_token(f, SCOPE_WORKSPACE, &f->ws, ROLE_OPERATOR, &keeper);
	assert_int_equal(API(f, "GET", ORG "/deployments", .token = buf_str(&member)), 200);
	assert_has(f, "\"totalCount\":1");
	assert_int_equal(API(f, "GET", ORG "/deployments/$e", .token = buf_str(&member)), 404);
	/* A Deployment's token must be able to read its Workspace. */
	assert_int_equal(API(f, "GET", ORG "/workspaces/$w", .token = buf_str(&member)), 200);
	assert_int_equal(API(f, "POST", ORG "/deployments/$d", .token = buf_str(&member),
			     .body = "{\"name\":\"x\"}"),
	    403);
	assert_int_equal(API(f, "POST", ORG "/deployments", .token = buf_str(&keeper),
			     .body = "{\"name\":\"x\",\"workspaceId\":\"$w\"}"),
	    200);
	assert_int_equal(API(f, "POST", ORG "/workspaces", .token = buf_str(&keeper),
			     .body = "{\"name\":\"x\"}"),
	    404);
	assert_int_equal(
	    API(f, "POST", ORG, .token = buf_str(&keeper), .body = "{\"name\":\"x\"}"), 404);
	buf_fini(&member);
	buf_fini(&keeper);
}

static void
requests_survive_without_memory(void **state)
{
	static const struct api_row table[] = {
		{ "GET", ORG, NULL },
		{ "GET", ORG "/deployments?sorts=name:asc&names=one", NULL },
		{ "GET", ORG "/workspaces/$w", NULL },
		{ "GET", ORG "/connection-auth-types", NULL },
		{ "POST", ORG "/deployments/$d", "{\"name\":\"one\",\"description\":\"d\"}" },
		{ "POST", ORG, "{\"name\":\"org\",\"environmentSecretsFetching\":true}" },
	};

	api_without_memory(*state, table, N_ELEMENTS(table));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, api_set_up, api_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_place_lives_from_create_to_delete),
		T(lists_are_filtered_sorted_and_cut),
		T(what_a_place_may_not_be_is_named),
		T(a_token_sees_and_changes_what_it_covers),
		T(requests_survive_without_memory),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	return cmocka_run_group_tests_name("api_places", tests, NULL, NULL);
}
