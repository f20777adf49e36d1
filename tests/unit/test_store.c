/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and lists, through store.h only, so that any engine must pass these tests. */
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/limits.h"
#include "base/mem.h"
#include "manager/store/history.h"

static void
what_is_written_is_read_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id id;

	assert_int_equal(CREATE(f, &id, CONN, "pg", "{\"type\":\"postgres\",\"host\":\"h\"}",
			     "mine", SCOPE_WORKSPACE, &f->ws, true, { &f->dep[1], &f->dep[0] },
			     { "{\"host\":\"x\"}", NULL }, { &f->dep[2] }),
	    0);
	reopen(f);
	get(f, &id, &o);
	assert_int_equal(o.type, CONN);
	assert_span(o.key, "pg");
	assert_span(o.description, "mine");
	assert_span(o.value, "{\"type\":\"postgres\",\"host\":\"h\"}");
	assert_int_equal(o.scope, SCOPE_WORKSPACE);
	assert_true(id_equal(&o.scope_id, &f->ws));
	assert_true(id_equal(&o.place.organization, &f->org));
	assert_true(id_equal(&o.place.workspace, &f->ws));
	assert_true(id_is_none(&o.place.deployment));
	assert_true(o.auto_link);
	assert_true(o.created_ms > 0 && o.created_ms == o.updated_ms);
	assert_int_equal(o.n_links, 2); /* in the order they were given */
	assert_true(id_equal(&o.links[0].entity, &f->dep[1]));
	assert_span(o.links[0].override, "{\"host\":\"x\"}");
	assert_true(id_equal(&o.links[1].entity, &f->dep[0]));
	assert_span(o.links[1].override, "{}");
	assert_int_equal(o.n_excludes, 1);
	assert_true(id_equal(&o.excludes[0].entity, &f->dep[2]));
}

