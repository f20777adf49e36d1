/* SPDX-License-Identifier: Apache-2.0 */
/* Links and exclusions of many objects, read with one statement. */
#include "tests/unit/store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "manager/store/sql/sql.h"

#define MANY 5000 /* more than links_read() keeps of several objects */

/* An object with so many links past the store, whose places do not exist, and two exclusions. */
static void
add_links(struct fixture *f, int64_t object, int n)
{
	char sql[1024];

	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO link (object, entity_id, scope, position, version, sealed) "
	    "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) "
	    "SELECT %d, 'caaaaa' || (1000000000000000000 + i), 'DEPLOYMENT', %d - i, 1, NULL FROM "
	    "c",
	    n, (int)object, n);
	edit(f, sql);
	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO exclusion (object, entity_id, scope, position) "
	    "VALUES (%d, 'cx', 'DEPLOYMENT', 1), (%d, 'cy', 'PROJECT', 0)",
	    (int)object, (int)object);
	edit(f, sql);
}

static int64_t
make(struct fixture *f, const char *key, int n_links)
{
	struct id id;
	char sql[128];
	int64_t n;

	assert_int_equal(CREATE(f, &id, VAR, key, V("1"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	(void)snprintf(sql, sizeof sql, "SELECT n FROM object WHERE key = '%s'", key);
	n = number(f, sql);
	if (n_links)
		add_links(f, n, n_links);
	return n;
}

static void
assert_links(const struct links *l, size_t object, size_t n_links)
{
	struct link_set set = links_of(l, object);

	if (!n_links) {
		assert_int_equal(set.n, 0);
		return;
	}
	assert_int_equal(set.n, n_links + 2);
	for (size_t i = 0; i < set.n; i++) {
		assert_int_equal(set.rows[i].object, object);
		assert_int_equal(set.rows[i].is_exclusion, i >= n_links);
		assert_true(set.rows[i].has_scope);
		assert_false(set.rows[i].has_override);
		assert_null(link_override(&set, &set.rows[i]).p);
	}
	/* By position, which goes against the ids. */
	for (size_t i = 1; i < n_links; i++)
		assert_true(strcmp(set.rows[i].entity.s, set.rows[i - 1].entity.s) < 0);
	assert_int_equal(set.rows[n_links].scope, SCOPE_PROJECT);
}

static void
links_of_many_are_read_at_once_and_too_many_in_pieces(void **state)
{
	struct fixture *f = *state;
	int64_t objects[] = { make(f, "few", 10), make(f, "none", 0), make(f, "many", MANY),
		make(f, "more", 3) };
	struct links l;

	links_init(&l);
	assert_int_equal(links_read(&l, store_db(f->s), objects, 4, true), 0);
	assert_int_equal(l.n_objects, 2);
	assert_links(&l, 0, 10);
	assert_links(&l, 1, 0);
	assert_int_equal(links_read(&l, store_db(f->s), objects + 2, 2, true), 0);
	assert_int_equal(l.n_objects, 0);
	assert_int_equal(links_read(&l, store_db(f->s), objects + 2, 1, true), 0);
	assert_int_equal(l.n_objects, 1);
	assert_links(&l, 0, 0 + MANY);
	assert_int_equal(links_read(&l, store_db(f->s), objects + 3, 1, false), 0);
	assert_links(&l, 0, 3);
	links_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(links_of_many_are_read_at_once_and_too_many_in_pieces),
	};

	return store_run(tests, N_ELEMENTS(tests));
}
