/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of environment objects, through the whole API in process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/json/scan.h"
#include "base/mem.h"
#include "tests/unit/api_fixture.h"

#define OBJECTS   "/v1/organizations/$o/environment-objects"
#define AT_WS     "\"scope\":\"WORKSPACE\",\"scopeEntityId\":\"$w\""
#define AT_DEP    "\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":\"$d\""
#define CONN      "\"objectType\":\"CONNECTION\",\"objectKey\":\"c\""
#define WAREHOUSE "\"connection\":{\"type\":\"postgres\",\"host\":\"db\",\"password\":\"hunter2\"}"

/* The path of an object, and paths below it. */
static char path[256];

static const char *
below(const char *id, const char *rest)
{
	(void)snprintf(path, sizeof path, OBJECTS "/%s%s", id, rest);
	return path;
}

static void
create(struct api_fixture *f, const char *body, char id[static 32])
{
	assert_int_equal(API(f, "POST", OBJECTS, .body = body), 200);
	api_string(f, "id", id, 32);
	assert_int_equal(strlen(id), ID_LENGTH);
}

static bool
is_json(const char *text)
{
	struct span value;

	return scan_check(span_of(text), SCAN_STRICT, &value, NULL) == 0;
}

static void
an_object_lives_from_create_to_delete(void **state)
{
	struct api_fixture *f = *state;
	char id[32], tag[128], fields[160];

	create(f, "{" CONN "," AT_WS "," WAREHOUSE "}", id);
	assert_int_equal(API(f, "POST", OBJECTS, .body = "{" CONN "," AT_WS "}"), 409);
	assert_int_equal(API(f, "GET", below(id, "")), 200);
	assert_true(is_json(f->body));
	assert_non_null(strstr(f->body, "\"host\":\"db\""));
	assert_null(strstr(f->body, "hunter2"));
	(void)snprintf(tag, sizeof tag, "%s", api_field(f, "ETag:"));
	assert_int_not_equal(tag[0], '\0');
	(void)snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", tag);
	assert_int_equal(API(f, "GET", below(id, ""), .fields = fields), 304);
	(void)snprintf(fields, sizeof fields, "If-Match: %s\r\n", tag);
	assert_int_equal(API(f, "POST", below(id, ""), .fields = fields,
			     .body = "{\"connection\":{\"type\":\"mysql\",\"hots\":\"x\"}}"),
	    200);
	assert_non_null(strstr(api_field(f, "Warning:"), "connection.hots (nearest: host)"));
	assert_string_not_equal(api_field(f, "ETag:"), tag);
	assert_int_equal(API(f, "DELETE", below(id, ""), .fields = fields), 412);
	assert_int_equal(API(f, "DELETE", below(id, "")), 204);
	assert_int_equal(API(f, "DELETE", below(id, "")), 404);
	assert_int_equal(API(f, "GET", below(id, "")), 404);
}

static void
a_list_shows_secrets_to_whom_it_may(void **state)
{
	struct api_fixture *f = *state;
	struct buf member = BUF_INIT(4096);
	char id[32];

	create(f, "{" CONN "," AT_DEP "," WAREHOUSE "}", id);
	api_token(f, SCOPE_DEPLOYMENT, &f->dep[0], ROLE_MEMBER, &member);
	assert_int_equal(
	    API(f, "GET", OBJECTS "?deploymentId=$d&showSecrets=true", .token = buf_str(&member)),
	    200);
	assert_non_null(strstr(f->body, "hunter2"));
	assert_non_null(strstr(f->body, "\"totalCount\":1"));
	assert_int_equal(API(f, "GET", OBJECTS "?deploymentId=$e", .token = buf_str(&member)), 404);
	assert_int_equal(
	    API(f, "POST", OBJECTS, .token = buf_str(&member),
		.body = "{\"objectType\":\"CONNECTION\",\"objectKey\":\"d\"," AT_DEP "}"),
	    403);
	assert_int_equal(API(f, "POST", "/v1/organizations/$o",
			     .body = "{\"name\":\"org\","
				     "\"environmentSecretsFetching\":"
				     "false}"),
	    200);
	assert_int_equal(
	    API(f, "GET", OBJECTS "?showSecrets=true", .token = buf_str(&member)), 403);
	assert_non_null(strstr(f->body, "showSecrets on organization"));
	buf_fini(&member);
}