static void
a_key_is_unique_in_its_scope_and_type(void **state)
{
	struct fixture *f = *state;
	struct id id, other;

	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(
	    CREATE(f, &other, VAR, "k", V("2"), NULL, SCOPE_WORKSPACE, &f->ws), STORE_CONFLICT);
	assert_int_equal(CREATE(f, &other, VAR, "K", V("2"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(CREATE(f, &other, VAR, "k", V("2"), NULL, SCOPE_WORKSPACE, &f->ws2), 0);
	assert_int_equal(
	    CREATE(f, &other, VAR, "k", V("2"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(
	    CREATE(f, &other, CONN, "k", "{\"type\":\"x\"}", NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), STORE_NOT_FOUND);
	assert_int_equal(CREATE(f, &other, VAR, "k", V("2"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(
	    store_object_get(f->s, &id, f->h, &(struct store_object){ 0 }), STORE_NOT_FOUND);
}

static void
what_a_request_refers_to_must_be_there(void **state)
{
	struct fixture *f = *state;
	struct store_fault fault;
	struct id id, nowhere;
	struct given g = { VAR, "k", V("1"), NULL, SCOPE_WORKSPACE, &nowhere };

	store_new_id(&nowhere);
	assert_int_equal(ask(f, &g, &id, false, NULL, &fault), STORE_NO_ENTITY);
	assert_int_equal(fault.part, FAULT_SCOPE);
	g.at = &f->dep[0]; /* the id of a Deployment, not of a Workspace */
	assert_int_equal(ask(f, &g, &id, false, NULL, &fault), STORE_NO_ENTITY);
	g.at = &f->ws;
	g.link[0] = &f->dep[0];
	g.link[1] = &f->far;
	assert_int_equal(ask(f, &g, &id, false, NULL, &fault), STORE_NO_ENTITY);
	assert_int_equal(fault.part, FAULT_LINK);
	assert_int_equal(fault.index, 1);
	g.link[1] = NULL;
	g.exclude[0] = &nowhere;
	assert_int_equal(ask(f, &g, &id, false, NULL, &fault), STORE_NO_ENTITY);
	assert_int_equal(fault.part, FAULT_EXCLUDE);
	assert_int_equal(fault.index, 0);
	g.exclude[0] = NULL;
	/* The refused ones were not stored. */
	assert_list(f, &VIEW(f->dep[0]), 0, "");
	assert_int_equal(ask(f, &g, &id, false, NULL, &fault), 0);
	g.link[0] = &f->far;
	assert_int_equal(ask(f, &g, &id, true, NULL, &fault), STORE_NO_ENTITY);
	assert_list(f, &VIEW(f->dep[0]), 1, ">k=1");
	/* Only a Workspace object can be linked. */
	g = (struct given){ VAR, "d", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0], false,
		{ &f->dep[1] } };
	assert_int_equal(ask(f, &g, &id, false, NULL, &fault), STORE_NO_ENTITY);
	assert_int_equal(UPDATE(f, &nowhere, VAR, "k", V("1"), NULL), STORE_NOT_FOUND);
}

static void
an_update_replaces_links_and_keeps_the_description(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id id;

	assert_int_equal(
	    CREATE(f, &id, CONN, "c", "{\"type\":\"x\",\"host\":\"h\",\"password\":\"p\"}", "said",
		SCOPE_WORKSPACE, &f->ws, true, { &f->dep[0], &f->dep[1] },
		{ "{\"password\":\"q\"}", "{\"host\":\"i\"}" }, { &f->dep[2] }),
	    0);
	/*
	 * No description: the overrides of that link are kept; the other link is removed, the rest
	 * cleared.
	 */
	assert_int_equal(
	    UPDATE(f, &id, CONN, NULL, "{\"type\":\"x\"}", NULL, .link = { &f->dep[0] }), 0);
	get(f, &id, &o);
	assert_span(o.value, "{\"type\":\"x\",\"password\":\"p\"}");
	assert_span(o.description, "said");
	assert_false(o.auto_link);
	assert_int_equal(o.n_links, 1);
	assert_span(o.links[0].override, "{\"password\":\"q\"}");
	assert_int_equal(o.n_excludes, 0);
	/* A link that is added again has no overrides. */
	assert_int_equal(UPDATE(f, &id, CONN, NULL, "{\"type\":\"x\"}", NULL,
			     .link = { &f->dep[1], &f->dep[0] }),
	    0);
	get(f, &id, &o);
	assert_true(id_equal(&o.links[0].entity, &f->dep[1]));
	assert_span(o.links[0].override, "{}");
	assert_span(o.links[1].override, "{\"password\":\"q\"}");
	/* With a description the request states the whole object. */
	assert_int_equal(
	    UPDATE(f, &id, CONN, NULL, "{\"type\":\"x\"}", "", .link = { &f->dep[0] }), 0);
	get(f, &id, &o);
	assert_span(o.description, "");
	assert_span(o.links[0].override, "{}");
}

/* The functions that take an expected state, with their results. */
static void
assert_all_stale(struct fixture *f, const struct id *id, const struct store_version *expect)
{
	struct store_target target = { SCOPE_DEPLOYMENT, f->dep[1] };
	struct given g = { VAR, NULL, V("9"), NULL };
	struct store_fault fault;
	struct id same = *id;

	assert_int_equal(ask(f, &g, &same, true, expect, &fault), STORE_STALE);
	assert_int_equal(store_object_exclude(f->s, id, &target, expect, &nobody), STORE_STALE);
	assert_int_equal(store_object_restore(f->s, id, 1, expect, &nobody), STORE_STALE);
	assert_int_equal(store_object_promote(f->s, id, expect, &nobody), STORE_STALE);
	assert_int_equal(store_object_delete(f->s, id, expect, &nobody), STORE_STALE);
}

static void
a_change_of_another_state_than_expected_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_version expect, other;
	struct store_fault fault;
	struct given g = { VAR, NULL, V("2"), NULL };
	struct store_object o;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	get(f, &id, &o);
	expect = (struct store_version){ o.version, o.draw };
	other = (struct store_version){ o.version, o.draw + 1 };
	assert_all_stale(f, &id, &other);
	assert_int_equal(ask(f, &g, &id, true, &expect, &fault), 0);
	moved(f);
	assert_all_stale(f, &id, &expect);
	assert_string_equal(moved(f), "");
	get(f, &id, &o);
	assert_int_equal(o.version, 2);
	assert_span(o.value, V("2"));
	expect = (struct store_version){ o.version, o.draw };
	assert_int_equal(store_object_delete(f->s, &id, &expect, &nobody), 0);
	assert_int_equal(store_object_delete(f->s, &id, &expect, &nobody), STORE_NOT_FOUND);
}

static void
a_view_is_its_own_and_what_is_linked(void **state)
{
	struct fixture *f = *state;
	struct store_target b = { SCOPE_DEPLOYMENT, f->dep[1] };
	struct id own, explicit, automatic, both;

	assert_int_equal(
	    CREATE(f, &own, VAR, "own", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(CREATE(f, &explicit, VAR, "link", V("2"), NULL, SCOPE_WORKSPACE, &f->ws,
			     false, { &f->dep[0] }, { "{\"value\":\"2a\"}" }),
	    0);
	assert_int_equal(CREATE(f, &automatic, VAR, "auto", V("3"), NULL, SCOPE_WORKSPACE, &f->ws,
			     true, { NULL }, { NULL }, { &f->dep[2] }),
	    0);
	assert_int_equal(
	    CREATE(f, &both, VAR, "own", V("4"), NULL, SCOPE_WORKSPACE, &f->ws, true), 0);
	assert_list(f, &VIEW(f->dep[0]), 3, ">auto=3 >link=2a own=1");
	assert_list(f, &VIEW(f->dep[1]), 2, ">auto=3 >own=4");
	assert_list(f, &VIEW(f->dep[2]), 1, ">own=4");
	assert_list(f, &VIEW(f->far), 0, "");
	/* An exclusion hides the object; a link takes precedence over an exclusion. */
	assert_int_equal(store_object_exclude(f->s, &automatic, &b, NULL, &nobody), 0);
	assert_int_equal(store_object_exclude(f->s, &automatic, &b, NULL, &nobody), 0);
	assert_list(f, &VIEW(f->dep[1]), 1, ">own=4");
	assert_int_equal(store_object_exclude(f->s, &explicit,
			     &(struct store_target){ SCOPE_DEPLOYMENT, f->dep[0] }, NULL, &nobody),
	    0);
	assert_list(f, &VIEW(f->dep[0]), 3, ">auto=3 >link=2a own=1");
	assert_int_equal(store_object_exclude(f->s, &own, &b, NULL, &nobody), STORE_NO_ENTITY);
	assert_int_equal(store_object_exclude(f->s, &automatic,
			     &(struct store_target){ SCOPE_DEPLOYMENT, f->far }, NULL, &nobody),
	    STORE_NO_ENTITY);
	assert_int_equal(store_object_exclude(f->s, &f->ws, &b, NULL, &nobody), STORE_NOT_FOUND);
	/* After the own object is deleted, the linked one with that key is visible. */
	assert_int_equal(store_object_delete(f->s, &own, NULL, &nobody), 0);
	assert_list(f, &VIEW(f->dep[0]), 3, ">auto=3 >link=2a >own=4");
}

static void
lists_filter_sort_and_page(void **state)
{
	struct fixture *f = *state;
	struct store_query q = { SCOPE_ORGANIZATION, f->org, .types = STORE_ALL_TYPES,
		.limit = -1 };
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "b", V("1"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(CREATE(f, &id, VAR, "a", V("2"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(CREATE(f, &id, VAR, "a", V("3"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(CREATE(f, &id, VAR, "z", V("4"), NULL, SCOPE_DEPLOYMENT, &f->far), 0);
	assert_int_equal(CREATE(f, &id, MANAGER_ENVIRONMENT_VARIABLE, "E", V("5"), NULL,
			     SCOPE_WORKSPACE, &f->ws2),
	    0);
	assert_list(f, &q, 5, "a=3 a=2 b=1 z=4 E=5");
	q.key = SPAN_LITERAL("a");
	assert_list(f, &q, 2, "a=3 a=2");
	q.key = (struct span){ 0 };
	q.types = 1U << MANAGER_ENVIRONMENT_VARIABLE;
	assert_list(f, &q, 1, "E=5");
	q.types = 1U << VAR | 1U << CONN;
	q.sorts[0].by = STORE_SORT_KEY;
	q.sorts[0].descending = true;
	q.n_sorts = 1;
	assert_list(f, &q, 4, "z=4 b=1 a=3 a=2");
	q.offset = 1;
	q.limit = 2;
	assert_list(f, &q, 4, "b=1 a=3");
	q.offset = 4;
	assert_list(f, &q, 4, "");
	q = (struct store_query){ SCOPE_WORKSPACE, f->ws, .types = STORE_ALL_TYPES, .limit = -1 };
	assert_list(f, &q, 2, "a=2 b=1");
	q.whole_workspace = true;
	assert_list(f, &q, 3, "a=3 a=2 b=1");
	q = (struct store_query){ SCOPE_DEPLOYMENT, f->dep[0], .types = STORE_ALL_TYPES,
		.limit = -1 };
	assert_list(f, &q, 1, "a=3");
	q.types = 0;
	assert_list(f, &q, 0, "");
	q.types = STORE_ALL_TYPES;
	q.limit = 0;
	assert_list(f, &q, 1, "");
}

static void
a_list_is_of_one_instant(void **state)
{
	struct fixture *f = *state;
	struct store_query q = VIEW(f->dep[0]);
	struct store_cursor *c, *later;
	struct store_object o;
	struct store_version version, version_later;
	struct id a, b;

	assert_int_equal(CREATE(f, &a, VAR, "a", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(CREATE(f, &b, VAR, "b", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(store_list(f->s, &q, &c, &version), 0);
	assert_int_equal(store_list_next(c, &o), 1);
	assert_int_equal(UPDATE(f, &b, VAR, NULL, V("2"), NULL), 0);
	assert_int_equal(store_list(f->s, &q, &later, &version_later), 0);
	assert_true(version_later.number > version.number);
	assert_true(version_later.draw != version.draw);
	assert_int_equal(store_list_next(c, &o), 1);
	assert_span(o.value, V("1"));
	assert_int_equal(store_list_next(c, &o), 0);
	assert_int_equal(store_list_next(later, &o), 1);
	assert_int_equal(store_list_next(later, &o), 1);
	assert_span(o.value, V("2"));
	store_tidy(f->s); /* cannot, and must not wait */
	store_list_close(c);
	store_list_close(later);
	assert_list(f, &q, 2, "a=1 b=2");
}

static void
cursors_are_bounded_and_none_is_lost(void **state)
{
	struct fixture *f = *state;
	struct store_query q = VIEW(f->dep[0]);
	struct store_cursor *c[128] = { NULL };
	struct store_version version;
	size_t n = 0;
	struct id id;

	/* Many readers of one version, few of different ones. In PostgreSQL each has a session. */
	for (size_t i = 0; i < (store_on_postgres ? 2 : 32); i++)
		assert_int_equal(store_list(f->s, &q, &c[n++], &version), 0);
	for (int i = 0; n < N_ELEMENTS(c); i++) {
		char key[8];

		snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(
		    CREATE(f, &id, VAR, key, V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
		if (store_list(f->s, &q, &c[n], &version) == -EBUSY)
			break;
		n++;
	}
	assert_true(n < N_ELEMENTS(c));
	assert_null(c[n]);
	while (n)
		store_list_close(c[--n]);
	assert_int_equal(store_list(f->s, &q, &c[0], &version), 0);
	store_list_close(c[0]);
}

static void
numbers_move_for_who_may_see_a_change(void **state)
{
	struct fixture *f = *state;
	struct store_target a = { SCOPE_DEPLOYMENT, f->dep[0] };
	struct id id, own;

	moved(f);
	assert_int_equal(CREATE(f, &own, VAR, "o", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_string_equal(moved(f), "Owa");
	assert_int_equal(CREATE(f, &id, VAR, "v", V("1"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_string_equal(moved(f), "OWw");
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL, .link = { &f->dep[1] }), 0);
	assert_string_equal(moved(f), "OWwb");
	/* Restricted to another Deployment: the views of both change. */
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL, .link = { &f->dep[2] }), 0);
	assert_string_equal(moved(f), "OWwbc");
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL, .auto_link = true), 0);
	assert_string_equal(moved(f), "OWwabc");
	assert_int_equal(store_object_exclude(f->s, &id, &a, NULL, &nobody), 0);
	assert_string_equal(moved(f), "OWwabc");
	assert_int_equal(
	    UPDATE(f, &id, VAR, NULL, V("1"), NULL, .auto_link = true, .exclude = { &f->dep[0] }),
	    0);
	assert_string_equal(moved(f), "OWwbc");
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
	assert_string_equal(moved(f), "OWwbc");
	/* Failed changes do not change a view number. */
	assert_int_equal(
	    CREATE(f, &id, VAR, "o", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), STORE_CONFLICT);
	assert_string_equal(moved(f), "");
	reopen(f);
	assert_string_equal(moved(f), "");
}

static void
watchers_are_told_after_the_commit(void **state)
{
	struct fixture *f = *state;
	struct id id;

	assert_int_equal(store_watch(f->s, on_event, f), 0);
	assert_int_equal(
	    CREATE(f, &id, VAR, "v", V("1"), NULL, SCOPE_WORKSPACE, &f->ws, false, { &f->dep[0] }),
	    0);
	assert_int_equal(f->n_events, 3);
	for (size_t i = 0; i < 3; i++) {
		struct store_event *e = &f->events[i];

		assert_int_equal(e->kind, STORE_EVENT_VIEW);
		assert_int_equal(e->types, 1U << VAR);
		if (e->scope == SCOPE_DEPLOYMENT) {
			assert_true(id_equal(&e->id, &f->dep[0]));
			assert_true(id_equal(&e->workspace, &f->ws));
		}
	}
	f->n_events = 0;
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, false, &nobody), 0);
	assert_int_equal(f->n_events, 1);
	assert_int_equal(f->events[0].kind, STORE_EVENT_ORGANIZATION);
	store_unwatch(f->s, f);
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
	assert_int_equal(f->n_events, 1);
}

static void
values_and_names_may_be_long_but_not_longer(void **state)
{
	struct fixture *f = *state;
	char *big = mem_alloc(LIMIT_VALUE + 64);
	struct store_object o;
	struct id id;
	size_t n;

	assert_non_null(big);
	n = (size_t)sprintf(big, "{\"value\":\"");
	memset(big + n, 'x', LIMIT_VALUE - n - 2);
	memcpy(big + LIMIT_VALUE - 2, "\"}", 3);
	assert_int_equal(CREATE(f, &id, VAR, "big", big, NULL, SCOPE_WORKSPACE, &f->ws), 0);
	get(f, &id, &o);
	assert_int_equal(o.value.n, LIMIT_VALUE);
	assert_memory_equal(o.value.p, big, LIMIT_VALUE);
	memcpy(big + LIMIT_VALUE - 2, "x\"}", 4);
	assert_int_equal(
	    CREATE(f, &id, VAR, "bigger", big, NULL, SCOPE_WORKSPACE, &f->ws), -EMSGSIZE);
	assert_int_equal(UPDATE(f, &id, VAR, NULL, big, NULL), -EMSGSIZE);
	get(f, &id, &o);
	assert_int_equal(o.value.n, LIMIT_VALUE);
	mem_free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_is_written_is_read_after_a_restart),
		STORE_TEST(a_key_is_unique_in_its_scope_and_type),
		STORE_TEST(what_a_request_refers_to_must_be_there),
		STORE_TEST(an_update_replaces_links_and_keeps_the_description),
		STORE_TEST(a_change_of_another_state_than_expected_is_refused),
		STORE_TEST(a_view_is_its_own_and_what_is_linked),
		STORE_TEST(lists_filter_sort_and_page),
		STORE_TEST(a_list_is_of_one_instant),
		STORE_TEST(cursors_are_bounded_and_none_is_lost),
		STORE_TEST(numbers_move_for_who_may_see_a_change),
		STORE_TEST(watchers_are_told_after_the_commit),
		STORE_TEST(values_and_names_may_be_long_but_not_longer),
	};

	return store_run(tests, N_ELEMENTS(tests));
}
