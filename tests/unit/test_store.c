/* SPDX-License-Identifier: Apache-2.0 */
/* The store, through store.h alone: another engine passes the same tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "manager/store/store.h"
#include "tests/unit/check.h"
#include "tests/unit/store_places.h"

#define CONN MANAGER_CONNECTION
#define VAR  MANAGER_AIRFLOW_VARIABLE

#define NAMED(name_) (&(const struct store_entity_set){ .name = SPAN_LITERAL(name_) })

static const struct store_actor nobody = { { "" }, { 0 } };
static const uint8_t kek[SEAL_KEY_SIZE] = { 1, 2, 3 };

/* A directory, a store in it, and an organization with a Workspace and three Deployments. */
struct fixture {
	char dir[TEST_DIR_SIZE];
	struct keys *keys;
	struct store *s;
	struct id org, ws, ws2, dep[3], far; /* far: in the second Workspace */
	struct id project;                   /* made by tests that want one */
	struct store_holder *h;
	struct store_event events[64];
	size_t n_events;
	uint64_t numbers[9]; /* as moved() saw them last */
};

static void
on_event(void *arg, const struct store_event *e)
{
	struct fixture *f = arg;

	assert_true(f->n_events < N_ELEMENTS(f->events));
	f->events[f->n_events++] = *e;
}

static int
set_up(void **state)
{
	static const struct id none = { "" };
	struct fixture *f = mem_zalloc(sizeof *f);
	char why[STORE_WHY_SIZE] = "";

	assert_non_null(f);
	test_dir_make(f->dir, "test_store");
	f->keys = keys_from_bytes(kek);
	f->h = store_holder_new();
	assert_int_equal(store_create(&f->s, f->dir, f->keys, why), 0);
	f->org = test_place(f->s, SCOPE_ORGANIZATION, &none, "acme");
	f->ws = test_place(f->s, SCOPE_WORKSPACE, &f->org, "data");
	f->ws2 = test_place(f->s, SCOPE_WORKSPACE, &f->org, "other");
	f->dep[0] = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, "a");
	f->dep[1] = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, "b");
	f->dep[2] = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, "c");
	f->far = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws2, "far");
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	keys_free(f->keys);
	store_holder_free(f->h);
	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

static void
reopen(struct fixture *f)
{
	char why[STORE_WHY_SIZE] = "";

	store_close(f->s);
	assert_int_equal(store_open(&f->s, f->dir, f->keys, why), 0);
}

/* ---- short forms ---- */

/* What a test does not name is left out of its request. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct given {
	enum manager_type type;
	const char *key, *value, *description;
	enum scope scope;
	const struct id *at;
	bool auto_link;
	const struct id *link[3]; /* with .override below */
	const char *override[3];  /* NULL: not given; "": given and empty */
	const struct id *exclude[3];
	bool auto_link_projects;
};

static enum scope
scope_of(const struct fixture *f, const struct id *entity)
{
	return id_equal(entity, &f->project) ? SCOPE_PROJECT : SCOPE_DEPLOYMENT;
}

static int
ask(struct fixture *f, const struct given *g, struct id *id, bool update, struct store_fault *fault)
{
	struct store_link_request links[3] = { 0 };
	struct store_target excludes[3] = { 0 };
	struct store_object_request q = { .type = g->type,
		.key = span_of(g->key),
		.scope = g->scope,
		.value = span_of(g->value),
		.description = span_of(g->description),
		.auto_link = g->auto_link,
		.auto_link_projects = g->auto_link_projects,
		.links = links,
		.excludes = excludes };

	if (g->at)
		q.scope_id = *g->at;
	for (size_t i = 0; i < 3 && g->link[i]; i++, q.n_links++) {
		links[i].scope = scope_of(f, g->link[i]);
		links[i].entity = *g->link[i];
		links[i].override.given = g->override[i] != NULL;
		if (g->override[i] && g->override[i][0])
			links[i].override.fields = span_of(g->override[i]);
	}
	for (size_t i = 0; i < 3 && g->exclude[i]; i++, q.n_excludes++)
		excludes[i] = (struct store_target){ scope_of(f, g->exclude[i]), *g->exclude[i] };
	return update ? store_object_update(f->s, id, &q, &nobody, fault)
		      : store_object_create(f->s, &q, &nobody, id, fault);
}

#define CREATE(f, id, ...)                                                                         \
	ask((f), &(struct given){ __VA_ARGS__ }, (id), false, &(struct store_fault){ 0 })
#define UPDATE(f, id, ...)                                                                         \
	ask((f), &(struct given){ __VA_ARGS__ }, (id), true, &(struct store_fault){ 0 })

static void
get(struct fixture *f, const struct id *id, struct store_object *o)
{
	assert_int_equal(store_object_get(f->s, id, f->h, o), 0);
}

