/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads in the audit log: how many rows a token family can cause, and that no secret read is
 * missing.
 */
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "manager/store/history.h"
#include "manager/store/postgres/postgres.h"
#include "manager/store/sqlite/sqlite.h"

#define READS   5000
#define HOUR_MS 3600000

static int64_t
stored_number(struct fixture *f, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n;

	store_tidy(f->s);
	if (store_on_postgres)
		return number(f, sql);
	assert_int_equal(sqlite3_prepare_v2(sqlite_of(f->s)->db.h, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	return n;
}

/* Makes a new token family with one token. */
static struct store_actor
family(void)
{
	struct store_actor a = { .name = SPAN_LITERAL("jo") };

	store_new_id(&a.family);
	store_new_id(&a.token);
	return a;
}

/* Reads a view by n new keys. */
static void
read_keys(struct fixture *f, const struct store_actor *by, const struct id *deployment, int n,
    bool secrets)
{
	struct store_query q = VIEW(*deployment);
	char key[LIMIT_KEY_BYTES + 1];
	static int serial;

	for (int i = 0; i < n; i++) {
		q.key = (struct span){ key, (size_t)snprintf(key, sizeof key, "%0250d", ++serial) };
		store_audit_read(f->s, by, &q, NULL, &(struct store_version){ 0 }, secrets);
	}
}

/* What a scenario did, whose family's rows count by the hour: false, it is to be done again. */
static bool
within_an_hour(struct fixture *f, void (*scenario)(struct fixture *f))
{
	int64_t hour = clock_wall_ms() / HOUR_MS;

	assert_int_equal(stored_number(f, "DELETE FROM audit RETURNING 1"), 1);
	scenario(f);
	store_tidy(f->s);
	return clock_wall_ms() / HOUR_MS == hour;
}

static void
read_without_end(struct fixture *f)
{
	struct store_actor jo = family();

	read_keys(f, &jo, &f->dep[0], READS / 2, false);
	store_new_id(&jo.token); /* a renewal shares the rows of its family */
	read_keys(f, &jo, &f->dep[1], READS / 2, false);
}

static void
reads_beyond_a_hundred_are_one_row_with_their_number(void **state)
{
	struct fixture *f = *state;
	struct store_stats stats;

	while (!within_an_hour(f, read_without_end))
		;
	assert_int_equal(stored_number(f, "SELECT count(*) FROM audit WHERE action = 'READ'"), 101);
	assert_int_equal(
	    stored_number(f, "SELECT count(*) FROM audit WHERE fields = '[\"4900 more reads\"]'"),
	    1);
	assert_int_equal(store_stats(f->s, &stats), 0);
	if (!store_on_postgres) /* whose empty database is larger */
		assert_true(stats.bytes < 2 * 1000 * 1000);
}

static void
read_secrets_without_end(struct fixture *f)
{
	struct store_actor jo = family(), ann = family();

	read_keys(f, &jo, &f->dep[0], 150, true);
	read_keys(f, &jo, &f->dep[1], 7, true);
	read_keys(f, &jo, &f->dep[2], 1, true);
	store_tidy(f->s);
	read_keys(f, &jo, &f->dep[1], 8, true);
	read_keys(f, &ann, &f->dep[1], 9, true);
}

static void
reads_with_secrets_are_counted_a_place(void **state)
{
	struct fixture *f = *state;

	while (!within_an_hour(f, read_secrets_without_end))
		;
	assert_int_equal(
	    stored_number(f, "SELECT count(*) FROM audit WHERE action = 'READ_SECRETS'"),
	    100 + 3 + 9);
	assert_int_equal(
	    stored_number(f,
		"SELECT count(*) FROM audit JOIN deployment d ON d.id = scope_id WHERE "
		"(d.name, fields) IN (VALUES ('a', '[\"50 more reads\"]'), "
		"('b', '[\"15 more reads\"]'), ('c', '[\"1 more read\"]'))"),
	    3);
}

static void
set_read_only(struct fixture *f, bool on)
{
	if (store_on_postgres)
		assert_int_equal(pg_exec(&postgres_of(f->s)->sessions[0].db,
				     on ? "SET default_transaction_read_only = on"
					: "SET default_transaction_read_only = off",
				     NULL),
		    0);
	else
		assert_int_equal(sqlite3_exec(sqlite_of(f->s)->db.h,
				     on ? "PRAGMA query_only = ON" : "PRAGMA query_only = OFF",
				     NULL, NULL, NULL),
		    SQLITE_OK);
}

static void
read_what_cannot_be_written(struct fixture *f)
{
	struct store_actor jo = family();

	set_read_only(f, true);
	for (int i = 0; i < 15; i++) {
		struct store_actor one = family();

		read_keys(f, &one, &f->dep[0], 90, true);
		store_tidy(f->s);
	}
	read_keys(f, &jo, &f->dep[1], 5, true);
	set_read_only(f, false);
}

/* The disk is full: rows that fit are kept, the rest is counted. */
static void
reads_that_cannot_be_written_are_kept(void **state)
{
	struct fixture *f = *state;

	while (!within_an_hour(f, read_what_cannot_be_written))
		;
	assert_int_equal(
	    stored_number(f,
		"SELECT sum(CASE fields WHEN '[]' THEN 1 ELSE "
		"CAST(substr(fields, 3, instr(fields, ' ') - 3) AS INTEGER) END) FROM audit"),
	    15 * 90 + 5);
	assert_int_equal(
	    stored_number(f, "SELECT count(*) FROM audit WHERE fields = '[\"5 more reads\"]'"), 1);
}

/* The client may look for such a read by its id. */
static void
a_read_whose_id_the_client_chose_is_not_merged_with_an_equal_one(void **state)
{
	struct fixture *f = *state;
	struct store_actor jo = family();
	struct store_query q = VIEW(f->dep[0]);

	for (int i = 0; i < 6; i++) {
		jo.traced = i >= 2;
		jo.request_id = i % 2 ? "odd" : "even";
		store_audit_read(f->s, &jo, &q, NULL, &(struct store_version){ 0 }, true);
	}
	assert_int_equal(
	    stored_number(f, "SELECT count(*) FROM audit WHERE action = 'READ_SECRETS'"), 3);
	assert_int_equal(
	    stored_number(f, "SELECT count(*) FROM audit WHERE request_id = 'even'"), 2);
	assert_int_equal(
	    stored_number(f, "SELECT count(*) FROM audit WHERE request_id = 'odd'"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(reads_beyond_a_hundred_are_one_row_with_their_number),
		STORE_TEST(reads_with_secrets_are_counted_a_place),
		STORE_TEST(reads_that_cannot_be_written_are_kept),
		STORE_TEST(a_read_whose_id_the_client_chose_is_not_merged_with_an_equal_one),
	};

	return store_run(tests, N_ELEMENTS(tests));
}