static void
a_list_takes_filters_or_names_the_one_that_is_wrong(void **state)
{
	static const struct {
		const char *query;
		int status;
	} table[] = {
		{ "?limit=1&offset=1&sorts=objectKey:desc&sorts=createdAt:asc", 200 },
		{ "?objectType=AIRFLOW_VARIABLE&objectKey=v", 200 },
		{ "?workspaceId=$w&deploymentId=$d&resolveLinked=true", 200 },
		{ "?projectId=$p&resolveLinked=true&showSecrets=1", 400 },
		{ "?projectId=$p&deploymentId=$d&resolveLinked=true", 200 },
		{ "?projectId=$p&deploymentId=$e", 404 },
		{ "?limit=x", 400 },
		{ "?offset=-1", 400 },
		{ "?sorts=name:asc", 400 },
		{ "?objectType=THING", 400 },
		{ "?deploymentId=x", 404 },
		{ "?workspaceId=$d", 404 },
	};
	struct api_fixture *f = *state;
	char target[256];

	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		(void)snprintf(target, sizeof target, OBJECTS "%s", table[i].query);
		if (API(f, "GET", target) != table[i].status)
			fail_msg("%s: $d %s", table[i].query, f->status, f->body);
		assert_true(is_json(f->body));
	}
}

static void
links_exclusions_promotion_and_history(void **state)
{
	struct api_fixture *f = *state;
	char id[32], own[32];

	create(f,
	    "{" CONN "," AT_WS "," WAREHOUSE ",\"autoLinkDeployments\":true,"
	    "\"links\":[{" AT_DEP ",\"overrides\":{\"connection\":{\"host\":\"other\"}}}]}",
	    id);
	assert_int_equal(
	    API(f, "POST", below(id, "/exclude-linking"), .body = "{" AT_DEP "}"), 200);
	assert_int_equal(API(f, "GET", OBJECTS "?deploymentId=$d&resolveLinked=true"), 200);
	assert_non_null(strstr(f->body, "\"host\":\"other\""));
	assert_int_equal(API(f, "POST", below(id, "/promote")), 400);
	create(f,
	    "{\"objectType\":\"AIRFLOW_VARIABLE\",\"objectKey\":\"v\"," AT_DEP
	    ",\"airflowVariable\":{\"value\":\"1\"}}",
	    own);
	assert_int_equal(
	    API(f, "POST", below(own, "/exclude-linking"), .body = "{" AT_DEP "}"), 400);
	assert_int_equal(API(f, "POST", below(own, "/promote")), 200);
	assert_non_null(strstr(f->body, "\"scope\":\"WORKSPACE\""));
	assert_int_equal(API(f, "POST", below(own, "/restore"), .body = "{\"version\":1}"), 200);
	assert_int_equal(API(f, "POST", below(own, "/restore"), .body = "{\"version\":9}"), 404);
	assert_int_equal(API(f, "POST", below(own, "/restore"), .body = "{}"), 400);
	assert_int_equal(API(f, "GET", below(own, "/history?limit=2")), 200);
	assert_non_null(strstr(f->body, "\"action\":\"RESTORE\""));
	assert_non_null(strstr(f->body, "\"totalCount\":3"));
	assert_int_equal(API(f, "DELETE", below(own, "")), 204);
	(void)snprintf(path, sizeof path, "{\"subjectId\":\"%s\",\"version\":1}", own);
	assert_int_equal(
	    API(f, "POST", "/v1/organizations/$o/audit-log/restore", .body = path), 200);
	assert_int_equal(API(f, "GET", "/v1/organizations/$o/audit-log?workspaceId=$w"), 200);
	assert_int_equal(API(f, "GET", "/v1/organizations/$o/audit-log?workspaceId=$d"), 404);
}

