/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of the SQLite engine: a sealed value can be opened only in its own row, whatever is
 * done to the file; and lists use an index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "manager/store/history.h"
#include "manager/store/sqlite/sqlite.h"
#include "tests/unit/check.h"
#include "tests/unit/store_places.h"

static const struct store_actor nobody;
static const uint8_t kek[SEAL_KEY_SIZE] = { 5 };

struct fixture {
	char dir[TEST_DIR_SIZE];
	struct keys *keys;
	struct store *s;
	struct id deployment, a, b;
};

static struct store_object_request
request(struct fixture *f, const char *key, struct span value)
{
	return (struct store_object_request){ .key = span_of(key),
		.type = MANAGER_AIRFLOW_VARIABLE,
		.scope = SCOPE_DEPLOYMENT,
		.scope_id = f->deployment,
		.value = value };
}

static struct id
create(struct fixture *f, const char *key)
{
	struct store_object_request q =
	    request(f, key, SPAN_LITERAL("{\"value\":\"v\",\"isSecret\":true}"));
	struct store_fault fault;
	struct id id;

	assert_int_equal(store_object_create(f->s, &q, &nobody, &id, &fault), 0);
	return id;
}

static int
set_up(void **state)
{
	static const struct id none = { "" };
	struct fixture *f = mem_zalloc(sizeof *f);
	struct why why = { "" };
	struct id organization, workspace;

	assert_non_null(f);
	test_dir_make(f->dir, "test_store_sqlite");
	f->keys = keys_from_bytes(kek);
	assert_int_equal(store_create(&f->s, f->dir, f->keys, &why), 0);
	organization = test_place(f->s, SCOPE_ORGANIZATION, &none, "name");
	workspace = test_place(f->s, SCOPE_WORKSPACE, &organization, "name");
	f->deployment = test_place(f->s, SCOPE_DEPLOYMENT, &workspace, "name");
	f->a = create(f, "a");
	f->b = create(f, "b");
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	keys_free(f->keys);
	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

/* Changes to the file while no manager runs. */
static void
tamper(struct fixture *f, const char *sql)
{
	char path[TEST_DIR_SIZE + 16];
	struct why why = { "" };
	sqlite3 *db;

	f->s = store_close(f->s);
	(void)snprintf(path, sizeof path, "%s/manager.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(&f->s, f->dir, f->keys, &why), 0);
}

static int
read_object(struct fixture *f, const struct id *id)
{
	struct store_holder *h = store_holder_new();
	struct store_object o;
	int r;

	assert_non_null(h);
	r = store_object_get(f->s, id, h, &o);
	store_holder_free(h);
	return r;
}

static void
a_value_of_another_object_does_not_open(void **state)
{
	struct fixture *f = *state;

	tamper(f, "UPDATE object SET sealed = (SELECT sealed FROM object WHERE key = 'b')");
	assert_int_equal(read_object(f, &f->a), -EBADMSG);
	assert_int_equal(read_object(f, &f->b), 0);
}

static void
an_older_value_put_back_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct store_object_request q =
	    request(f, "", SPAN_LITERAL("{\"value\":\"w\",\"isSecret\":true}"));
	struct store_fault fault;

	tamper(f, "CREATE TABLE kept AS SELECT sealed FROM object WHERE key = 'a'");
	assert_int_equal(store_object_update(f->s, &f->a, &q, NULL, &nobody, &fault), 0);
	assert_int_equal(read_object(f, &f->a), 0);
	tamper(f, "UPDATE object SET sealed = (SELECT sealed FROM kept) WHERE key = 'a'");
	assert_int_equal(read_object(f, &f->a), -EBADMSG);
}

/* Returns the query plan for a page of a Workspace's list. */
static void
explain(struct fixture *f, const struct store_query *q, bool behind, struct buf *plan)
{
	struct buf sql = BUF_INIT(32 * 1024);
	char path[TEST_DIR_SIZE + 16];
	sqlite3_stmt *st;
	sqlite3 *db;

	(void)snprintf(path, sizeof path, "%s/manager.db", f->dir);
	buf_adds(&sql, "EXPLAIN QUERY PLAN ");
	view_list_sql(&sql, q, behind, false);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, buf_str(&sql), -1, &st, NULL), SQLITE_OK);
	buf_reset(plan);
	while (sqlite3_step(st) == SQLITE_ROW)
		buf_addf(plan, "%s\n", (const char *)sqlite3_column_text(st, 3));
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	buf_fini(&sql);
}