/* The rows of a query as "key=value key=value ..."; a linked row's key has a '>' before it. */
static void
assert_list(struct fixture *f, const struct store_query *q, int64_t want_total, const char *want)
{
	struct buf out = BUF_INIT(65536);
	struct store_cursor *c;
	struct store_object o;
	uint64_t number, now;
	int64_t total;
	int r;

	assert_int_equal(store_list(f->s, q, &c, &total, &number), 0);
	while ((r = store_list_next(c, &o)) == 1) {
		struct span v = { o.value.p + 10, o.value.n - 10 }; /* behind {"value":" */

		buf_addf(&out, "%s%s%.*s=%.*s", out.len ? " " : "", o.resolved_link ? ">" : "",
		    (int)o.key.n, o.key.p, (int)(strchr(v.p, '"') - v.p), v.p);
	}
	assert_int_equal(r, 0);
	store_list_close(c);
	assert_string_equal(buf_str(&out), want);
	assert_int_equal(total, want_total);
	assert_int_equal(store_view_number(f->s, q, &now), 0);
	assert_int_equal(number, now);
	buf_fini(&out);
}

#define VIEW(d)                                                                                    \
	((struct store_query){ SCOPE_DEPLOYMENT, (d), true, .types = STORE_ALL_TYPES, .limit = -1 })
#define V(x) "{\"value\":\"" x "\",\"isSecret\":false}"

