/* SPDX-License-Identifier: Apache-2.0 */
/* core/acl: which caller may read which key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "core/acl.h"

static int
find_user(const char *name, uid_t *uid)
{
	if (strcmp(name, "alice") != 0)
		return -ENOENT;
	*uid = 1000;
	return 0;
}

static int
find_group(const char *name, gid_t *gid)
{
	if (strcmp(name, "airflow") != 0)
		return -ENOENT;
	*gid = 50000;
	return 0;
}

static const struct acl_lookup lookup = { find_user, find_group };
static const gid_t bobs_groups[] = { 7, 50000 };
static const struct acl_peer alice = { .uid = 1000, .gid = 1000 };
static const struct acl_peer bob = {
	.uid = 1001, .gid = 1001, .groups = bobs_groups, .n_groups = 2
};

/* "+rule" allows, "-rule" denies; NULL ends. */
static struct acl *
acl_of(const char *const *rules)
{
	struct why why;
	struct acl *a;

	assert_int_equal(acl_new(&a), 0);
	for (; *rules; rules++)
		assert_int_equal(acl_add(a, **rules == '+', *rules + 1, &lookup, &why), 0);
	return a;
}

static void
first_match_wins_and_no_match_is_no(void **state)
{
	static const struct {
		const char *rules[4];
		const struct acl_peer *peer;
		enum record_kind kind;
		const char *key;
		bool want;
	} rows[] = {
		{ { NULL }, &bob, KIND_CONNECTION, "x", true }, /* no rule at all */
		{ { "+*" }, &bob, KIND_VARIABLE, "x", true },
		{ { "-*" }, &bob, KIND_VARIABLE, "x", false },
		{ { "+* *" }, &bob, KIND_ENV, "x", true },
		{ { "+conn:x" }, &bob, KIND_CONNECTION, "x", true },
		{ { "+conn:x" }, &bob, KIND_VARIABLE, "x", false },
		{ { "+conn:x" }, &bob, KIND_CONNECTION, "xy", false },
		{ { "+conn:x" }, &bob, KIND_CONNECTION, "X", false },
		{ { "+var:x env:x" }, &bob, KIND_ENV, "x", true },
		{ { "+var:x env:x" }, &bob, KIND_CONNECTION, "x", false },
		{ { "-conn:x", "+conn:*" }, &bob, KIND_CONNECTION, "x", false },
		{ { "-conn:x", "+conn:*" }, &bob, KIND_CONNECTION, "y", true },
		{ { "+conn:*", "-conn:x" }, &bob, KIND_CONNECTION, "x", true },
		{ { "+user:alice" }, &alice, KIND_CONNECTION, "x", true },
		{ { "+user:alice" }, &bob, KIND_CONNECTION, "x", false },
		{ { "-user:alice", "+*" }, &alice, KIND_CONNECTION, "x", false },
		{ { "-user:alice", "+*" }, &bob, KIND_CONNECTION, "x", true },
		{ { "+uid:1001 conn:a*" }, &bob, KIND_CONNECTION, "ab", true },
		{ { "+uid:1001 conn:a*" }, &alice, KIND_CONNECTION, "ab", false },
		{ { "+gid:1001" }, &bob, KIND_CONNECTION, "x", true }, /* the main group */
		{ { "+gid:7" }, &bob, KIND_CONNECTION, "x", true },    /* a supplementary group */
		{ { "+group:airflow" }, &bob, KIND_CONNECTION, "x", true },
		{ { "+group:airflow" }, &alice, KIND_CONNECTION, "x", false },
		{ { "+  user:alice \t conn:x  " }, &alice, KIND_CONNECTION, "x", true },
		/*
		 * A team's glob does not allow a key that can belong to another team as well; it
		 * still denies it.
		 */
		{ { "+conn:red___*" }, &bob, KIND_CONNECTION, "red___x", true },
		{ { "+conn:red___*" }, &bob, KIND_CONNECTION, "red____x", false },
		{ { "+conn:red___*" }, &bob, KIND_CONNECTION, "red___a___b", false },
		{ { "+conn:*___x" }, &bob, KIND_CONNECTION, "red____x", false },
		{ { "+conn:red___* conn:*" }, &bob, KIND_CONNECTION, "red____x", true },
		{ { "+conn:red____x" }, &bob, KIND_CONNECTION, "red____x", true },
		{ { "-conn:red___*", "+*" }, &bob, KIND_CONNECTION, "red____x", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct acl *a = acl_of(rows[i].rules);

		if (acl_allows(a, rows[i].peer, rows[i].kind, span_of(rows[i].key)) != rows[i].want)
			fail_msg("row %zu", i);
		acl_free(a);
	}
}

static void
globs_match_whole_keys(void **state)
{
	static const struct {
		const char *glob, *key;
		bool want;
	} rows[] = {
		{ "a", "a", true },
		{ "a", "", false },
		{ "a", "aa", false },
		{ "*", "", true },
		{ "*", "a/b", true },
		{ "a*", "a", true },
		{ "a*", "ba", false },
		{ "*a", "ba", true },
		{ "*a", "ab", false },
		{ "a*b*c", "abc", true },
		{ "a*b*c", "a-b-b-c", true },
		{ "a*b*c", "a-c-b", false },
		{ "a**b", "ab", true },
		{ "?", "a", true },
		{ "?", "", false },
		{ "?", "ab", false },
		{ "?", "é", true },
		{ "??", "é", false },
		{ "x?z", "xéz", true },
		{ "*?", "a", true },
		{ "*?", "", false },
		{ "team1___*", "team1___db", true },
		{ "team1___*", "team10___db", false },
		{ "[a]", "a", false },
		{ "[a]", "[a]", true },
		{ "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char rule[64];
		struct why why;
		struct acl *a;

		snprintf(rule, sizeof rule, "conn:%s", rows[i].glob);
		assert_int_equal(acl_new(&a), 0);
		assert_int_equal(acl_add(a, true, rule, &lookup, &why), 0);
		if (acl_allows(a, &bob, KIND_CONNECTION, span_of(rows[i].key)) != rows[i].want)
			fail_msg("%s against %s", rows[i].glob, rows[i].key);
		acl_free(a);
	}
}

static void
what_makes_no_sense_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *says;
	} rows[] = {
		{ "", -EINVAL, "rule is empty" },
		{ "   ", -EINVAL, "rule is empty" },
		{ "user:mallory", -ENOENT, "no user \"mallory\"" },
		{ "group:none conn:x", -ENOENT, "no group \"none\"" },
		{ "uid:", -EINVAL, "uid:" },
		{ "uid:x", -EINVAL, "uid:x" },
		{ "uid:-1", -EINVAL, "uid:-1" },
		{ "uid:4294967295", -EINVAL, "uid:4294967295" },
		{ "uid:42949672950", -EINVAL, "uid:42949672950" },
		{ "gid:1 gid:2", -EINVAL, "gid:2" },
		{ "conn:", -EINVAL, "conn:" },
		{ "alice", -EINVAL, "alice" },
		{ "* connection:x", -EINVAL, "connection:x" },
		{ "conn:x user:alice", -EINVAL, "user:alice" },
	};
	struct acl *a;

	(void)state;
	assert_int_equal(acl_new(&a), 0);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why = { "" };

		assert_int_equal(acl_add(a, true, rows[i].text, &lookup, &why), rows[i].want);
		if (!strstr(why.text, rows[i].says))
			fail_msg("\"%s\" said: %s", rows[i].text, why.text);
	}
	assert_true(acl_is_empty(a)); /* no refused rule was added */
	acl_free(a);
}

