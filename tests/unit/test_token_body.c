/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manager/api: both forms of the body that creates a token; paths of the hosted API that are not
 * served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "manager/api/input/token_body.h"
#include "manager/api/unserved.h"

#define DAY ((int64_t)24 * 3600)

static void
both_shapes_are_read(void **state)
{
	static const struct {
		const char *json;
		enum scope scope;
		enum role role;
		const char *entity, *entity_field;
		int64_t expires_in_s;
	} table[] = {
		{ "{\"name\":\"n\",\"scope\":\"WORKSPACE\",\"scopeEntityId\":\"w\",\"role\":"
		  "\"MEMBER\","
		  "\"expiresInSeconds\":60}",
		    SCOPE_WORKSPACE, ROLE_MEMBER, "w", "scopeEntityId", 60 },
		{ "{\"name\":\"n\",\"description\":\"d\",\"scope\":\"WORKSPACE\",\"entityId\":"
		  "\"w\","
		  "\"role\":\"WORKSPACE_OPERATOR\",\"tokenExpiryPeriodInDays\":30}",
		    SCOPE_WORKSPACE, ROLE_OPERATOR, "w", "entityId", 30 * DAY },
		{ "{\"name\":\"n\",\"type\":\"DEPLOYMENT\",\"entityId\":\"d\",\"role\":"
		  "\"DEPLOYMENT_ADMIN\"}",
		    SCOPE_DEPLOYMENT, ROLE_OWNER, "d", "entityId", 0 },
		{ "{\"name\":\"n\",\"entityId\":\"w\",\"role\":\"WORKSPACE_AUTHOR\"}",
		    SCOPE_WORKSPACE, ROLE_AUTHOR, "w", "entityId", 0 },
		{ "{\"name\":\"n\",\"role\":\"ORGANIZATION_OWNER\",\"entityId\":null}",
		    SCOPE_ORGANIZATION, ROLE_OWNER, NULL, "scopeEntityId", 0 },
		{ "{\"name\":\"n\",\"scope\":\"ORGANIZATION\",\"scopeEntityId\":\"o\",\"role\":"
		  "\"OWNER\"}",
		    SCOPE_ORGANIZATION, ROLE_OWNER, "o", "scopeEntityId", 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct token_body t = { 0 };
		struct fault f;
		struct body b;

		assert_int_equal(body_read(&b, span_of(table[i].json), &f), 0);
		if (token_body_read(&b, 63, &t) != 0)
			fail_msg("row %zu: %s", i, f.message);
		assert_true(span_is(t.name, "n"));
		assert_int_equal(t.scope, table[i].scope);
		assert_int_equal(t.role, table[i].role);
		assert_int_equal(t.expires_in_s, table[i].expires_in_s);
		assert_true(table[i].entity ? span_is(t.entity, table[i].entity) : !t.entity.p);
		assert_string_equal(t.entity_field, table[i].entity_field);
		body_fini(&b);
	}
	assert_int_equal(mem_live(), 0);
}

static void
what_contradicts_itself_is_named(void **state)
{
	static const struct {
		const char *json, *field;
	} table[] = {
		{ "{}", "name" },
		{ "{\"name\":\"n\"}", "role" },
		{ "{\"name\":\"n\",\"role\":\"MEMBER\"}", "scope" },
		{ "{\"name\":\"n\",\"role\":\"MEMBER\",\"scope\":\"PROJECT\"}", "scope" },
		{ "{\"name\":\"n\",\"role\":\"MEMBER\",\"type\":\"workspace\"}", "type" },
		{ "{\"name\":\"n\",\"role\":\"WORKSPACE_MEMBER\",\"scope\":\"ORGANIZATION\"}",
		    "role" },
		{ "{\"name\":\"n\",\"role\":\"WORKSPACE_ACCESSOR\"}", "role" },
		{ "{\"name\":\"n\",\"role\":\"ORGANIZATION_BILLING_ADMIN\"}", "role" },
		{ "{\"name\":\"n\",\"role\":\"WORKSPACE_ADMIN\"}", "role" },
		{ "{\"name\":\"n\",\"role\":\"my custom_role\",\"scope\":\"WORKSPACE\"}", "role" },
		{ "{\"name\":\"n\",\"role\":\"WORKSPACE_MEMBER\"}", "scopeEntityId" },
		{ "{\"name\":\"n\",\"role\":\"ORGANIZATION_OWNER\",\"tokenExpiryPeriodInDays\":"
		  "3651}",
		    "tokenExpiryPeriodInDays" },
		{ "{\"name\":\"n\",\"role\":\"ORGANIZATION_OWNER\",\"expiresInSeconds\":0}",
		    "expiresInSeconds" },
		{ "{\"name\":\"n\",\"role\":\"ORGANIZATION_OWNER\",\"tokenExpiryPeriodInDays\":1,"
		  "\"expiresInSeconds\":86400}",
		    "tokenExpiryPeriodInDays" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct token_body t = { 0 };
		struct fault f = { 0 };
		struct body b;

		assert_int_equal(body_read(&b, span_of(table[i].json), &f), 0);
		if (token_body_read(&b, 63, &t) != -EINVAL || strcmp(f.field, table[i].field))
			fail_msg("row %zu: %s", i, f.field);
		assert_non_null(strstr(f.message, f.field));
		body_fini(&b);
	}
	assert_int_equal(mem_live(), 0);
}

static void
roles_in_the_hosted_words(void **state)
{
	char text[TOKEN_ROLE_SIZE];

	(void)state;
	token_role_hosted(SCOPE_WORKSPACE, ROLE_MEMBER, text);
	assert_string_equal(text, "WORKSPACE_MEMBER");
	token_role_hosted(SCOPE_DEPLOYMENT, ROLE_OWNER, text);
	assert_string_equal(text, "DEPLOYMENT_ADMIN");
	token_role_hosted(SCOPE_ORGANIZATION, ROLE_OWNER, text);
	assert_string_equal(text, "ORGANIZATION_OWNER");
}

static void
a_path_that_is_not_served_has_its_sentence(void **state)
{
	static const struct {
		const char *path, *words; /* NULL: not a path of the hosted API */
	} table[] = {
		{ "/v1/organizations/o/users", "tokens" },
		{ "/v1/organizations/o/users/u/roles", "tokens" },
		{ "/v1/users/self", "tokens" },
		{ "/v1/organizations/o/workspaces/w/teams", "tokens" },
		{ "/v1/organizations/o/audit-logs", "/audit-log" },
		{ "/v1/organizations/o/clusters", "runs no Airflow" },
		{ "/v1/organizations/o/deployments/d/logs", "runs no Airflow" },
		{ "/v1/organizations/o/workspaces/w/astroide/projects", "/projects" },
		{ "/v1/organizations/o/tokens/t/rotate", "renew" },
		{ "/v1/organizations/o/nothing", NULL },
		{ "/v1/organizations", NULL },
		{ "/v2/organizations/o/users", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf scratch = BUF_INIT(1024);
		struct path path;
		const char *sentence;

		assert_int_equal(path_read(&path, span_of(table[i].path), &scratch), 0);
		sentence = unserved_sentence(&path);
		if (!sentence != !table[i].words || (sentence && !strstr(sentence, table[i].words)))
			fail_msg("%s: %s", table[i].path, sentence ? sentence : "nothing");
		buf_fini(&scratch);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_shapes_are_read),
		cmocka_unit_test(what_contradicts_itself_is_named),
		cmocka_unit_test(roles_in_the_hosted_words),
		cmocka_unit_test(a_path_that_is_not_served_has_its_sentence),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