/* ---- tests ---- */

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
	assert_int_equal(store_object_delete(f->s, &id, &nobody), 0);
	assert_int_equal(store_object_delete(f->s, &id, &nobody), STORE_NOT_FOUND);
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
	assert_int_equal(ask(f, &g, &id, false, &fault), STORE_NO_ENTITY);
	assert_int_equal(fault.part, FAULT_SCOPE);
	g.at = &f->dep[0]; /* a Deployment is no Workspace */
	assert_int_equal(ask(f, &g, &id, false, &fault), STORE_NO_ENTITY);
	g.at = &f->ws;
	g.link[0] = &f->dep[0];
	g.link[1] = &f->far;
	assert_int_equal(ask(f, &g, &id, false, &fault), STORE_NO_ENTITY);
	assert_int_equal(fault.part, FAULT_LINK);
	assert_int_equal(fault.index, 1);
	g.link[1] = NULL;
	g.exclude[0] = &nowhere;
	assert_int_equal(ask(f, &g, &id, false, &fault), STORE_NO_ENTITY);
	assert_int_equal(fault.part, FAULT_EXCLUDE);
	assert_int_equal(fault.index, 0);
	g.exclude[0] = NULL;
	/* Nothing of the refused ones is there. */
	assert_list(f, &VIEW(f->dep[0]), 0, "");
	assert_int_equal(ask(f, &g, &id, false, &fault), 0);
	g.link[0] = &f->far;
	assert_int_equal(ask(f, &g, &id, true, &fault), STORE_NO_ENTITY);
	assert_list(f, &VIEW(f->dep[0]), 1, ">k=1");
	/* Only a Workspace object can be linked. */
	g = (struct given){ VAR, "d", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0], false,
		{ &f->dep[1] } };
	assert_int_equal(ask(f, &g, &id, false, &fault), STORE_NO_ENTITY);
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
	/* No description: that link's overrides are kept; the other link is gone, the rest cleared. */
	assert_int_equal(
	    UPDATE(f, &id, CONN, NULL, "{\"type\":\"x\"}", NULL, .link = { &f->dep[0] }), 0);
	get(f, &id, &o);
	assert_span(o.value, "{\"type\":\"x\",\"password\":\"p\"}");
	assert_span(o.description, "said");
	assert_false(o.auto_link);
	assert_int_equal(o.n_links, 1);
	assert_span(o.links[0].override, "{\"password\":\"q\"}");
	assert_int_equal(o.n_excludes, 0);
	/* A link that comes back starts without overrides. */
	assert_int_equal(UPDATE(f, &id, CONN, NULL, "{\"type\":\"x\"}", NULL,
			     .link = { &f->dep[1], &f->dep[0] }),
	    0);
	get(f, &id, &o);
	assert_true(id_equal(&o.links[0].entity, &f->dep[1]));
	assert_span(o.links[0].override, "{}");
	assert_span(o.links[1].override, "{\"password\":\"q\"}");
	/* With a description the whole object is stated. */
	assert_int_equal(
	    UPDATE(f, &id, CONN, NULL, "{\"type\":\"x\"}", "", .link = { &f->dep[0] }), 0);
	get(f, &id, &o);
	assert_span(o.description, "");
	assert_span(o.links[0].override, "{}");
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
	/* An exclusion takes it away; a link wins over an exclusion. */
	assert_int_equal(store_object_exclude(f->s, &automatic, &b, &nobody), 0);
	assert_int_equal(store_object_exclude(f->s, &automatic, &b, &nobody), 0);
	assert_list(f, &VIEW(f->dep[1]), 1, ">own=4");
	assert_int_equal(store_object_exclude(f->s, &explicit,
			     &(struct store_target){ SCOPE_DEPLOYMENT, f->dep[0] }, &nobody),
	    0);
	assert_list(f, &VIEW(f->dep[0]), 3, ">auto=3 >link=2a own=1");
	assert_int_equal(store_object_exclude(f->s, &own, &b, &nobody), STORE_NO_ENTITY);
	assert_int_equal(store_object_exclude(f->s, &automatic,
			     &(struct store_target){ SCOPE_DEPLOYMENT, f->far }, &nobody),
	    STORE_NO_ENTITY);
	assert_int_equal(store_object_exclude(f->s, &f->ws, &b, &nobody), STORE_NOT_FOUND);
	/* Gone with the own object, the linked one of that key shows. */
	assert_int_equal(store_object_delete(f->s, &own, &nobody), 0);
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
	uint64_t number, number_later;
	int64_t total;
	struct id a, b;

	assert_int_equal(CREATE(f, &a, VAR, "a", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(CREATE(f, &b, VAR, "b", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(store_list(f->s, &q, &c, &total, &number), 0);
	assert_int_equal(store_list_next(c, &o), 1);
	assert_int_equal(UPDATE(f, &b, VAR, NULL, V("2"), NULL), 0);
	assert_int_equal(store_list(f->s, &q, &later, &total, &number_later), 0);
	assert_true(number_later > number);
	assert_int_equal(store_list_next(c, &o), 1);
	assert_span(o.value, V("1"));
	assert_int_equal(store_list_next(c, &o), 0);
	assert_int_equal(store_list_next(later, &o), 1);
	assert_int_equal(store_list_next(later, &o), 1);
	assert_span(o.value, V("2"));
	store_tidy(f->s); /* can not, and must not wait */
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
	uint64_t number;
	int64_t total;
	size_t n = 0;
	struct id id;

	/* As many as one likes of one instant, few of different ones. */
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(store_list(f->s, &q, &c[n++], &total, &number), 0);
	for (int i = 0; n < N_ELEMENTS(c); i++) {
		char key[8];

		snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(
		    CREATE(f, &id, VAR, key, V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
		if (store_list(f->s, &q, &c[n], &total, &number) == -EBUSY)
			break;
		n++;
	}
	assert_true(n < N_ELEMENTS(c));
	assert_null(c[n]);
	while (n)
		store_list_close(c[--n]);
	assert_int_equal(store_list(f->s, &q, &c[0], &total, &number), 0);
	store_list_close(c[0]);
}

static uint64_t
number_of(struct fixture *f, enum scope scope, struct id id, unsigned types, bool whole)
{
	struct store_query q = { scope, id, .types = types, .whole_workspace = whole };
	uint64_t n;

	assert_int_equal(store_view_number(f->s, &q, &n), 0);
	return n;
}

/* The view numbers that moved since the last call, as letters. */
static const char *
moved(struct fixture *f)
{
	uint64_t *was = f->numbers;
	static char out[10];
	uint64_t now[9] = {
		number_of(f, SCOPE_ORGANIZATION, f->org, STORE_ALL_TYPES, false),
		number_of(f, SCOPE_WORKSPACE, f->ws, STORE_ALL_TYPES, false),
		number_of(f, SCOPE_WORKSPACE, f->ws, STORE_ALL_TYPES, true),
		number_of(f, SCOPE_DEPLOYMENT, f->dep[0], 1U << VAR, false),
		number_of(f, SCOPE_DEPLOYMENT, f->dep[1], 1U << VAR, false),
		number_of(f, SCOPE_DEPLOYMENT, f->dep[2], 1U << VAR, false),
		number_of(f, SCOPE_DEPLOYMENT, f->dep[0], 1U << CONN, false),
		number_of(f, SCOPE_WORKSPACE, f->ws2, STORE_ALL_TYPES, true),
		number_of(f, SCOPE_DEPLOYMENT, f->far, STORE_ALL_TYPES, false),
	};
	size_t n = 0;

	for (size_t i = 0; i < N_ELEMENTS(now); i++) {
		assert_true(now[i] >= was[i]);
		if (now[i] != was[i])
			out[n++] = "OWwabcAXf"[i];
		was[i] = now[i];
	}
	out[n] = '\0';
	return out;
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
	/* Restricted to another Deployment: both notice. */
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL, .link = { &f->dep[2] }), 0);
	assert_string_equal(moved(f), "OWwbc");
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL, .auto_link = true), 0);
	assert_string_equal(moved(f), "OWwabc");
	assert_int_equal(store_object_exclude(f->s, &id, &a, &nobody), 0);
	assert_string_equal(moved(f), "OWwabc");
	assert_int_equal(
	    UPDATE(f, &id, VAR, NULL, V("1"), NULL, .auto_link = true, .exclude = { &f->dep[0] }),
	    0);
	assert_string_equal(moved(f), "OWwbc");
	assert_int_equal(store_object_delete(f->s, &id, &nobody), 0);
	assert_string_equal(moved(f), "OWwbc");
	/* What failed moved nothing. */
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
	assert_int_equal(store_object_delete(f->s, &id, &nobody), 0);
	assert_int_equal(f->n_events, 1);
}

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

static int
note_audit(void *arg, const struct store_audit *a)
{
	struct buf *b = arg;

	buf_addf(b, "%s%s %.*s %d%s %.*s %.*s", b->len ? "; " : "", audit_action_name(a->action),
	    (int)a->key.n, a->key.p, (int)a->version, a->restorable ? "+" : "", (int)a->fields.n,
	    a->fields.p, (int)a->by.name.n, a->by.name.p);
	return 0;
}

static void
assert_audit(struct fixture *f, const struct id *subject, const char *want)
{
	struct store_audit_query q = { .organization = f->org, .limit = -1 };
	struct buf out = BUF_INIT(65536);
	int64_t total;

	if (subject)
		q.subject = *subject;
	assert_int_equal(store_audit_list(f->s, &q, note_audit, &out, &total), 0);
	assert_string_equal(buf_str(&out), want);
	buf_fini(&out);
}

static void
assert_said(struct fixture *f, enum scope scope, const struct id *id, const char *description,
    bool cicd_enforced)
{
	struct store_entity e;

	for (int i = 0; i < 2; i++) { /* the second time from memory */
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
	/* A Deployment begins as its Workspace has it, unless it is told. */
	dep = test_place(f->s, SCOPE_DEPLOYMENT, &ws, "begins");
	assert_said(f, SCOPE_DEPLOYMENT, &dep, NULL, true);
	set.cicd_enforced = false;
	assert_int_equal(store_entity_create(f->s, SCOPE_DEPLOYMENT, &ws, &set, &nobody, &dep), 0);
	assert_said(f, SCOPE_DEPLOYMENT, &dep, "what for", false);
	assert_int_equal(store_entity_create(f->s, SCOPE_PROJECT, &ws, &set, &nobody, &project), 0);
	assert_said(f, SCOPE_PROJECT, &project, "what for", false);
	/* What is not told stays. */
	set = (struct store_entity_set){ .has_cicd = true, .cicd_enforced = true };
	assert_int_equal(store_entity_update(f->s, SCOPE_DEPLOYMENT, &dep, &set, &nobody), 0);
	assert_said(f, SCOPE_DEPLOYMENT, &dep, "what for", true);
	set = (struct store_entity_set){ .description = SPAN_LITERAL("") };
	assert_int_equal(store_entity_update(f->s, SCOPE_DEPLOYMENT, &dep, &set, &nobody), 0);
	assert_said(f, SCOPE_DEPLOYMENT, &dep, "", true);
	assert_int_equal(store_entity_update(f->s, SCOPE_PROJECT, &project, &set, &nobody), 0);
	assert_int_equal(
	    store_entity_update(f->s, SCOPE_PROJECT, &dep, &set, &nobody), STORE_NOT_FOUND);
	/* The longest there may be, beside its name and its Workspace's. */
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
	for (int i = 0; i < 2; i++) /* the second time nothing is another */
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

/* What is done next has a later time than what was. */
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

/* ---- projects ---- */

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
	/* the project's own wins over all, and a linked one over the Deployment's own */
	assert_int_equal(CREATE(f, &own, VAR, "b", V("5"), NULL, SCOPE_PROJECT, &f->project), 0);
	assert_int_equal(CREATE(f, &e, VAR, "c", V("6"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_list(f, &view, 4, ">a=1p b=5 >c=3 >d=4");
	assert_list(f, &VIEW(f->dep[0]), 4, ">a=1d >b=2d c=6 d=4");
	/* excluded from the project, the Deployment's own shows */
	assert_int_equal(UPDATE(f, &c, VAR, NULL, V("3"), NULL, .auto_link_projects = true,
			     .exclude = { &f->project }),
	    0);
	assert_list(f, &view, 4, ">a=1p b=5 >c=6 >d=4");
	/* a Workspace with a project is not empty; the project goes alone */
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
	uint64_t n, was;

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
a_promoted_object_stays_linked_to_its_origin(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id id, taken;

	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), "said", SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(CREATE(f, &taken, VAR, "k", V("2"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(store_object_promote(f->s, &id, &nobody), STORE_CONFLICT);
	assert_int_equal(store_object_promote(f->s, &taken, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_delete(f->s, &taken, &nobody), 0);
	moved(f);
	assert_int_equal(store_object_promote(f->s, &id, &nobody), 0);
	assert_string_equal(moved(f), "OWwa");
	get(f, &id, &o);
	assert_int_equal(o.scope, SCOPE_WORKSPACE);
	assert_true(id_equal(&o.scope_id, &f->ws));
	assert_span(o.description, "said");
	assert_int_equal(o.n_links, 1);
	assert_true(id_equal(&o.links[0].entity, &f->dep[0]));
	assert_list(f, &VIEW(f->dep[0]), 1, ">k=1");
	assert_list(f, &VIEW(f->dep[1]), 0, "");
}

/* ---- history ---- */

static void
what_was_done_is_on_record_without_values(void **state)
{
	struct fixture *f = *state;
	struct store_actor jo = { { "" }, SPAN_LITERAL("jo") };
	struct store_target b = { SCOPE_DEPLOYMENT, f->dep[1] };
	struct buf want = BUF_INIT(4096);
	struct id id;

	assert_int_equal(
	    CREATE(f, &id, CONN, "c", "{\"type\":\"x\",\"password\":\"p\",\"extra\":{\"k\":1}}",
		NULL, SCOPE_WORKSPACE, &f->ws, false, { &f->dep[0] }, { "{\"host\":\"h\"}" }),
	    0);
	assert_int_equal(UPDATE(f, &id, CONN, NULL, "{\"type\":\"x\",\"extra\":{\"k\":2,\"l\":1}}",
			     "d", .auto_link = true),
	    0);
	assert_int_equal(store_object_exclude(f->s, &id, &b, &jo), 0);
	assert_int_equal(store_object_delete(f->s, &id, &jo), 0);
	buf_addf(&want,
	    "DELETE c 3+ [] jo; "
	    "EXCLUDE c 3+ [\"excludeLinks.%s\"] jo; "
	    "UPDATE c 2+ "
	    "[\"extra.k\",\"extra.l\",\"description\",\"autoLinkDeployments\",\"links.%s\"] ; "
	    "CREATE c 1+ [\"type\",\"password\",\"extra.k\",\"links.%s\",\"links.%s.host\"] ",
	    f->dep[1].s, f->dep[0].s, f->dep[0].s, f->dep[0].s);
	assert_audit(f, &id, buf_str(&want));
	assert_audit(f, &f->dep[0], "CREATE_ENTITY a 0 [\"name\"] ");
	buf_fini(&want);
}

static void
an_object_goes_back_to_what_it_was(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id id;

	assert_int_equal(
	    CREATE(f, &id, CONN, "c", "{\"type\":\"x\",\"host\":\"h\",\"password\":\"p\"}",
		"first \"one\"", SCOPE_WORKSPACE, &f->ws, true, { &f->dep[0], &f->dep[1] },
		{ "{\"password\":\"q\"}", NULL }, { &f->dep[2] }),
	    0);
	assert_int_equal(
	    UPDATE(f, &id, CONN, NULL, "{\"type\":\"y\",\"password\":\"r\"}", "second"), 0);
	assert_int_equal(store_object_restore(f->s, &id, 9, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_restore(f->s, &f->ws, 1, &nobody), STORE_NOT_FOUND);
	/* One of its Deployments is gone meanwhile. */
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[1], &nobody), 0);
	moved(f);
	assert_int_equal(store_object_restore(f->s, &id, 1, &nobody), 0);
	assert_string_equal(moved(f), "OWwA");
	get(f, &id, &o);
	assert_int_equal(o.version, 3);
	assert_span(o.value, "{\"type\":\"x\",\"host\":\"h\",\"password\":\"p\"}");
	assert_span(o.description, "first \"one\"");
	assert_true(o.auto_link);
	assert_int_equal(o.n_links, 1);
	assert_true(id_equal(&o.links[0].entity, &f->dep[0]));
	assert_span(o.links[0].override, "{\"password\":\"q\"}");
	assert_int_equal(o.n_excludes, 1);
	assert_int_equal(store_object_restore(f->s, &id, 2, &nobody), 0);
	get(f, &id, &o);
	assert_span(o.value, "{\"type\":\"y\",\"password\":\"r\"}");
	assert_int_equal(o.n_links, 0);
	reopen(f);
	assert_int_equal(store_object_restore(f->s, &id, 3, &nobody), 0);
}

static void
a_deleted_object_comes_back(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct place place;
	struct id id, other;

	assert_int_equal(CREATE(f, &id, CONN, "c", "{\"type\":\"x\",\"password\":\"p\"}", "first",
			     SCOPE_WORKSPACE, &f->ws, true, { &f->dep[0], &f->dep[1] },
			     { "{\"password\":\"q\"}", NULL }, { &f->dep[2] }),
	    0);
	assert_int_equal(UPDATE(f, &id, CONN, NULL, "{\"type\":\"y\"}", "second"), 0);
	assert_int_equal(store_object_gone(f->s, &id, &place), STORE_NOT_FOUND);
	assert_int_equal(store_object_revive(f->s, &id, 1, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_delete(f->s, &id, &nobody), 0);
	assert_int_equal(store_object_gone(f->s, &f->ws, &place), STORE_NOT_FOUND);
	assert_int_equal(store_object_gone(f->s, &id, &place), 0);
	assert_true(id_equal(&place.workspace, &f->ws));
	assert_int_equal(store_object_revive(f->s, &id, 3, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[1], &nobody), 0);
	reopen(f);
	moved(f);
	assert_int_equal(store_object_revive(f->s, &id, 1, &nobody), 0);
	assert_string_equal(moved(f), "OWwA");
	get(f, &id, &o);
	assert_int_equal(o.version, 3);
	assert_span(o.key, "c");
	assert_span(o.value, "{\"type\":\"x\",\"password\":\"p\"}");
	assert_span(o.description, "first");
	assert_true(o.auto_link);
	assert_int_equal(o.n_links, 1);
	assert_span(o.links[0].override, "{\"password\":\"q\"}");
	assert_int_equal(o.n_excludes, 1);
	/* Again, and from another's place; then nothing is known of it any more. */
	assert_int_equal(store_object_delete(f->s, &id, &nobody), 0);
	assert_int_equal(
	    CREATE(f, &other, CONN, "c", "{\"type\":\"z\"}", NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(store_object_revive(f->s, &id, 2, &nobody), STORE_CONFLICT);
	assert_int_equal(store_object_delete(f->s, &other, &nobody), 0);
	assert_int_equal(store_object_revive(f->s, &id, 2, &nobody), 0);
	get(f, &id, &o);
	assert_int_equal(o.version, 4);
	assert_span(o.value, "{\"type\":\"y\",\"password\":\"p\"}");
	assert_int_equal(store_object_delete(f->s, &id, &nobody), 0);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX), 0);
	assert_int_equal(store_object_gone(f->s, &id, &place), STORE_NOT_FOUND);
	assert_int_equal(store_object_revive(f->s, &id, 2, &nobody), STORE_NOT_FOUND);
}

/* How many rows of `version` there are, whosever. */
static int
versions(struct fixture *f)
{
	char path[TEST_DIR_SIZE + 16];
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int n;

	(void)snprintf(path, sizeof path, "%s/manager.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, "SELECT count(*) FROM version", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return n;
}

static void
a_version_is_kept_from_the_change_that_ended_it(void **state)
{
	struct fixture *f = *state;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	/* However long ago it was made: it has been changed just now. */
	assert_int_equal(store_audit_prune(f->s, INT64_MAX), 0);
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL), 0);
	assert_int_equal(store_audit_prune(f->s, 1), 0);
	assert_int_equal(versions(f), 2);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX), 0);
	assert_int_equal(versions(f), 1);
	assert_int_equal(store_object_delete(f->s, &id, &nobody), 0);
	assert_int_equal(store_audit_prune(f->s, 1), 0);
	assert_int_equal(versions(f), 1);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX), 0);
	assert_int_equal(versions(f), 0);
}

static void
old_versions_make_room(void **state)
{
	struct fixture *f = *state;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL), 0);
	assert_int_equal(store_object_restore(f->s, &id, 1, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_restore(f->s, &id, 2, &nobody), 0);
	/* Retention: lines and versions go, the present one stays. */
	assert_int_equal(store_audit_prune(f->s, INT64_MAX), 0);
	assert_audit(f, NULL, "");
	assert_int_equal(store_object_restore(f->s, &id, 51, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_restore(f->s, &id, 52, &nobody), 0);
}

static void
a_read_is_noted_once_a_token_view_and_state(void **state)
{
	struct fixture *f = *state;
	struct store_actor jo = { { "" }, SPAN_LITERAL("jo") };
	struct store_query q = VIEW(f->dep[0]);
	struct store_object o;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX), 0);
	for (int i = 0; i < 1000; i++)
		store_audit_read(f->s, &jo, &q, NULL, 7, true);
	assert_audit(f, NULL, "READ_SECRETS  0 [] jo");
	store_audit_read(f->s, &jo, &q, NULL, 7, true);
	store_audit_read(f->s, &jo, &q, NULL, 8, true);
	store_audit_read(f->s, &jo, &q, NULL, 8, false);
	get(f, &id, &o);
	store_audit_read(f->s, &jo, NULL, &o, 8, false);
	store_audit_read(f->s, &jo, NULL, &o, 8, false);
	assert_audit(f, &id, "READ v 1+ [] jo");
	assert_audit(f, NULL,
	    "READ v 1+ [] jo; READ  0 [] jo; READ_SECRETS  0 [] jo; READ_SECRETS  0 [] jo");
	/* More than wait at one time are written; what waits when it closes too. */
	for (uint64_t i = 0; i < 1500; i++)
		store_audit_read(f->s, &jo, NULL, &o, 1000 + i, false);
	reopen(f);
	{
		struct store_audit_query all = {
			.organization = f->org, .subject = id, .limit = 0
		};
		int64_t total;

		assert_int_equal(store_audit_list(f->s, &all, note_audit, NULL, &total), 0);
		assert_int_equal(total, 1501);
	}
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

/* Whether any file of the directory holds these bytes. */
static bool
on_disk(const char *dir, const char *needle)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	assert_non_null(d);
	while ((e = readdir(d)) && !found) {
		struct buf b = BUF_INIT(64 << 20);
		char path[400], chunk[4096];
		ssize_t n;
		int fd;

		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		fd = open(path, O_RDONLY);
		while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
			buf_add(&b, chunk, (size_t)n);
		if (fd >= 0)
			close(fd);
		found = b.len && memmem(b.data, b.len, needle, strlen(needle));
		buf_fini(&b);
	}
	closedir(d);
	return found;
}

static void
the_disk_holds_no_value(void **state)
{
	struct fixture *f = *state;
	struct id id;

	assert_int_equal(
	    CREATE(f, &id, CONN, "findkey",
		"{\"type\":\"findtype\",\"host\":\"findhost\",\"password\":\"findpass\"}",
		"finddescription", SCOPE_WORKSPACE, &f->ws, false, { &f->dep[0] },
		{ "{\"login\":\"findlogin\"}" }),
	    0);
	assert_int_equal(store_secret_put(f->s, "seed", SPAN_LITERAL("findsecret")), 0);
	for (int closed = 0; closed < 2; closed++) {
		assert_true(on_disk(f->dir, "findkey")); /* the search itself works */
		assert_false(on_disk(f->dir, "findtype"));
		assert_false(on_disk(f->dir, "findhost"));
		assert_false(on_disk(f->dir, "findpass"));
		assert_false(on_disk(f->dir, "finddescription"));
		assert_false(on_disk(f->dir, "findlogin"));
		assert_false(on_disk(f->dir, "findsecret"));
		reopen(f);
	}
}

static void
secrets_of_the_manager_are_kept_once(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(100);

	assert_int_equal(store_secret_get(f->s, "seed", &b), STORE_NOT_FOUND);
	assert_int_equal(store_secret_put(f->s, "seed", SPAN_LITERAL("abc")), 0);
	assert_int_equal(store_secret_put(f->s, "seed", SPAN_LITERAL("def")), STORE_CONFLICT);
	assert_int_equal(store_secret_get(f->s, "seed", &b), 0);
	assert_string_equal(buf_str(&b), "abc");
	buf_fini(&b);
}

static void
opening_says_why_not(void **state)
{
	struct fixture *f = *state;
	uint8_t other[SEAL_KEY_SIZE] = { 9 };
	char why[STORE_WHY_SIZE], epoch[20];
	struct keys *wrong = keys_from_bytes(other);
	struct store *s = NULL;

	assert_int_equal(store_open(&s, f->dir, f->keys, why), -EBUSY);
	assert_non_null(strstr(why, "another"));
	assert_int_equal(store_create(&s, f->dir, f->keys, why), -EBUSY);
	snprintf(epoch, sizeof epoch, "%s", store_epoch(f->s));
	assert_int_equal(strlen(epoch), 16);
	store_close(f->s);
	assert_int_equal(store_create(&s, f->dir, f->keys, why), -EEXIST);
	assert_int_equal(store_open(&s, f->dir, wrong, why), -EKEYREJECTED);
	assert_non_null(strstr(why, "key"));
	assert_int_equal(store_open(&s, "/nonexistent/dir", f->keys, why), -ENOENT);
	assert_int_equal(store_open(&f->s, f->dir, f->keys, why), 0);
	assert_string_equal(store_epoch(f->s), epoch);
	keys_free(wrong);
}

/*
 * A child writes and is killed at a random instant; what it said was done is there, whole, and the
 * store opens.
 */
static void
a_kill_loses_nothing_that_was_acknowledged(void **state)
{
	struct fixture *f = *state;
	char why[STORE_WHY_SIZE];
	struct id id;
	long acked = 0;

	assert_int_equal(CREATE(f, &id, VAR, "counter", V("0"), NULL, SCOPE_WORKSPACE, &f->ws,
			     false, { &f->dep[0] }, { "{\"value\":\"0\"}" }),
	    0);
	store_close(f->s);
	f->s = NULL;
	for (int round = 0; round < 10; round++) {
		int fds[2], status;
		struct store_object o;
		char value[64], line[64];
		long at;
		pid_t pid;
		FILE *in;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			if (store_open(&f->s, f->dir, f->keys, why) != 0)
				_exit(2);
			for (long i = acked + 1;; i++) {
				snprintf(value, sizeof value,
				    "{\"value\":\"%ld\",\"isSecret\":false}", i);
				snprintf(line, sizeof line, "{\"value\":\"%ld\"}", i);
				if (UPDATE(f, &id, VAR, NULL, value, NULL, .link = { &f->dep[0] },
					.override = { line }) != 0)
					_exit(3);
				if (dprintf(fds[1], "%ld\n", i) < 0)
					_exit(4);
			}
		}
		close(fds[1]);
		in = fdopen(fds[0], "r");
		for (int lines = 0; lines < 3 + round && fgets(line, sizeof line, in); lines++)
			acked = atol(line);
		kill(pid, SIGKILL);
		while (fgets(line, sizeof line, in))
			acked = atol(line);
		fclose(in);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(store_open(&f->s, f->dir, f->keys, why), 0);
		get(f, &id, &o);
		at = atol(o.value.p + 10);
		assert_true(at == acked || at == acked + 1);
		assert_int_equal(atol(o.links[0].override.p + 10), at); /* never half of it */
		acked = at;
		if (round < 9) {
			store_close(f->s);
			f->s = NULL;
		}
	}
}

static void
out_of_memory_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct id id, extra;
	int r = -ENOMEM;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("1"), NULL, SCOPE_WORKSPACE, &f->ws, false,
			     { &f->dep[0] }, { "{\"value\":\"2\"}" }),
	    0);
	for (int n = 0; r != 0; n++) {
		assert_true(n < 100000);
		mem_fail_after(n);
		r = CREATE(f, &extra, VAR, "w", V("3"), NULL, SCOPE_WORKSPACE, &f->ws, false,
		    { &f->dep[0] }, { "{\"value\":\"4\"}" });
		mem_fail_after(-1);
		assert_true(r == 0 || r < 0);
		assert_list(f, &VIEW(f->dep[0]), r == 0 ? 2 : 1, r == 0 ? ">v=2 >w=4" : ">v=2");
	}
	r = -ENOMEM;
	for (int n = 0; r != 0; n++) {
		assert_true(n < 100000);
		mem_fail_after(n);
		r = UPDATE(f, &id, VAR, NULL, V("5"), NULL, .link = { &f->dep[0] },
		    .override = { "{\"value\":\"6\"}" });
		mem_fail_after(-1);
		assert_list(f, &VIEW(f->dep[0]), 2, r == 0 ? ">v=6 >w=4" : ">v=2 >w=4");
	}
	/* What is kept of places is not what could not be written. */
	r = -ENOMEM;
	for (int n = 0; r != 0; n++) {
		struct store_entity e;

		assert_true(n < 100000);
		mem_fail_after(n);
		r = store_entity_update(f->s, SCOPE_DEPLOYMENT, &f->dep[0], NAMED("new"), &nobody);
		mem_fail_after(-1);
		assert_int_equal(store_entity_get(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &e), 0);
		assert_span(e.name, r == 0 ? "new" : "a");
	}
}