static void
highest_ids_are_ids(void **state)
{
	const struct acl_peer last = { .uid = 4294967294u };
	struct acl *a = acl_of((const char *[]){ "+uid:4294967294", NULL });

	(void)state;
	assert_true(acl_allows(a, &last, KIND_ENV, span_of("x")));
	assert_false(acl_allows(a, &alice, KIND_ENV, span_of("x")));
	acl_free(a);
}

static void
listing_needs_one_thing_that_may_be_asked(void **state)
{
	static const struct {
		const char *rules[4];
		bool want;
	} rows[] = {
		{ { NULL }, true },
		{ { "+conn:x" }, true },
		{ { "-conn:x" }, false },
		{ { "-*", "+conn:x" }, false },
		{ { "-* *", "+conn:x" }, false },
		{ { "-conn:*", "+var:x" }, true },
		{ { "-user:alice", "+conn:x" }, true },
		{ { "-uid:1001", "+conn:x" }, false },
		{ { "+user:alice" }, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct acl *a = acl_of(rows[i].rules);

		if (acl_allows_some(a, &bob) != rows[i].want)
			fail_msg("row %zu", i);
		acl_free(a);
	}
}

static void
admin_rules_name_administrators_and_nothing_else(void **state)
{
	struct why why;
	struct acl *a;

	(void)state;
	assert_int_equal(acl_new(&a), 0);
	assert_false(acl_has_admins(a));
	assert_int_equal(acl_add(a, ACL_ADMIN, "group:airflow conn:x", &lookup, &why), -EINVAL);
	assert_non_null(strstr(why.text, "admin"));
	assert_int_equal(acl_add(a, ACL_ADMIN, "conn:x", &lookup, &why), -EINVAL);
	assert_int_equal(acl_add(a, ACL_ADMIN, "", &lookup, &why), -EINVAL);
	assert_false(acl_has_admins(a));
	assert_int_equal(acl_add(a, ACL_ADMIN, "group:airflow", &lookup, &why), 0);
	assert_int_equal(acl_add_nobody(a, ACL_ADMIN), 0);
	assert_true(acl_has_admins(a));
	assert_true(acl_is_admin(a, &bob));
	assert_false(acl_is_admin(a, &alice));
	/* They do not change access to any key. */
	assert_true(acl_is_empty(a));
	assert_int_equal(acl_cost(a), 0);
	assert_true(acl_allows(a, &alice, KIND_CONNECTION, span_of("x")));
	assert_int_equal(acl_add(a, ACL_ALLOW, "user:alice", &lookup, &why), 0);
	assert_false(acl_allows_some(a, &bob));
	acl_free(a);
}

static void
cost_counts_rules_and_their_patterns(void **state)
{
	static const char *const none[] = { NULL };
	static const char *const some[] = { "+*", "-user:alice conn:x var:y*", NULL };
	struct acl *a = acl_of(none);

	(void)state;
	assert_int_equal(acl_cost(a), 0);
	acl_free(a);
	a = acl_of(some);
	assert_int_equal(acl_cost(a), 4);
	acl_free(a);
}

static void
deciding_rule_is_the_first_that_matches(void **state)
{
	static const char *const rules[] = { "-user:alice conn:secret", "+group:airflow conn:s*",
		"+uid:1000", NULL };
	struct acl *a = acl_of(rules);

	(void)state;
	assert_string_equal(acl_deciding_rule(a, &alice, KIND_CONNECTION, span_of("secret")),
	    "deny = user:alice conn:secret");
	assert_string_equal(acl_deciding_rule(a, &bob, KIND_CONNECTION, span_of("secret")),
	    "allow = group:airflow conn:s*");
	assert_string_equal(
	    acl_deciding_rule(a, &alice, KIND_VARIABLE, span_of("x")), "allow = uid:1000");
	assert_null(acl_deciding_rule(a, &bob, KIND_VARIABLE, span_of("x")));
	acl_free(a);
}

static void
memory_may_end_anywhere(void **state)
{
	int64_t before = mem_live();
	int n = 0, r = -1;

	(void)state;
	while (r < 0) {
		struct why why;
		struct acl *a = NULL;

		mem_fail_after(n++);
		r = acl_new(&a);
		if (r == 0)
			r = acl_add(a, true, "user:alice conn:a var:b*", &lookup, &why);
		if (r == 0)
			r = acl_add(a, false, "*", &lookup, &why);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
		acl_free(a);
		assert_int_equal(mem_live(), before);
	}
	assert_true(n > 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_match_wins_and_no_match_is_no),
		cmocka_unit_test(globs_match_whole_keys),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_a_sentence),
		cmocka_unit_test(highest_ids_are_ids),
		cmocka_unit_test(listing_needs_one_thing_that_may_be_asked),
		cmocka_unit_test(admin_rules_name_administrators_and_nothing_else),
		cmocka_unit_test(cost_counts_rules_and_their_patterns),
		cmocka_unit_test(deciding_rule_is_the_first_that_matches),
		cmocka_unit_test(memory_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