static void
projects_have_links_of_their_own(void **state)
{
	struct api_fixture *f = *state;
	char id[32];

	create(f,
	    "{" CONN "," AT_WS "," WAREHOUSE ",\"autoLinkProjects\":true,\"projectLinks\":["
	    "{\"scope\":\"PROJECT\",\"scopeEntityId\":\"$p\","
	    "\"overrides\":{\"connection\":{\"host\":\"mine\"}}}]}",
	    id);
	assert_int_equal(
	    API(f, "POST", below(id, ""), .body = "{\"connection\":{\"type\":\"t\"}}"), 200);
	assert_non_null(strstr(f->body, "\"autoLinkProjects\":true"));
	assert_int_equal(API(f, "GET", OBJECTS "?projectId=$p&resolveLinked=true"), 200);
	assert_non_null(strstr(f->body, "\"host\":\"mine\""));
}

static void
what_refers_to_nothing_is_named(void **state)
{
	static const struct {
		const char *body, *field;
	} table[] = {
		{ "{" CONN ",\"scope\":\"WORKSPACE\",\"scopeEntityId\":\"$d\"}", "scopeEntityId" },
		{ "{" CONN "," AT_WS
		  ",\"links\":[{\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":\"$w\"}]}",
		    "links[0].scopeEntityId" },
		{ "{" CONN "," AT_WS
		  ",\"excludeLinks\":[{\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":\"$p\"}]}",
		    "excludeLinks[0].scopeEntityId" },
		{ "{" CONN "," AT_DEP ",\"autoLinkDeployments\":true}", "autoLinkDeployments" },
		{ "nonsense", "body" },
	};
	struct api_fixture *f = *state;

	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		char member[128];

		(void)snprintf(member, sizeof member, "\"field\":\"%s\"", table[i].field);
		if (API(f, "POST", OBJECTS, .body = table[i].body) != 400 ||
		    !strstr(f->body, member))
			fail_msg("row %zu: $d %s", i, f->status, f->body);
	}
}

/* The n-th allocation of a request and all later ones fail: it is refused, and nothing is lost. */
static void
requests_survive_without_memory(void **state)
{
	static const struct {
		const char *method, *path, *body;
	} table[] = {
		{ "POST", "/restore", "{\"version\":1}" }, /* first: only the last 50 are kept */
		{ "POST", "",
		    "{\"connection\":{\"type\":\"t\",\"hots\":1,\"extra\":{\"\\u0061\":\"\"}},"
		    "\"links\":[{" AT_DEP ",\"overrides\":{\"unsetFields\":[\"extra.b\"]}}]}" },
		{ "GET", "", NULL },
		{ "GET", "/history", NULL },
		{ "POST", "/exclude-linking",
		    "{\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":\"$e\"}" },
	};
	struct api_fixture *f = *state;
	char id[32];

	create(f,
	    "{" CONN "," AT_WS ",\"connection\":{\"type\":\"t\",\"extra\":{\"a\":1,\"b\":2}},"
	    "\"links\":[{" AT_DEP ",\"overrides\":{\"connection\":{\"extra\":{\"b\":3}}}}]}",
	    id);
	f->give_up_ms = 300; /* a connection without memory may be left without a response */
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		int served = 0; /* times in a row */

		for (int64_t n = 0; served < 10; n += 1 + n / 16) {
			assert_true(n < 5000);
			mem_fail_after(n);
			(void)api_call(f, table[i].method, below(id, table[i].path),
			    &(struct api_ask){ .body = table[i].body });
			mem_fail_after(-1);
			served = f->status == 200 ? served + 1 : 0;
			if (f->status && f->status != 200 && f->status < 500)
				fail_msg(
				    "row %zu, allocation %d: %d %s", i, (int)n, f->status, f->body);
		}
		assert_int_equal(API(f, "GET", below(id, "")), 200);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, api_set_up, api_tear_down)
	const struct CMUnitTest tests[] = {
		T(an_object_lives_from_create_to_delete),
		T(a_list_shows_secrets_to_whom_it_may),
		T(a_list_takes_filters_or_names_the_one_that_is_wrong),
		T(links_exclusions_promotion_and_history),
		T(projects_have_links_of_their_own),
		T(what_refers_to_nothing_is_named),
		T(requests_survive_without_memory),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	return cmocka_run_group_tests_name("api_objects", tests, NULL, NULL);
}