static int
start(void **state)
{
	(void)state;
	return base_init() == 0 && store_global_init() == 0 ? 0 : -1;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_after_a_restart),
		TEST(a_key_is_unique_in_its_scope_and_type),
		TEST(what_a_request_refers_to_must_be_there),
		TEST(an_update_replaces_links_and_keeps_the_description),
		TEST(a_view_is_its_own_and_what_is_linked),
		TEST(lists_filter_sort_and_page),
		TEST(a_list_is_of_one_instant),
		TEST(cursors_are_bounded_and_none_is_lost),
		TEST(numbers_move_for_who_may_see_a_change),
		TEST(watchers_are_told_after_the_commit),
		TEST(entities_have_names_and_parents),
		TEST(what_is_said_of_a_place_is_kept),
		TEST(places_are_listed_in_many_orders),
		TEST(a_project_sees_its_own_its_links_and_its_deployments),
		TEST(a_place_changes_as_a_whole_or_not_at_all),
		TEST(a_projects_number_moves_with_its_deployments),
		TEST(a_promoted_object_stays_linked_to_its_origin),
		TEST(what_was_done_is_on_record_without_values),
		TEST(an_object_goes_back_to_what_it_was),
		TEST(a_deleted_object_comes_back),
		TEST(a_version_is_kept_from_the_change_that_ended_it),
		TEST(old_versions_make_room),
		TEST(a_read_is_noted_once_a_token_view_and_state),
		TEST(a_deployment_goes_and_the_workspace_object_stays),
		TEST(values_and_names_may_be_long_but_not_longer),
		TEST(the_disk_holds_no_value),
		TEST(secrets_of_the_manager_are_kept_once),
		TEST(opening_says_why_not),
		TEST(a_kill_loses_nothing_that_was_acknowledged),
		TEST(out_of_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