/* Only rows of the same time are sorted, and the page starts at its offset. */
static void
a_list_by_time_goes_by_an_index(void **state)
{
	static const struct {
		enum store_sort by;
		const char *index;
	} times[] = {
		{ STORE_SORT_CREATED, "object_created (scope_id=?" },
		{ STORE_SORT_UPDATED, "object_updated (scope_id=?" },
	};
	struct fixture *f = *state;
	struct buf plan = BUF_INIT(4096);

	for (unsigned i = 0; i < 16; i++) {
		struct store_query q = { .scope = SCOPE_WORKSPACE,
			.types = i & 1 ? STORE_ALL_TYPES : 1U << MANAGER_CONNECTION,
			.n_sorts = 1,
			.limit = 20 };
		bool behind = i & 4;

		q.sorts[0].by = times[i >> 3].by;
		q.sorts[0].descending = i & 2;
		explain(f, &q, behind, &plan);
		assert_non_null(strstr(buf_str(&plan), times[i >> 3].index));
		/* "RIGHT PART OF ORDER BY", or "LAST 2 TERMS OF ORDER BY" as newer versions say. */
		assert_non_null(strstr(buf_str(&plan), " OF ORDER BY"));
		assert_int_equal(
		    strstr(buf_str(&plan), "_ms>?") || strstr(buf_str(&plan), "_ms<?"), behind);
	}
	buf_fini(&plan);
}

static int
count_row(void *arg, const struct store_audit *a)
{
	(void)a;
	++*(int *)arg;
	return 0;
}

/* Returns the steps of SQLite's virtual machine that one page of three audit rows took. */
static int
steps_of_page(struct fixture *f, const struct store_audit_query *q, int64_t want_total)
{
	sqlite3_stmt *st = NULL;
	int64_t total;
	int rows = 0, steps = 0;

	while ((st = sqlite3_next_stmt(sqlite_of(f->s)->db.h, st)))
		(void)sqlite3_stmt_status(st, SQLITE_STMTSTATUS_VM_STEP, 1);
	assert_int_equal(store_audit_list(f->s, q, count_row, &rows, &total), 0);
	assert_int_equal(rows, 3);
	assert_int_equal(total, want_total);
	while ((st = sqlite3_next_stmt(sqlite_of(f->s)->db.h, st)))
		steps += sqlite3_stmt_status(st, SQLITE_STMTSTATUS_VM_STEP, 0);
	return steps;
}

static void
update(struct fixture *f, const struct id *id, int n)
{
	struct store_object_request q =
	    request(f, NULL, SPAN_LITERAL("{\"value\":\"w\",\"isSecret\":true}"));
	struct store_fault fault;

	for (int i = 0; i < n; i++)
		assert_int_equal(store_object_update(f->s, id, &q, NULL, &nobody, &fault), 0);
}

/* Whatever else was changed: a page costs its rows, and counting those that are new. */
static void
a_page_of_history_costs_its_rows(void **state)
{
	struct fixture *f = *state;
	struct store_holder *h = store_holder_new();
	struct store_object o;
	struct store_audit_query quiet = { .limit = 3 }, all = { .limit = 3 };
	struct store_pruned pruned;
	int of_quiet, of_all;

	assert_int_equal(store_object_get(f->s, &f->a, h, &o), 0);
	update(f, &f->a, 2);
	quiet.organization = all.organization = o.place.organization;
	quiet.subject = f->a;
	of_quiet = steps_of_page(f, &quiet, 3);
	(void)steps_of_page(f, &all, 7); /* three places, two objects, two changes */
	of_all = steps_of_page(f, &all, 7);
	update(f, &f->b, 300);
	assert_in_range(steps_of_page(f, &quiet, 3), 1, of_quiet + 20);
	(void)steps_of_page(f, &all, 307);
	assert_in_range(steps_of_page(f, &all, 307), 1, of_all + 20);
	assert_int_equal(store_audit_prune(f->s, INT64_MAX, 100, &pruned), 0);
	(void)steps_of_page(f, &all, 207);
	all.workspace = o.place.workspace;
	(void)steps_of_page(f, &all, 207);
	of_all = steps_of_page(f, &all, 207);
	update(f, &f->b, 1);
	(void)steps_of_page(f, &all, 208);
	assert_in_range(steps_of_page(f, &all, 208), 1, of_all + 20);
	store_holder_free(h);
}

