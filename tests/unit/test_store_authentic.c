/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that decide access cannot be edited in the file: a row whose MAC does not verify counts as
 * absent and is named in one log line; other rows are served.
 */
#include "base/why.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "manager/api/token.h"
#include "manager/store/history.h"

static int
look(struct fixture *f, const struct id *id)
{
	struct store_object o;

	return store_object_get(f->s, id, f->h, &o);
}

#define WORKSPACE_LIST(f)                                                                          \
	((struct store_query){ SCOPE_WORKSPACE, (f)->ws, .types = STORE_ALL_TYPES, .limit = -1 })

/* ---- objects ---- */

/* Three objects of the Workspace: linked to a and b, to all but c, and to none. */
static void
make_objects(struct fixture *f, struct id *linked, struct id *automatic, struct id *closed)
{
	assert_int_equal(CREATE(f, linked, VAR, "linked", V("1"), NULL, SCOPE_WORKSPACE, &f->ws,
			     false, { &f->dep[0], &f->dep[1] }, { "{\"value\":\"1a\"}" }),
	    0);
	assert_int_equal(CREATE(f, automatic, VAR, "auto", V("2"), NULL, SCOPE_WORKSPACE, &f->ws,
			     true, { NULL }, { NULL }, { &f->dep[2] }),
	    0);
	assert_int_equal(
	    CREATE(f, closed, VAR, "closed", V("3"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
}

/* Each edit would give a Deployment a foreign object, or other content under its key. */
static void
an_edited_object_is_absent_and_the_others_are_served(void **state)
{
	static const struct {
		const char *sql, *in_a, *left; /* an edit, and what a and the Workspace then have */
		int64_t n_in_a, n;
	} edits[] = {
		{ "INSERT INTO link VALUES ((SELECT n FROM object WHERE key = 'closed'), "
		  "(SELECT id FROM deployment WHERE name = 'a'), 'DEPLOYMENT', 0, 1, NULL)",
		    ">auto=2 >linked=1a", "auto=2 linked=1", 2, 2 },
		{ "UPDATE object SET auto_link = 1 WHERE key = 'closed'", ">auto=2 >linked=1a",
		    "auto=2 linked=1", 2, 2 },
		{ "UPDATE object SET scope = 'DEPLOYMENT', scope_id = (SELECT id FROM deployment "
		  "WHERE name = 'a') WHERE key = 'closed'",
		    ">auto=2 >linked=1a", "auto=2 linked=1", 2, 2 },
		{ "UPDATE link SET entity_id = (SELECT id FROM deployment WHERE name = 'c') "
		  "WHERE entity_id = (SELECT id FROM deployment WHERE name = 'b')",
		    ">auto=2", "auto=2 closed=3", 1, 2 },
		{ "DELETE FROM exclusion", ">linked=1a", "closed=3 linked=1", 1, 2 },
		{ "UPDATE object SET key = 'pg' WHERE key = 'closed'", ">auto=2 >linked=1a",
		    "auto=2 linked=1", 2, 2 },
		{ "UPDATE object SET key = 'closed2' WHERE key = 'closed'; UPDATE object SET "
		  "key = 'closed' WHERE key = 'auto'",
		    ">linked=1a", "linked=1", 1, 1 },
		{ "UPDATE link SET sealed = NULL WHERE sealed IS NOT NULL", ">auto=2",
		    "auto=2 closed=3", 1, 2 },
		{ "UPDATE object SET workspace_id = (SELECT id FROM workspace WHERE name = "
		  "'other'), scope_id = (SELECT id FROM workspace WHERE name = 'other') "
		  "WHERE key = 'closed'",
		    ">auto=2 >linked=1a", "auto=2 linked=1", 2, 2 },
		{ "UPDATE object SET mac = (SELECT mac FROM object WHERE key = 'auto') "
		  "WHERE key = 'closed'",
		    ">auto=2 >linked=1a", "auto=2 linked=1", 2, 2 },
		{ "UPDATE object SET type = 'NONSENSE' WHERE key = 'closed'", ">auto=2 >linked=1a",
		    "auto=2 linked=1", 2, 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(edits); i++) {
		struct id linked, automatic, closed;
		void *made = NULL;
		struct fixture *f;

		assert_int_equal(store_set_up(&made), 0);
		f = made;
		make_objects(f, &linked, &automatic, &closed);
		assert_list(f, &VIEW(f->dep[0]), 2, ">auto=2 >linked=1a");
		print_message("%s\n", edits[i].sql);
		edit(f, edits[i].sql);
		for (int again = 0; again < 2; again++) { /* logged only once */
			assert_list(f, &VIEW(f->dep[0]), edits[i].n_in_a, edits[i].in_a);
			assert_list(f, &WORKSPACE_LIST(f), edits[i].n, edits[i].left);
		}
		assert_int_equal(store_tear_down(&made), 0);
	}
}

static void
an_absent_object_is_in_nobodys_way(void **state)
{
	struct fixture *f = *state;
	struct store_version before, after;
	struct id own, linked, again;
	struct store_object o;

	assert_int_equal(CREATE(f, &own, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(
	    CREATE(f, &linked, VAR, "k", V("2"), NULL, SCOPE_WORKSPACE, &f->ws, true), 0);
	assert_list(f, &VIEW(f->dep[0]), 1, "k=1");
	edit(f, "UPDATE object SET key = 'k2' WHERE scope = 'DEPLOYMENT'; "
		"UPDATE object SET key = 'k' WHERE key = 'k2'; "
		"UPDATE object SET auto_link_projects = 1 WHERE scope = 'DEPLOYMENT'");
	before = version_of(f, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false);
	assert_int_equal(look(f, &own), STORE_NOT_FOUND);
	/* The hidden object becomes visible; the version differs, so that clients fetch it. */
	after = version_of(f, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false);
	assert_false(store_version_equal(&before, &after));
	assert_list(f, &VIEW(f->dep[0]), 1, ">k=2");
	assert_int_equal(UPDATE(f, &own, VAR, NULL, V("3"), NULL), STORE_NOT_FOUND);
	assert_int_equal(store_object_delete(f->s, &own, NULL, &nobody), STORE_NOT_FOUND);
	/* Its key can be used again. */
	assert_int_equal(
	    CREATE(f, &again, VAR, "k", V("4"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_list(f, &VIEW(f->dep[0]), 1, "k=4");
	get(f, &again, &o);
	assert_int_equal(look(f, &own), STORE_NOT_FOUND);
}

static void
an_edited_object_is_not_authenticated_by_a_later_change(void **state)
{
	struct fixture *f = *state;
	struct id linked, automatic, closed;

	make_objects(f, &linked, &automatic, &closed);
	edit(f, "INSERT INTO link VALUES ((SELECT n FROM object WHERE key = 'closed'), "
		"(SELECT id FROM deployment WHERE name = 'a'), 'DEPLOYMENT', 0, 1, NULL), "
		"((SELECT n FROM object WHERE key = 'closed'), "
		"(SELECT id FROM deployment WHERE name = 'b'), 'DEPLOYMENT', 0, 1, NULL)");
	/* Deleting b removes the link to b, which would write the object again. */
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[1], &nobody), 0);
	assert_list(f, &VIEW(f->dep[0]), 2, ">auto=2 >linked=1a");
	reopen(f);
	assert_list(f, &VIEW(f->dep[0]), 2, ">auto=2 >linked=1a");
}

/* Where a deleted object is restored is not decided by an audit row that does not verify. */
static void
a_deleted_object_comes_back_where_it_was(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct place at;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
	edit(f, "UPDATE audit SET key = 'pg', scope_id = (SELECT id FROM deployment WHERE name = "
		"'b') WHERE action = 'DELETE'");
	assert_int_equal(store_object_gone(f->s, &id, &at), 0);
	assert_true(id_equal(&at.deployment, &f->dep[0]));
	assert_int_equal(store_object_revive(f->s, &id, 1, &nobody), 0);
	get(f, &id, &o);
	assert_span(o.key, "k");
	assert_true(id_equal(&o.scope_id, &f->dep[0]));
}

/* ---- places ---- */

static int
count(void *arg, const struct store_entity *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

static int
places(struct fixture *f, enum scope scope, const struct id *parent, int64_t *total)
{
	int n = 0;

	assert_int_equal(store_entity_list(f->s, scope, parent, 0, -1, count, &n, total), 0);
	return n;
}

static void
an_edited_place_is_absent(void **state)
{
	struct fixture *f = *state;
	struct store_entity e;
	struct id id;
	int64_t total;

	edit(f, "UPDATE deployment SET workspace_id = (SELECT id FROM workspace WHERE name = "
		"'other') WHERE name = 'a'");
	assert_int_equal(store_entity_get(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &e), STORE_NOT_FOUND);
	assert_int_equal(places(f, SCOPE_DEPLOYMENT, &f->ws2, &total), 1);
	assert_int_equal(total, 1);
	assert_int_equal(places(f, SCOPE_DEPLOYMENT, &f->org, &total), 3);
	assert_int_equal(total, 3);
	assert_int_equal(
	    CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), STORE_NO_ENTITY);
	assert_int_equal(
	    CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_WORKSPACE, &f->ws2, false, { &f->dep[0] }),
	    STORE_NO_ENTITY);
}

static void
the_switch_cannot_be_set_in_the_file(void **state)
{
	struct fixture *f = *state;
	struct store_entity e;
	struct id id;

	assert_int_equal(store_organization_set_secrets(f->s, &f->org, false, &nobody), 0);
	edit(f, "UPDATE organization SET secrets_fetching = 1");
	assert_int_equal(store_entity_get(f->s, SCOPE_ORGANIZATION, &f->org, &e), STORE_NOT_FOUND);
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_WORKSPACE, &f->org, NAMED("new"), &nobody, &id),
	    STORE_NO_ENTITY);
}

static void
a_project_sees_no_other_deployment(void **state)
{
	struct fixture *f = *state;
	struct store_query view;
	struct id id;

	f->project = test_place(f->s, SCOPE_PROJECT, &f->ws, "ide");
	view = (struct store_query){ SCOPE_PROJECT, f->project, true, .types = STORE_ALL_TYPES,
		.limit = -1 };
	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	edit(f, "UPDATE project SET deployment_id = (SELECT id FROM deployment WHERE name = 'a')");
	assert_list(f, &view, 0, "");
}

/* The MAC of its project still verifies. */
static void
a_deployment_leaves_its_projects(void **state)
{
	struct fixture *f = *state;
	struct store_entity_set set = { .deployment = &f->dep[0] };
	struct store_entity e;

	f->project = test_place(f->s, SCOPE_PROJECT, &f->ws, "ide");
	assert_int_equal(store_entity_update(f->s, SCOPE_PROJECT, &f->project, &set, &nobody), 0);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &nobody), 0);
	reopen(f);
	assert_int_equal(store_entity_get(f->s, SCOPE_PROJECT, &f->project, &e), 0);
	assert_true(id_is_none(&e.deployment));
}

/* ---- tokens ---- */

static struct id
issue(struct fixture *f, const char *name, enum role role)
{
	struct token_request q = { .name = span_of(name),
		.scope = SCOPE_DEPLOYMENT,
		.scope_id = f->dep[0],
		.role = role,
		.expires_in_s = 3600 };
	struct buf text = BUF_INIT(4096);
	struct token_authority *a;
	struct id id;

	assert_int_equal(token_authority_new(&a, f->s), 0);
	assert_int_equal(token_issue(a, &q, 1000000, &nobody, &id, &text), 0);
	token_authority_free(a);
	buf_fini(&text);
	return id;
}

static int
count_token(void *arg, const struct store_token *t)
{
	(void)t;
	++*(int *)arg;
	return 0;
}

static void
an_edited_token_is_absent(void **state)
{
	static const char *const edits[] = {
		"UPDATE token SET role = 'OWNER' WHERE name = 'member'",
		"UPDATE token SET scope = 'ORGANIZATION', scope_id = organization_id "
		"WHERE name = 'member'",
		"UPDATE token SET scope_id = (SELECT id FROM deployment WHERE name = 'b') "
		"WHERE name = 'member'",
		"UPDATE token SET expires_ms = 0 WHERE name = 'member'",
		"UPDATE token SET family = (SELECT id FROM token WHERE name = 'owner') "
		"WHERE name = 'member'",
		"UPDATE token SET family_expires_ms = 0 WHERE name = 'member'",
		"UPDATE token SET role = 'NONSENSE' WHERE name = 'member'",
		/* gives a member's token the row of an owner */
		"CREATE TABLE kept AS SELECT jti_hash FROM token WHERE name = 'member'; "
		"UPDATE token SET jti_hash = mac WHERE name = 'member'; "
		"UPDATE token SET jti_hash = (SELECT jti_hash FROM kept) WHERE name = 'owner'",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(edits); i++) {
		struct place all = { { "" }, { "" }, { "" }, { "" } };
		struct id member, owner;
		struct store_token t;
		void *made = NULL;
		struct fixture *f;
		int64_t total;
		int n = 0;

		assert_int_equal(store_set_up(&made), 0);
		f = made;
		member = issue(f, "member", ROLE_MEMBER);
		owner = issue(f, "owner", ROLE_OWNER);
		print_message("%s\n", edits[i]);
		edit(f, edits[i]);
		assert_int_equal(store_token_get(f->s, &member, &t), STORE_NOT_FOUND);
		assert_int_equal(store_token_get(f->s, &owner, &t),
		    strstr(edits[i], "jti_hash = mac") ? STORE_NOT_FOUND : 0);
		all.organization = f->org;
		assert_int_equal(store_token_list(f->s, &all, 0, -1, count_token, &n, &total), 0);
		assert_int_equal(n, strstr(edits[i], "jti_hash = mac") ? 0 : 1);
		assert_int_equal(total, n);
		assert_int_equal(store_token_revoke(f->s, &member, 1000, &nobody), STORE_NOT_FOUND);
		assert_int_equal(store_tear_down(&made), 0);
	}
}

/* ---- the key of the MACs ---- */

static void
without_the_key_of_the_macs_nothing_opens(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };

	f->s = store_close(f->s);
	edit_closed(f, "DELETE FROM secret WHERE name = 'row-mac'");
	assert_int_equal(store_open(&f->s, f->where, f->keys, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "MACs"));
	assert_non_null(strstr(why.text, "backup"));
}

static void
macs_outlive_a_change_of_the_key(void **state)
{
	struct fixture *f = *state;
	struct id linked, automatic, closed;
	char path[TEST_DIR_SIZE + 16];
	struct why why = { "" };
	uint8_t key[SEAL_KEY_SIZE] = { 77 };

	make_objects(f, &linked, &automatic, &closed);
	(void)snprintf(path, sizeof path, "%s/new.key", f->dir);
	assert_int_equal(file_create(path, key, sizeof key, &why), 0);
	assert_int_equal(keys_rotate(f->keys, path, &why), 0);
	assert_int_equal(store_rewrap(f->s), 0);
	reopen(f);
	assert_list(f, &VIEW(f->dep[0]), 2, ">auto=2 >linked=1a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edited_object_is_absent_and_the_others_are_served),
		STORE_TEST(an_absent_object_is_in_nobodys_way),
		STORE_TEST(an_edited_object_is_not_authenticated_by_a_later_change),
		STORE_TEST(a_deleted_object_comes_back_where_it_was),
		STORE_TEST(an_edited_place_is_absent),
		STORE_TEST(the_switch_cannot_be_set_in_the_file),
		STORE_TEST(a_project_sees_no_other_deployment),
		STORE_TEST(a_deployment_leaves_its_projects),
		cmocka_unit_test(an_edited_token_is_absent),
		STORE_TEST(without_the_key_of_the_macs_nothing_opens),
		STORE_TEST(macs_outlive_a_change_of_the_key),
	};

	return store_run(tests, N_ELEMENTS(tests));
}
