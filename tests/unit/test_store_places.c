/* SPDX-License-Identifier: Apache-2.0 */
/* Places, through store.h only, so that any engine must pass these tests. */
#include "tests/unit/store_fixture.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/limits.h"

static int
count_names(void *arg, const struct store_entity *e)
{
	struct buf *b = arg;

	buf_add(b, e->name.p, e->name.n);
	buf_addc(b, ' ');
	return 0;
}

static void
entities_have_names_and_parents(void **state)
{
	static const struct id none = { "" };
	struct fixture *f = *state;
	struct buf names = BUF_INIT(1000);
	struct store_entity e;
	struct place at;
	struct id id;
	int64_t total;

	assert_int_equal(
	    store_entity_create(f->s, SCOPE_DEPLOYMENT, &f->ws, NAMED("a"), &nobody, &id),
	    STORE_CONFLICT);
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_DEPLOYMENT, &f->org, NAMED("x"), &nobody, &id),
	    STORE_NO_ENTITY);
	assert_int_equal(store_entity_get(f->s, SCOPE_DEPLOYMENT, &f->ws, &e), STORE_NOT_FOUND);
	assert_int_equal(store_entity_get(f->s, SCOPE_ORGANIZATION, &f->org, &e), 0);
	assert_span(e.name, "acme");
	assert_true(e.secrets_fetching);
	assert_int_equal(store_place(f->s, SCOPE_DEPLOYMENT, &f->dep[1], &at), 0);
	assert_true(id_equal(&at.organization, &f->org) && id_equal(&at.workspace, &f->ws) &&
		    id_equal(&at.deployment, &f->dep[1]));
	assert_int_equal(
	    store_entity_list(f->s, SCOPE_DEPLOYMENT, &f->org, 0, -1, count_names, &names, &total),
	    0);
	assert_string_equal(buf_str(&names), "a b c far ");
	assert_int_equal(total, 4);
	buf_reset(&names);
	assert_int_equal(
	    store_entity_list(f->s, SCOPE_DEPLOYMENT, &f->ws, 1, 1, count_names, &names, &total),
	    0);
	assert_string_equal(buf_str(&names), "b ");
	assert_int_equal(total, 3);
	buf_reset(&names);
	assert_int_equal(
	    store_entity_list(f->s, SCOPE_ORGANIZATION, &none, 0, -1, count_names, &names, NULL),
	    0);
	assert_string_equal(buf_str(&names), "acme ");
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, false, &nobody), 0);
	assert_int_equal(
	    store_organization_set_secrets(f->s, &f->ws, false, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_entity_get(f->s, SCOPE_ORGANIZATION, &f->org, &e), 0);
	assert_false(e.secrets_fetching);
	buf_fini(&names);
}

static void
assert_said(struct fixture *f, enum scope scope, const struct id *id, const char *description,
    bool cicd_enforced)
{
	struct store_entity e;

	for (int i = 0; i < 2; i++) { /* the second time from the cache */
		assert_int_equal(store_entity_get(f->s, scope, id, &e), 0);
		assert_span(e.description, description);
		assert_int_equal(e.cicd_enforced, cicd_enforced);
	}
}

