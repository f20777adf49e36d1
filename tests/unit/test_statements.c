/* SPDX-License-Identifier: Apache-2.0 */
/* manager/store/sql/statements: the prepared statements that a connection keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "manager/store/sql/statements.h"
#include "tests/unit/check.h"

/* More than the first table has room for. */
#define N 100

struct counting_db {
	struct db db;
	size_t made, reset, finished;
};

struct counted {
	struct statement statement;
	struct counting_db *db;
};

static void
on_reset(struct statement *st)
{
	((struct counted *)st)->db->reset++;
}

static void
on_finish(struct statement *st)
{
	((struct counted *)st)->db->finished++;
	mem_free(st);
}

static const struct db_driver driver = { .reset = on_reset, .finish = on_finish };

static struct statement *
make(struct db *base, const char *sql, bool kept)
{
	struct counted *st = mem_zalloc(sizeof *st);

	(void)sql;
	assert_true(kept);
	if (!st)
		return NULL;
	st->statement.driver = &driver;
	st->db = (struct counting_db *)base;
	st->db->made++;
	return &st->statement;
}

static struct statement *
make_nothing(struct db *db, const char *sql, bool kept)
{
	(void)db;
	(void)sql;
	(void)kept;
	return NULL;
}

static void
test_a_statement_is_made_once_and_reset_when_it_is_asked_for_again(void **state)
{
	static char texts[N][8];
	struct counting_db db = { .db.driver = &driver };
	struct statements t = { 0 };
	struct statement *made[N];

	(void)state;
	for (size_t i = 0; i < N; i++)
		made[i] = statements_get(&t, &db.db, texts[i], make);
	assert_int_equal(db.made, N);
	assert_int_equal(db.reset, 0);
	for (size_t i = 0; i < N; i++)
		assert_ptr_equal(statements_get(&t, &db.db, texts[i], make), made[i]);
	assert_int_equal(db.made, N);
	assert_int_equal(db.reset, N);
	statements_fini(&t);
	assert_int_equal(db.finished, N);
}

static void
test_what_cannot_be_prepared_is_not_kept(void **state)
{
	static const char sql[] = "SELECT 1";
	struct counting_db db = { .db.driver = &driver };
	struct statements t = { 0 };

	(void)state;
	assert_null(statements_get(&t, &db.db, sql, make_nothing));
	assert_non_null(statements_get(&t, &db.db, sql, make));
	assert_int_equal(db.reset, 0);
	statements_fini(&t);
	assert_int_equal(db.finished, 1);
}

static void
test_out_of_memory_keeps_the_statements_there_are(void **state)
{
	static char texts[N][8];
	struct counting_db db = { .db.driver = &driver };
	struct statements t = { 0 };
	size_t kept = 0;

	(void)state;
	while (2 * (kept + 1) <= 64)
		assert_non_null(statements_get(&t, &db.db, texts[kept++], make));
	mem_fail_after(0);
	assert_null(statements_get(&t, &db.db, texts[kept], make));
	mem_fail_after(-1);
	for (size_t i = 0; i < kept; i++)
		assert_non_null(statements_get(&t, &db.db, texts[i], make));
	assert_int_equal(db.made, kept);
	assert_non_null(statements_get(&t, &db.db, texts[kept], make));
	statements_fini(&t);
	assert_int_equal(db.finished, kept + 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_a_statement_is_made_once_and_reset_when_it_is_asked_for_again),
		cmocka_unit_test(test_what_cannot_be_prepared_is_not_kept),
		cmocka_unit_test(test_out_of_memory_keeps_the_statements_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
