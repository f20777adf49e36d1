/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "tests/unit/postgres.h"
#include "base/why.h"
#include "manager/store/history.h"

bool store_on_postgres;
const struct store_actor nobody = { .name = { 0 } };
const uint8_t test_kek[SEAL_KEY_SIZE] = { 1, 2, 3 };

int
store_start(void **state)
{
	static bool started;

	(void)state;

	if (!started && (base_init() < 0 || store_global_init() < 0))
		return -1;
	started = true;
	return 0;
}

int
store_run(const struct CMUnitTest *tests, size_t n)
{
	int failed = _cmocka_run_group_tests("on SQLite", tests, n, store_start, NULL);

	store_on_postgres = true;
	return failed + _cmocka_run_group_tests("on PostgreSQL", tests, n, store_start, NULL);
}

void
on_event(void *arg, const struct store_event *e)
{
	struct fixture *f = arg;

	assert_true(f->n_events < N_ELEMENTS(f->events));
	f->events[f->n_events++] = *e;
}

int
store_set_up(void **state)
{
	static const struct id none = { "" };
	struct fixture *f = mem_zalloc(sizeof *f);
	struct why why = { "" };

	assert_non_null(f);
	test_dir_make(f->dir, "test_store");
	f->keys = keys_from_bytes(test_kek);
	f->h = store_holder_new();
	f->where = store_on_postgres ? test_postgres_fresh() : f->dir;
	assert_int_equal(store_create(&f->s, f->where, f->keys, &why), 0);
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

int
store_tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	keys_free(f->keys);
	store_holder_free(f->h);
	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

void
reopen(struct fixture *f)
{
	struct why why = { "" };

	store_close(f->s);
	assert_int_equal(store_open(&f->s, f->where, f->keys, &why), 0);
}

static sqlite3 *
open_file(struct fixture *f)
{
	char path[TEST_DIR_SIZE + 16];
	sqlite3 *db;

	(void)snprintf(path, sizeof path, "%s/manager.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void
edit_file(struct fixture *f, const char *sql)
{
	sqlite3 *db = open_file(f);

	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_true(sqlite3_total_changes(db) > 0);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void
edit_closed(struct fixture *f, const char *sql)
{
	if (store_on_postgres)
		assert_true(test_postgres_run(sql) > 0);
	else
		edit_file(f, sql);
}

void
edit(struct fixture *f, const char *sql)
{
	struct why why = { "" };

	f->s = store_close(f->s);
	edit_closed(f, sql);
	assert_int_equal(store_open(&f->s, f->where, f->keys, &why), 0);
}

int64_t
number(struct fixture *f, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	if (store_on_postgres)
		return test_postgres_number(sql);
	db = open_file(f);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return n;
}

static enum scope
scope_of(const struct fixture *f, const struct id *entity)
{
	return id_equal(entity, &f->project) ? SCOPE_PROJECT : SCOPE_DEPLOYMENT;
}

int
ask(struct fixture *f, const struct given *g, struct id *id, bool update,
    const struct store_version *expect, struct store_fault *fault)
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
		links[i].override.whole = g->description != NULL;
		if (g->override[i] && g->override[i][0])
			links[i].override.fields = span_of(g->override[i]);
	}
	for (size_t i = 0; i < 3 && g->exclude[i]; i++, q.n_excludes++)
		excludes[i] = (struct store_target){ scope_of(f, g->exclude[i]), *g->exclude[i] };
	return update ? store_object_update(f->s, id, &q, expect, &nobody, fault)
		      : store_object_create(f->s, &q, &nobody, id, fault);
}

void
get(struct fixture *f, const struct id *id, struct store_object *o)
{
	assert_int_equal(store_object_get(f->s, id, f->h, o), 0);
}

void
assert_list(struct fixture *f, const struct store_query *q, int64_t want_total, const char *want)
{
	struct buf out = BUF_INIT(65536);
	struct store_cursor *c;
	struct store_object o;
	struct store_version version, now;
	int64_t total;
	int r;

	assert_int_equal(store_list(f->s, q, &c, &version), 0);
	assert_int_equal(store_view_version(f->s, q, &now), 0);
	assert_true(store_version_equal(&version, &now));
	while ((r = store_list_next(c, &o)) == 1) {
		struct span v = { o.value.p + 10, o.value.n - 10 }; /* behind {"value":" */

		buf_addf(&out, "%s%s%.*s=%.*s", out.len ? " " : "", o.resolved_link ? ">" : "",
		    (int)o.key.n, o.key.p, (int)(strchr(v.p, '"') - v.p), v.p);
	}
	assert_int_equal(r, 0);
	total = store_list_total(c);
	store_list_close(c);
	assert_string_equal(buf_str(&out), want);
	assert_int_equal(total, want_total);
	buf_fini(&out);
}

struct store_version
version_of(struct fixture *f, enum scope scope, struct id id, unsigned types, bool whole_workspace)
{
	struct store_query q = { scope, id, .types = types, .whole_workspace = whole_workspace };
	struct store_version v;

	assert_int_equal(store_view_version(f->s, &q, &v), 0);
	return v;
}

int64_t
number_of(struct fixture *f, enum scope scope, struct id id, unsigned types, bool whole_workspace)
{
	return version_of(f, scope, id, types, whole_workspace).number;
}

const char *
moved(struct fixture *f)
{
	int64_t *was = f->numbers;
	static char out[10];
	int64_t now[9] = {
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

int
note_audit(void *arg, const struct store_audit *a)
{
	struct buf *b = arg;

	buf_addf(b, "%s%s %.*s %d%s %.*s %.*s", b->len ? "; " : "", audit_action_name(a->action),
	    (int)a->key.n, a->key.p, (int)a->version, a->restorable ? "+" : "", (int)a->fields.n,
	    a->fields.p, (int)a->by.name.n, a->by.name.p);
	return 0;
}

void
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