/* As one reads all of them, while others write. */
static void
a_page_of_history_that_follows_another_skips_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_holder *h = store_holder_new();
	struct store_audit_query q = { .limit = 3 };
	struct store_object o;
	int first;

	assert_int_equal(store_object_get(f->s, &f->a, h, &o), 0);
	q.organization = o.place.organization;
	q.subject = f->a;
	update(f, &f->a, 301);
	(void)steps_of_page(f, &q, 302);
	first = steps_of_page(f, &q, 302);
	for (q.offset = 3; q.offset < 300; q.offset += 3)
		assert_in_range(steps_of_page(f, &q, 302), 1, first + 20);
	q.offset = 200;
	assert_true(steps_of_page(f, &q, 302) > first + 200);
	store_holder_free(h);
}

/* Rows that a filter leaves out are counted past once. */
static void
a_page_of_filtered_history_costs_its_rows(void **state)
{
	struct fixture *f = *state;
	struct store_holder *h = store_holder_new();
	struct store_audit_query by_action = { .limit = 3, .actions = 1U << AUDIT_UPDATE },
				 by_name = { .limit = 3, .search = SPAN_LITERAL("no such name") };
	struct store_object o;
	int64_t total;
	int of_action, rows = 0;

	assert_int_equal(store_object_get(f->s, &f->a, h, &o), 0);
	by_action.organization = by_name.organization = o.place.organization;
	update(f, &f->a, 300);
	assert_true(steps_of_page(f, &by_action, 300) > 900);
	of_action = steps_of_page(f, &by_action, 300);
	assert_in_range(of_action, 1, 300);
	for (by_action.offset = 3; by_action.offset < 297; by_action.offset += 3)
		assert_in_range(steps_of_page(f, &by_action, 300), 1, of_action + 20);
	update(f, &f->a, 2);
	by_action.offset = 0;
	(void)steps_of_page(f, &by_action, 302);
	assert_int_equal(store_audit_list(f->s, &by_name, count_row, &rows, &total), 0);
	assert_int_equal(total + rows, 0);
	store_holder_free(h);
}

/* Each statement is found by the address of its text. */
static void
there_may_be_any_number_of_statements(void **state)
{
	static char sql[1000][24];
	static struct absent none;
	struct fixture *f = *state;
	char path[TEST_DIR_SIZE + 16];
	struct sqlite_db db;

	(void)snprintf(path, sizeof path, "%s/manager.db", f->dir);
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_OPEN_READWRITE, &none), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 1000; i++) {
			struct statement *st;

			(void)snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
			st = db_query(&db.db, sql[i], "");
			assert_int_equal(db_row(st), 1);
			assert_int_equal(db_int64(st, 0), i);
			assert_ptr_equal(db_query(&db.db, sql[i], ""), st);
		}
		assert_int_equal(db.kept.n, 1000);
	}
	sqlite_db_close(&db);
}

static int
start(void **state)
{
	(void)state;
	return base_init() == 0 && store_global_init() == 0 ? 0 : -1;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static int
count_statement(unsigned what, void *arg, void *st, void *text)
{
	(void)what;
	(void)st;
	(void)text;
	++*(int *)arg;
	return 0;
}

/* Its rows' links are read for many of them at once. */
static void
a_list_costs_few_statements(void **state)
{
	struct fixture *f = *state;
	struct store_query q = { SCOPE_DEPLOYMENT, f->deployment, .types = STORE_ALL_TYPES,
		.limit = -1 };
	struct store_version version;
	struct store_cursor *c;
	struct store_object o;
	int n = 0, rows = 0;
	char key[16];

	for (int i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof key, "k%03d", i);
		(void)create(f, key);
	}
	tamper(f, ""); /* another process has verified no row */
	assert_int_equal(store_list(f->s, &q, &c, &version), 0);
	assert_int_equal(sqlite3_trace_v2(sqlite_of(f->s)->readers[0].db.h, SQLITE_TRACE_STMT,
			     count_statement, &n),
	    SQLITE_OK);
	while (store_list_next(c, &o) == 1)
		rows++;
	store_list_close(c);
	assert_int_equal(rows, 302);
	assert_in_range(n, 1, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_of_another_object_does_not_open),
		TEST(an_older_value_put_back_does_not_open),
		TEST(a_list_by_time_goes_by_an_index),
		TEST(a_page_of_history_costs_its_rows),
		TEST(a_page_of_history_that_follows_another_skips_nothing),
		TEST(a_page_of_filtered_history_costs_its_rows),
		TEST(there_may_be_any_number_of_statements),
		TEST(a_list_costs_few_statements),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
