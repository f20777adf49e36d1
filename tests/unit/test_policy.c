/* SPDX-License-Identifier: Apache-2.0 */
/* manager/model/policy: ids, names, and permissions, on both sides of each limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "manager/model/policy.h"

#define ORG  "corg000000000000000000000"
#define ORG2 "corg000000000000000000002"
#define WS   "cws0000000000000000000000"
#define WS2  "cws0000000000000000000002"
#define DEP  "cdep000000000000000000000"
#define DEP2 "cdep000000000000000000002"

static const struct place organization = { .organization = { ORG } };
static const struct place other_organization = { .organization = { ORG2 } };
static const struct place workspace = { .organization = { ORG }, .workspace = { WS } };
static const struct place other_workspace = { .organization = { ORG }, .workspace = { WS2 } };
static const struct place deployment = {
	.organization = { ORG }, .workspace = { WS }, .deployment = { DEP }
};
static const struct place other_deployment = {
	.organization = { ORG }, .workspace = { WS }, .deployment = { DEP2 }
};

static void
ids_have_one_shape(void **state)
{
	struct id id;

	(void)state;
	assert_true(id_is_valid(SPAN_LITERAL(ORG)));
	assert_false(id_is_valid(SPAN_LITERAL("corg00000000000000000000")));   /* 24 */
	assert_false(id_is_valid(SPAN_LITERAL("corg0000000000000000000000"))); /* 26 */
	assert_false(id_is_valid(SPAN_LITERAL("dorg000000000000000000000")));
	assert_false(id_is_valid(SPAN_LITERAL("corg00000000000000000000A")));
	assert_false(id_is_valid(SPAN_LITERAL("corg00000000000000000000-")));
	assert_false(id_is_valid((struct span){ 0 }));
	assert_true(id_from(SPAN_LITERAL(ORG), &id));
	assert_string_equal(id.s, ORG);
	assert_false(id_from(SPAN_LITERAL("x"), &id));
	assert_true(id_is_none(&id));
}

static void
names_go_both_ways(void **state)
{
	enum role role;
	enum scope scope;

	(void)state;
	for (int i = 0; i < ROLE_N; i++) {
		assert_true(role_from(span_of(role_name((enum role)i)), &role));
		assert_int_equal(role, i);
	}
	for (int i = 0; i < SCOPE_N; i++) {
		assert_true(scope_from(span_of(scope_name((enum scope)i)), &scope));
		assert_int_equal(scope, i);
	}
	assert_false(role_from(SPAN_LITERAL("owner"), &role));
	assert_false(role_from(SPAN_LITERAL(""), &role));
	assert_false(scope_from((struct span){ 0 }, &scope));
}

/* Each line: allowed from this role on in the Workspace of a Workspace token; denied below. */
static void
each_action_needs_its_least_role(void **state)
{
	static const struct {
		enum action what;
		enum role least;
	} table[] = {
		{ ACTION_VIEW, ROLE_MEMBER },
		{ ACTION_FETCH_SECRETS, ROLE_MEMBER },
		{ ACTION_HISTORY, ROLE_MEMBER },
		{ ACTION_CREATE, ROLE_OPERATOR },
		{ ACTION_UPDATE, ROLE_OPERATOR },
		{ ACTION_LINK, ROLE_OPERATOR },
		{ ACTION_DELETE, ROLE_OPERATOR },
		{ ACTION_MANAGE_ENTITIES, ROLE_OPERATOR },
		{ ACTION_MANAGE_TOKENS, ROLE_OWNER },
	};

	(void)state;
	assert_int_equal(N_ELEMENTS(table), ACTION_N - 1); /* all but SETTINGS */
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		for (int r = 0; r < ROLE_N; r++) {
			struct subject who = { { ORG }, SCOPE_WORKSPACE, { WS }, (enum role)r };

			assert_int_equal(policy_decide(&who, table[i].what, &workspace, true),
			    r >= (int)table[i].least ? POLICY_ALLOWED : POLICY_DENIED);
		}
	}
}