static void
what_is_said_of_a_place_is_kept(void **state)
{
	struct fixture *f = *state;
	struct store_entity_set set = { .name = SPAN_LITERAL("said"),
		.description = SPAN_LITERAL("what for"),
		.has_cicd = true,
		.cicd_enforced = true };
	struct buf longest = BUF_INIT(4 * LIMIT_DESCRIPTION);
	struct store_entity e;
	struct id ws, dep, project;

	assert_said(f, SCOPE_WORKSPACE, &f->ws, NULL, false);
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_WORKSPACE, &f->org, &set, &nobody, &ws), 0);
	assert_said(f, SCOPE_WORKSPACE, &ws, "what for", true);
	/* A new Deployment takes the setting of its Workspace, unless the request has it. */
	dep = test_place(f->s, SCOPE_DEPLOYMENT, &ws, "begins");
	assert_said(f, SCOPE_DEPLOYMENT, &dep, NULL, true);
	set.cicd_enforced = false;
	assert_int_equal(store_entity_create(f->s, SCOPE_DEPLOYMENT, &ws, &set, &nobody, &dep), 0);
	assert_said(f, SCOPE_DEPLOYMENT, &dep, "what for", false);
	assert_int_equal(store_entity_create(f->s, SCOPE_PROJECT, &ws, &set, &nobody, &project), 0);
	assert_said(f, SCOPE_PROJECT, &project, "what for", false);
	/* Absent members do not change. */
	set = (struct store_entity_set){ .has_cicd = true, .cicd_enforced = true };
	assert_int_equal(store_entity_update(f->s, SCOPE_DEPLOYMENT, &dep, &set, &nobody), 0);
	assert_said(f, SCOPE_DEPLOYMENT, &dep, "what for", true);
	set = (struct store_entity_set){ .description = SPAN_LITERAL("") };
	assert_int_equal(store_entity_update(f->s, SCOPE_DEPLOYMENT, &dep, &set, &nobody), 0);
	assert_said(f, SCOPE_DEPLOYMENT, &dep, "", true);
	assert_int_equal(store_entity_update(f->s, SCOPE_PROJECT, &project, &set, &nobody), 0);
	assert_int_equal(
	    store_entity_update(f->s, SCOPE_PROJECT, &dep, &set, &nobody), STORE_NOT_FOUND);
	/* The longest allowed, together with the names. */
	for (size_t i = 0; i < LIMIT_DESCRIPTION; i++)
		buf_adds(&longest, "\xf0\x9f\x98\x80");
	set = (struct store_entity_set){ .description = span_of_buf(&longest) };
	assert_int_equal(store_entity_update(f->s, SCOPE_DEPLOYMENT, &dep, &set, &nobody), 0);
	assert_said(f, SCOPE_DEPLOYMENT, &dep, buf_str(&longest), true);
	assert_int_equal(store_entity_get(f->s, SCOPE_DEPLOYMENT, &dep, &e), 0);
	assert_span(e.name, "said");
	assert_span(e.workspace_name, "said");
	assert_audit(f, &dep,
	    "UPDATE_ENTITY said 0 [\"description\"] ; UPDATE_ENTITY said 0 [\"description\"] ; "
	    "UPDATE_ENTITY said 0 [\"isCicdEnforced\"] ; "
	    "CREATE_ENTITY said 0 [\"name\",\"description\",\"isCicdEnforced\"] ");
	set = (struct store_entity_set){ .name = SPAN_LITERAL("third"),
		.description = SPAN_LITERAL("what for"),
		.has_cicd = true,
		.cicd_enforced = true };
	for (int i = 0; i < 2; i++) /* the second time nothing changes */
		assert_int_equal(store_entity_update(f->s, SCOPE_WORKSPACE, &ws, &set, &nobody), 0);
	assert_audit(f, &ws,
	    "UPDATE_ENTITY third 0 [] ; UPDATE_ENTITY third 0 [\"name\"] ; CREATE_ENTITY said 0 "
	    "[\"name\",\"description\",\"cicdEnforcedDefault\"] ");
	assert_int_equal(store_entity_get(f->s, SCOPE_DEPLOYMENT, &dep, &e), 0);
	assert_span(e.workspace_name, "third");
	buf_fini(&longest);
}

static void
assert_sorted(struct fixture *f, const struct store_entity_order *order, const char *want)
{
	struct buf names = BUF_INIT(1000);

	assert_int_equal(
	    store_entity_list_sorted(f->s, SCOPE_DEPLOYMENT, &f->org, order, count_names, &names),
	    0);
	assert_string_equal(buf_str(&names), want);
	buf_fini(&names);
}

/* Each change has a later time than the one before. */
static void
pass_time(void)
{
	int64_t now = clock_wall_ms();

	while (clock_wall_ms() == now)
		;
}

static void
places_are_listed_in_many_orders(void **state)
{
	struct fixture *f = *state;
	const struct id *updated[] = { &f->dep[1], &f->far, &f->dep[2], &f->dep[0] };
	struct store_entity_order order = { 0 };
	struct buf names = BUF_INIT(1000);

	assert_sorted(f, &order, "a b c far ");
	order.n_sorts = 1;
	assert_sorted(f, &order, "a b c far ");
	order.sorts[0].descending = true;
	assert_sorted(f, &order, "far c b a ");
	for (size_t i = 0; i < N_ELEMENTS(updated); i++) {
		struct store_entity_set nothing = { 0 };

		pass_time();
		assert_int_equal(
		    store_entity_update(f->s, SCOPE_DEPLOYMENT, updated[i], &nothing, &nobody), 0);
	}
	order.sorts[0].by = STORE_ENTITY_UPDATED;
	assert_sorted(f, &order, "a c far b ");
	order.sorts[0].descending = false;
	assert_sorted(f, &order, "b far c a ");
	pass_time();
	(void)test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, "Z");
	order.sorts[0].by = STORE_ENTITY_CREATED;
	order.sorts[0].descending = true;
	order.sorts[1].by = STORE_ENTITY_NAME;
	order.n_sorts = 2;
	assert_int_equal(
	    store_entity_list_sorted(f->s, SCOPE_DEPLOYMENT, &f->org, &order, count_names, &names),
	    0);
	assert_memory_equal(buf_str(&names), "Z ", 2);
	buf_fini(&names);
}

