/* SPDX-License-Identifier: Apache-2.0 */
/* History and the audit log, through store.h, except one query of a table. */
#include "tests/unit/store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "manager/store/history.h"

static int
prune_audit(struct fixture *f, int64_t before_ms)
{
	struct store_pruned some;

	return store_audit_prune(f->s, before_ms, 1000000, &some);
}

static void
a_promoted_object_stays_linked_to_its_origin(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id id, taken;

	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), "said", SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(CREATE(f, &taken, VAR, "k", V("2"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(store_object_promote(f->s, &id, NULL, &nobody), STORE_CONFLICT);
	assert_int_equal(store_object_promote(f->s, &taken, NULL, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_delete(f->s, &taken, NULL, &nobody), 0);
	moved(f);
	assert_int_equal(store_object_promote(f->s, &id, NULL, &nobody), 0);
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

static void
what_was_done_is_on_record_without_values(void **state)
{
	struct fixture *f = *state;
	struct store_actor jo = { .name = SPAN_LITERAL("jo") };
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
	assert_int_equal(store_object_exclude(f->s, &id, &b, NULL, &jo), 0);
	assert_int_equal(store_object_delete(f->s, &id, NULL, &jo), 0);
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

static int
occurrences(const char *text, const char *part)
{
	int n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text++;
	}
	return n;
}

/* Rows that are added while pages are read change neither what follows nor what is repeated. */
static void
pages_of_the_audit_log_follow_each_other(void **state)
{
	struct fixture *f = *state;
	struct store_audit_query q = { .organization = f->org, .limit = 2 };
	struct buf out = BUF_INIT(65536);
	int64_t total;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "k", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	q.subject = id;
	for (int i = 0; i < 5; i++)
		assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), i % 2 ? "odd" : "even"), 0);
	for (q.offset = 0; q.offset < 6; q.offset += 2) {
		assert_int_equal(store_audit_list(f->s, &q, note_audit, &out, &total), 0);
		assert_int_equal(total, 6 + q.offset / 2);
		assert_int_equal(UPDATE(f, &id, VAR, NULL, V("2"), "meanwhile"), 0);
	}
	assert_int_equal(occurrences(buf_str(&out), "UPDATE k"), 5);
	assert_int_equal(occurrences(buf_str(&out), "CREATE k 1"), 1);
	q.search = SPAN_LITERAL("another");
	assert_int_equal(store_audit_list(f->s, &q, note_audit, &out, &total), 0);
	assert_int_equal(total, 0);
	q.search = (struct span){ 0 };
	assert_int_equal(store_audit_list(f->s, &q, note_audit, &out, &total), 0);
	assert_int_equal(total, 9);
	buf_fini(&out);
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
	assert_int_equal(store_object_restore(f->s, &id, 9, NULL, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_restore(f->s, &f->ws, 1, NULL, &nobody), STORE_NOT_FOUND);
	/* One of its Deployments has been deleted meanwhile. */
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[1], &nobody), 0);
	moved(f);
	assert_int_equal(store_object_restore(f->s, &id, 1, NULL, &nobody), 0);
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
	assert_int_equal(store_object_restore(f->s, &id, 2, NULL, &nobody), 0);
	get(f, &id, &o);
	assert_span(o.value, "{\"type\":\"y\",\"password\":\"r\"}");
	assert_int_equal(o.n_links, 0);
	reopen(f);
	assert_int_equal(store_object_restore(f->s, &id, 3, NULL, &nobody), 0);
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
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
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
	/* Again, and from another place; then it is no longer known. */
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
	assert_int_equal(
	    CREATE(f, &other, CONN, "c", "{\"type\":\"z\"}", NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(store_object_revive(f->s, &id, 2, &nobody), STORE_CONFLICT);
	assert_int_equal(store_object_delete(f->s, &other, NULL, &nobody), 0);
	assert_int_equal(store_object_revive(f->s, &id, 2, &nobody), 0);
	get(f, &id, &o);
	assert_int_equal(o.version, 4);
	assert_span(o.value, "{\"type\":\"y\",\"password\":\"p\"}");
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
	assert_int_equal(prune_audit(f, INT64_MAX), 0);
	assert_int_equal(store_object_gone(f->s, &id, &place), STORE_NOT_FOUND);
	assert_int_equal(store_object_revive(f->s, &id, 2, &nobody), STORE_NOT_FOUND);
}

static int
versions(struct fixture *f)
{
	return (int)number(f, "SELECT count(*) FROM version");
}

static void
a_version_is_kept_from_the_change_that_ended_it(void **state)
{
	struct fixture *f = *state;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	/* Counts from its last change, not from its creation. */
	assert_int_equal(prune_audit(f, INT64_MAX), 0);
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL), 0);
	assert_int_equal(prune_audit(f, 1), 0);
	assert_int_equal(versions(f), 2);
	assert_int_equal(prune_audit(f, INT64_MAX), 0);
	assert_int_equal(versions(f), 1);
	assert_int_equal(store_object_delete(f->s, &id, NULL, &nobody), 0);
	assert_int_equal(prune_audit(f, 1), 0);
	assert_int_equal(versions(f), 1);
	assert_int_equal(prune_audit(f, INT64_MAX), 0);
	assert_int_equal(versions(f), 0);
}

