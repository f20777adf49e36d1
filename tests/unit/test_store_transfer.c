/* SPDX-License-Identifier: Apache-2.0 */
/* A store moved from SQLite to PostgreSQL and back: whole, and never over another store. */
#include "manager/store/transfer.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/postgres.h"

static struct store_transfer
move(struct store *to, struct store *from)
{
	struct store_transfer t;
	struct why why = { "" };

	if (store_transfer(to, from, &t, &why) != 0)
		fail_msg("%s", why.text);
	return t;
}

static int64_t
rows(const struct store_transfer *t, const char *table)
{
	for (size_t i = 0; i < N_ELEMENTS(t->tables); i++)
		if (strcmp(t->tables[i].name, table) == 0)
			return t->tables[i].rows;
	return -1;
}

/* More rows of one table than are read at a time, a value in each sealed column, a lone NULL. */
static void
fill(struct fixture *f, struct id *linked)
{
	struct store_token t = { .name = SPAN_LITERAL("jo"),
		.subject = { .organization = f->org,
		    .scope = SCOPE_WORKSPACE,
		    .scope_id = f->ws,
		    .role = ROLE_MEMBER },
		.workspace = f->ws };
	char key[16];
	struct id id;

	store_new_id(&t.id);
	t.family.id = t.id;
	assert_int_equal(
	    store_token_create(f->s, &t, (const uint8_t[STORE_JTI_HASH_SIZE]){ 1 }, &nobody), 0);
	assert_int_equal(store_code_use(f->s, (const uint8_t[STORE_CODE_HASH_SIZE]){ 2 }, 5, 1), 0);
	assert_int_equal(store_secret_put(f->s, "seed", SPAN_LITERAL("secret")), 0);
	for (int i = 0; i < 201; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(
		    CREATE(f, &id, VAR, key, V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[1]), 0);
	}
	assert_int_equal(CREATE(f, linked, VAR, "l", V("1"), "of it", SCOPE_WORKSPACE, &f->ws, true,
			     { &f->dep[0] }, { "{\"value\":\"2\"}" }, { &f->dep[2] }),
	    0);
}

static void
make(struct fixture *at, const struct fixture *f, const char *where)
{
	struct why why = { "" };

	*at = *f;
	at->where = where;
	assert_int_equal(store_create(&at->s, where, f->keys, &why), 0);
}

static void
a_store_goes_to_postgresql_and_back(void **state)
{
	struct fixture *f = *state, away, back;
	char dir[TEST_DIR_SIZE];
	struct store_version before, after;
	struct store_transfer t;
	struct store_object o;
	struct id linked, id;

	fill(f, &linked);
	make(&away, f, test_postgres_fresh());
	t = move(away.s, f->s);
	assert_true(t.copied);
	assert_int_equal(rows(&t, "object"), 202);
	assert_int_equal(rows(&t, "organization"), 1);
	assert_int_equal(rows(&t, "token"), 1);
	assert_false(move(away.s, f->s).copied); /* again: it is all there */
	reopen(&away);
	before = version_of(f, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false);
	after = version_of(&away, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false);
	assert_true(store_version_equal(&before, &after));
	assert_list(&away, &VIEW(f->dep[0]), 1, ">l=2");
	assert_int_equal(
	    CREATE(&away, &id, VAR, "new", V("3"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	test_dir_make(dir, "test_store_transfer");
	make(&back, f, dir);
	t = move(back.s, away.s);
	assert_int_equal(rows(&t, "object"), 203);
	reopen(&back);
	assert_list(&back, &VIEW(f->dep[0]), 2, ">l=2 new=3");
	get(&back, &linked, &o);
	assert_span(o.description, "of it");
	store_close(back.s);
	store_close(away.s);
	test_dir_remove(dir);
}

static void
another_store_is_not_overwritten(void **state)
{
	struct fixture *f = *state, away;
	struct store_transfer t;
	struct why why = { "" };
	struct id id;

	make(&away, f, test_postgres_fresh());
	(void)move(away.s, f->s);
	reopen(&away);
	assert_int_equal(
	    CREATE(&away, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(store_transfer(away.s, f->s, &t, &why), -EEXIST);
	assert_non_null(strstr(why.text, "nothing was changed"));
	get(&away, &id, &(struct store_object){ 0 });
	store_close(away.s);
}

/* A row that was changed on its way is found. */
static void
a_row_that_differs_is_found(void **state)
{
	struct fixture *f = *state, away;
	struct store_transfer t;
	struct why why = { "" };
	struct id linked;

	fill(f, &linked);
	make(&away, f, test_postgres_fresh());
	(void)move(away.s, f->s);
	(void)test_postgres_run("UPDATE link SET sealed = NULL");
	assert_int_equal(store_transfer(away.s, f->s, &t, &why), -EEXIST);
	store_close(away.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_store_goes_to_postgresql_and_back),
		STORE_TEST(another_store_is_not_overwritten),
		STORE_TEST(a_row_that_differs_is_found),
	};

	return cmocka_run_group_tests(tests, store_start, NULL);
}