static int
set_deployment(struct store *s, const struct id *project, const struct id *deployment)
{
	const struct store_entity_set set = { .deployment = deployment };

	return store_entity_update(s, SCOPE_PROJECT, project, &set, &nobody);
}

static void
a_project_sees_its_own_its_links_and_its_deployments(void **state)
{
	struct fixture *f = *state;
	struct id a, b, c, d, own, e;
	struct store_query view;

	f->project = test_place(f->s, SCOPE_PROJECT, &f->ws, "ide");
	view = (struct store_query){ SCOPE_PROJECT, f->project, true, .types = STORE_ALL_TYPES,
		.limit = -1 };
	/* linked to the project, with an override; linked to the Deployment, with another */
	assert_int_equal(
	    CREATE(f, &a, VAR, "a", V("1"), NULL, SCOPE_WORKSPACE, &f->ws, false,
		{ &f->project, &f->dep[0] }, { "{\"value\":\"1p\"}", "{\"value\":\"1d\"}" }),
	    0);
	assert_int_equal(CREATE(f, &b, VAR, "b", V("2"), NULL, SCOPE_WORKSPACE, &f->ws, false,
			     { &f->dep[0] }, { "{\"value\":\"2d\"}" }),
	    0);
	assert_int_equal(CREATE(f, &c, VAR, "c", V("3"), NULL, SCOPE_WORKSPACE, &f->ws,
			     .auto_link_projects = true),
	    0);
	assert_int_equal(CREATE(f, &d, VAR, "d", V("4"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_list(f, &view, 2, ">a=1p >c=3");
	assert_int_equal(set_deployment(f->s, &f->project, &f->far), STORE_NO_ENTITY);
	assert_int_equal(set_deployment(f->s, &f->dep[0], &f->dep[0]), STORE_NOT_FOUND);
	assert_int_equal(set_deployment(f->s, &f->project, &f->dep[0]), 0);
	assert_list(f, &view, 4, ">a=1p >b=2d >c=3 >d=4");
	/* the project's own object comes first, then one linked to it, then the Deployment's own */
	assert_int_equal(CREATE(f, &own, VAR, "b", V("5"), NULL, SCOPE_PROJECT, &f->project), 0);
	assert_int_equal(CREATE(f, &e, VAR, "c", V("6"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_list(f, &view, 4, ">a=1p b=5 >c=3 >d=4");
	assert_list(f, &VIEW(f->dep[0]), 4, ">a=1d >b=2d c=6 d=4");
	/* excluded from the project: the Deployment's own object is visible */
	assert_int_equal(UPDATE(f, &c, VAR, NULL, V("3"), NULL, .auto_link_projects = true,
			     .exclude = { &f->project }),
	    0);
	assert_list(f, &view, 4, ">a=1p b=5 >c=6 >d=4");
	/* a Workspace with a project is not empty; the project can be deleted */
	assert_int_equal(store_entity_delete(f->s, SCOPE_PROJECT, &f->project, &nobody), 0);
	assert_list(f, &view, 0, "");
	assert_list(f, &VIEW(f->dep[0]), 4, ">a=1d >b=2d c=6 d=4");
}

static void
a_place_changes_as_a_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct store_entity_set set = { .name = SPAN_LITERAL("taken"), .deployment = &f->dep[0] };
	struct store_entity e;
	struct id id;

	f->project = test_place(f->s, SCOPE_PROJECT, &f->ws, "ide");
	(void)test_place(f->s, SCOPE_PROJECT, &f->ws, "taken");
	assert_int_equal(
	    store_entity_update(f->s, SCOPE_PROJECT, &f->project, &set, &nobody), STORE_CONFLICT);
	set = (struct store_entity_set){ .name = SPAN_LITERAL("free"), .deployment = &f->far };
	assert_int_equal(
	    store_entity_update(f->s, SCOPE_PROJECT, &f->project, &set, &nobody), STORE_NO_ENTITY);
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_PROJECT, &f->ws, &set, &nobody, &id), STORE_NO_ENTITY);
	assert_int_equal(store_entity_get(f->s, SCOPE_PROJECT, &f->project, &e), 0);
	assert_true(span_is(e.name, "ide") && id_is_none(&e.deployment));
	set.deployment = &f->dep[0];
	assert_int_equal(store_entity_create(f->s, SCOPE_PROJECT, &f->ws, &set, &nobody, &id), 0);
	assert_int_equal(store_entity_get(f->s, SCOPE_PROJECT, &id, &e), 0);
	assert_true(span_is(e.name, "free") && id_equal(&e.deployment, &f->dep[0]));
}

static void
a_projects_number_moves_with_its_deployments(void **state)
{
	struct fixture *f = *state;
	struct id id;
	int64_t n, was;

	f->project = test_place(f->s, SCOPE_PROJECT, &f->ws, "ide");
	was = number_of(f, SCOPE_PROJECT, f->project, STORE_ALL_TYPES, false);
	assert_int_equal(CREATE(f, &id, VAR, "d", V("4"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(number_of(f, SCOPE_PROJECT, f->project, STORE_ALL_TYPES, false), was);
	assert_int_equal(set_deployment(f->s, &f->project, &f->dep[0]), 0);
	n = number_of(f, SCOPE_PROJECT, f->project, 1U << VAR, false);
	assert_true(n > was);
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("5"), NULL), 0);
	assert_true(number_of(f, SCOPE_PROJECT, f->project, 1U << VAR, false) > n);
	n = number_of(f, SCOPE_PROJECT, f->project, 1U << VAR, false);
	assert_int_equal(CREATE(f, &id, VAR, "w", V("4"), NULL, SCOPE_WORKSPACE, &f->ws,
			     .auto_link_projects = true),
	    0);
	assert_true(number_of(f, SCOPE_PROJECT, f->project, 1U << VAR, false) > n);
	n = number_of(f, SCOPE_PROJECT, f->project, 1U << VAR, false);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &nobody), 0);
	assert_true(number_of(f, SCOPE_PROJECT, f->project, 1U << VAR, false) > n);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[1], &nobody), 0);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[2], &nobody), 0);
	assert_int_equal(
	    store_entity_delete(f->s, SCOPE_WORKSPACE, &f->ws, &nobody), STORE_NOT_EMPTY);
}