static void
old_records_go_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct store_pruned some;
	int64_t newest;
	struct id id;

	assert_int_equal(prune_audit(f, INT64_MAX), 0);
	assert_int_equal(store_newest_record(f->s, &newest), 0);
	assert_int_equal(newest, 0);
	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	for (int i = 0; i < 9; i++)
		assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL), 0);
	assert_int_equal(store_newest_record(f->s, &newest), 0);
	assert_true(newest > clock_wall_ms() - 60000 && newest <= clock_wall_ms());
	/* The first change has no earlier version. */
	assert_int_equal(store_audit_prune(f->s, INT64_MAX, 4, &some), 0);
	assert_int_equal(some.audit, 4);
	assert_int_equal(some.versions, 3);
	assert_int_equal(versions(f), 7);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX, 4, &some), 0);
	assert_int_equal(some.audit, 4);
	assert_int_equal(some.versions, 4);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX, 4, &some), 0);
	assert_int_equal(some.audit, 2);
	assert_int_equal(versions(f), 1);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX, 4, &some), 0);
	assert_int_equal(some.audit + some.versions, 0);
}

static void
old_versions_make_room(void **state)
{
	struct fixture *f = *state;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(UPDATE(f, &id, VAR, NULL, V("1"), NULL), 0);
	assert_int_equal(store_object_restore(f->s, &id, 1, NULL, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_restore(f->s, &id, 2, NULL, &nobody), 0);
	/* Retention: old rows and versions are deleted; the present version stays. */
	assert_int_equal(prune_audit(f, INT64_MAX), 0);
	assert_audit(f, NULL, "");
	assert_int_equal(store_object_restore(f->s, &id, 51, NULL, &nobody), STORE_NOT_FOUND);
	assert_int_equal(store_object_restore(f->s, &id, 52, NULL, &nobody), 0);
}

static void
a_read_is_noted_once_a_token_view_and_state(void **state)
{
	struct fixture *f = *state;
	struct store_actor jo = { .name = SPAN_LITERAL("jo") };
	struct store_query q = VIEW(f->dep[0]);
	struct store_object o;
	struct id id;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	assert_int_equal(prune_audit(f, INT64_MAX), 0);
	for (int i = 0; i < 1000; i++)
		store_audit_read(f->s, &jo, &q, NULL, &(struct store_version){ .number = 7 }, true);
	assert_audit(f, NULL, "READ_SECRETS  0 [] jo");
	store_audit_read(f->s, &jo, &q, NULL, &(struct store_version){ .number = 7 }, true);
	store_audit_read(f->s, &jo, &q, NULL, &(struct store_version){ .number = 8 }, true);
	store_audit_read(f->s, &jo, &q, NULL, &(struct store_version){ .number = 8 }, false);
	get(f, &id, &o);
	store_audit_read(f->s, &jo, NULL, &o, &(struct store_version){ .number = 8 }, false);
	store_audit_read(f->s, &jo, NULL, &o, &(struct store_version){ .number = 8 }, false);
	assert_audit(f, &id, "READ v 1+ [] jo");
	assert_audit(f, NULL,
	    "READ v 1+ [] jo; READ  0 [] jo; READ_SECRETS  0 [] jo; READ_SECRETS  0 [] jo");
	/* More rows than the queue holds are written at once; the rest when the store closes. */
	for (int64_t i = 0; i < 1500; i++) {
		store_new_id(&jo.token);
		store_audit_read(
		    f->s, &jo, NULL, &o, &(struct store_version){ .number = 1000 + i }, false);
	}
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_promoted_object_stays_linked_to_its_origin),
		STORE_TEST(what_was_done_is_on_record_without_values),
		STORE_TEST(pages_of_the_audit_log_follow_each_other),
		STORE_TEST(an_object_goes_back_to_what_it_was),
		STORE_TEST(a_deleted_object_comes_back),
		STORE_TEST(a_version_is_kept_from_the_change_that_ended_it),
		STORE_TEST(old_records_go_in_pieces),
		STORE_TEST(old_versions_make_room),
		STORE_TEST(a_read_is_noted_once_a_token_view_and_state),
	};

	return store_run(tests, N_ELEMENTS(tests));
}