static void
scopes_cover_what_is_inside_them(void **state)
{
	static const struct {
		enum scope scope;
		const char *id;
		const struct place *where;
		enum verdict v;
	} table[] = {
		{ SCOPE_ORGANIZATION, ORG, &organization, POLICY_ALLOWED },
		{ SCOPE_ORGANIZATION, ORG, &workspace, POLICY_ALLOWED },
		{ SCOPE_ORGANIZATION, ORG, &deployment, POLICY_ALLOWED },
		{ SCOPE_ORGANIZATION, ORG, &other_organization, POLICY_OUT_OF_SCOPE },
		{ SCOPE_WORKSPACE, WS, &organization, POLICY_OUT_OF_SCOPE },
		{ SCOPE_WORKSPACE, WS, &workspace, POLICY_ALLOWED },
		{ SCOPE_WORKSPACE, WS, &deployment, POLICY_ALLOWED },
		{ SCOPE_WORKSPACE, WS, &other_deployment, POLICY_ALLOWED },
		{ SCOPE_WORKSPACE, WS, &other_workspace, POLICY_OUT_OF_SCOPE },
		{ SCOPE_DEPLOYMENT, DEP, &organization, POLICY_OUT_OF_SCOPE },
		{ SCOPE_DEPLOYMENT, DEP, &workspace, POLICY_OUT_OF_SCOPE },
		{ SCOPE_DEPLOYMENT, DEP, &deployment, POLICY_ALLOWED },
		{ SCOPE_DEPLOYMENT, DEP, &other_deployment, POLICY_OUT_OF_SCOPE },
		{ SCOPE_DEPLOYMENT, "", &workspace, POLICY_OUT_OF_SCOPE },
		{ SCOPE_PROJECT, DEP, &deployment, POLICY_OUT_OF_SCOPE },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct subject who = { { ORG }, table[i].scope, { "" }, ROLE_OWNER };

		if (table[i].id[0])
			assert_true(id_from(span_of(table[i].id), &who.scope_id));
		assert_int_equal(
		    policy_decide(&who, ACTION_VIEW, table[i].where, true), table[i].v);
	}
}

static void
the_switch_stops_secrets_alone(void **state)
{
	struct subject who = { { ORG }, SCOPE_ORGANIZATION, { ORG }, ROLE_OWNER };

	(void)state;
	assert_int_equal(
	    policy_decide(&who, ACTION_FETCH_SECRETS, &deployment, false), POLICY_SECRETS_OFF);
	assert_int_equal(policy_decide(&who, ACTION_VIEW, &deployment, false), POLICY_ALLOWED);
	assert_int_equal(policy_decide(&who, ACTION_UPDATE, &deployment, false), POLICY_ALLOWED);
}

static void
the_organization_is_its_owners(void **state)
{
	struct subject owner = { { ORG }, SCOPE_ORGANIZATION, { ORG }, ROLE_OWNER };
	struct subject operators = { { ORG }, SCOPE_ORGANIZATION, { ORG }, ROLE_OPERATOR };
	struct subject below = { { ORG }, SCOPE_WORKSPACE, { WS }, ROLE_OWNER };

	(void)state;
	assert_int_equal(
	    policy_decide(&owner, ACTION_SETTINGS, &organization, true), POLICY_ALLOWED);
	assert_int_equal(
	    policy_decide(&operators, ACTION_SETTINGS, &organization, true), POLICY_DENIED);
	assert_int_equal(policy_decide(&below, ACTION_SETTINGS, &workspace, true), POLICY_DENIED);
	assert_int_equal(
	    policy_decide(&owner, ACTION_MANAGE_ENTITIES, &organization, true), POLICY_ALLOWED);
	assert_int_equal(
	    policy_decide(&operators, ACTION_MANAGE_ENTITIES, &organization, true), POLICY_DENIED);
	assert_int_equal(
	    policy_decide(&operators, ACTION_MANAGE_ENTITIES, &workspace, true), POLICY_ALLOWED);
}

static void
nobody_hands_out_more_than_they_have(void **state)
{
	struct subject owner = { { ORG }, SCOPE_WORKSPACE, { WS }, ROLE_OWNER };
	struct subject operators = { { ORG }, SCOPE_WORKSPACE, { WS }, ROLE_OPERATOR };

	(void)state;
	assert_int_equal(policy_may_issue(&owner, ROLE_OWNER, &workspace), POLICY_ALLOWED);
	assert_int_equal(policy_may_issue(&owner, ROLE_MEMBER, &deployment), POLICY_ALLOWED);
	assert_int_equal(policy_may_issue(&owner, ROLE_MEMBER, &organization), POLICY_OUT_OF_SCOPE);
	assert_int_equal(policy_may_issue(&operators, ROLE_MEMBER, &workspace), POLICY_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_have_one_shape),
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(each_action_needs_its_least_role),
		cmocka_unit_test(scopes_cover_what_is_inside_them),
		cmocka_unit_test(the_switch_stops_secrets_alone),
		cmocka_unit_test(the_organization_is_its_owners),
		cmocka_unit_test(nobody_hands_out_more_than_they_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