static void
a_deployment_goes_and_the_workspace_object_stays(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id own, linked;

	assert_int_equal(
	    CREATE(f, &own, VAR, "own", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(
	    CREATE(f, &linked, VAR, "linked", V("2"), NULL, SCOPE_WORKSPACE, &f->ws, true,
		{ &f->dep[0], &f->dep[1] }, { "{\"value\":\"3\"}" }, { &f->dep[0] }),
	    0);
	moved(f);
	assert_int_equal(
	    store_entity_update(f->s, SCOPE_DEPLOYMENT, &f->dep[0], NAMED("b"), &nobody),
	    STORE_CONFLICT);
	assert_int_equal(store_entity_update(f->s, SCOPE_DEPLOYMENT, &f->ws, NAMED("x"), &nobody),
	    STORE_NOT_FOUND);
	assert_int_equal(
	    store_entity_update(f->s, SCOPE_DEPLOYMENT, &f->dep[0], NAMED("x"), &nobody), 0);
	assert_string_equal(moved(f), "");
	assert_int_equal(
	    store_entity_delete(f->s, SCOPE_WORKSPACE, &f->ws, &nobody), STORE_NOT_EMPTY);
	assert_int_equal(
	    store_entity_delete(f->s, SCOPE_ORGANIZATION, &f->org, &nobody), STORE_NOT_EMPTY);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &nobody), 0);
	assert_string_equal(moved(f), "OWwaA");
	assert_int_equal(
	    store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_get(f->s, &own, f->h, &o), STORE_NOT_FOUND);
	get(f, &linked, &o);
	assert_int_equal(o.n_links, 1);
	assert_true(id_equal(&o.links[0].entity, &f->dep[1]));
	assert_int_equal(o.n_excludes, 0);
	assert_list(f, &VIEW(f->dep[0]), 0, "");
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[1], &nobody), 0);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[2], &nobody), 0);
	assert_int_equal(store_entity_delete(f->s, SCOPE_WORKSPACE, &f->ws, &nobody), 0);
	assert_int_equal(store_object_get(f->s, &linked, f->h, &o), STORE_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(entities_have_names_and_parents),
		STORE_TEST(what_is_said_of_a_place_is_kept),
		STORE_TEST(places_are_listed_in_many_orders),
		STORE_TEST(a_project_sees_its_own_its_links_and_its_deployments),
		STORE_TEST(a_place_changes_as_a_whole_or_not_at_all),
		STORE_TEST(a_projects_number_moves_with_its_deployments),
		STORE_TEST(a_deployment_goes_and_the_workspace_object_stays),
	};

	return store_run(tests, N_ELEMENTS(tests));
}
