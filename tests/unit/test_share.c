/* SPDX-License-Identifier: Apache-2.0 */
/* manager/http/share: usage per caller, and which caller is closed first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "manager/http/share.h"

#define ROOM 80 /* an eighth: 10; a quarter: 20 */

static struct shares *all;

static int
set_up(void **state)
{
	(void)state;
	all = shares_new();
	assert_non_null(all);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	shares_free(all);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static struct share *
caller(enum share_caller what, const char *name)
{
	struct share_key key = { 0 };

	memcpy(key.bytes, name, strlen(name));
	return share_of(all, what, &key);
}

static size_t
weighs(const struct share *one)
{
	return share_weight(one, SHARE_HELD, 0, ROOM);
}

static void
one_caller_has_one_share(void **state)
{
	struct share *a = caller(SHARE_FAMILY, "a"), *again = caller(SHARE_FAMILY, "a");
	struct share *address = caller(SHARE_ADDRESS, "a"), *b = caller(SHARE_FAMILY, "b");

	(void)state;
	assert_ptr_equal(a, again);
	assert_ptr_not_equal(a, address);
	assert_ptr_not_equal(a, b);
	share_add(a, SHARE_HELD, 3);
	share_add(b, SHARE_HELD, 4);
	assert_int_equal(share_used(a, SHARE_HELD), 3);
	assert_int_equal(shares_used(all, SHARE_HELD), 7);
	assert_int_equal(shares_used(all, SHARE_INPUT), 0);
	share_sub(a, SHARE_HELD, 3);
	share_sub(b, SHARE_HELD, 4);
	share_unref(a);
	share_unref(again);
	share_unref(address);
	share_unref(b);
}

static void
the_more_is_used_the_more_it_weighs(void **state)
{
	struct share *a = caller(SHARE_FAMILY, "a"), *b = caller(SHARE_FAMILY, "b");

	(void)state;
	share_add(a, SHARE_HELD, 5);
	share_add(b, SHARE_HELD, 6);
	assert_true(weighs(b) > weighs(a));
	/* With one more they would be equal; then neither is closed for the other. */
	assert_int_equal(share_weight(a, SHARE_HELD, 1, ROOM), weighs(b));
	share_sub(a, SHARE_HELD, 5);
	share_sub(b, SHARE_HELD, 6);
	share_unref(a);
	share_unref(b);
}

static void
an_eighth_is_kept_for_an_owner(void **state)
{
	struct share *owner = caller(SHARE_OWNER, "o"), *member = caller(SHARE_FAMILY, "m");

	(void)state;
	share_add(member, SHARE_HELD, 1);
	share_add(owner, SHARE_HELD, ROOM / 8);
	assert_true(weighs(owner) < weighs(member));
	share_add(owner, SHARE_HELD, 2);
	assert_true(weighs(owner) > weighs(member));
	share_sub(owner, SHARE_HELD, ROOM / 8 + 2);
	share_sub(member, SHARE_HELD, 1);
	share_unref(owner);
	share_unref(member);
}

static void
many_addresses_come_before_every_family(void **state)
{
	struct share *addresses[ROOM], *family = caller(SHARE_FAMILY, "f");
	char name[2] = "";

	(void)state;
	share_add(family, SHARE_HELD, 50);
	for (int i = 0; i < ROOM / 4; i++) {
		name[0] = (char)(i + 1);
		addresses[i] = caller(SHARE_ADDRESS, name);
		share_add(addresses[i], SHARE_HELD, 1);
	}
	assert_true(weighs(addresses[0]) < weighs(family));
	share_add(addresses[0], SHARE_HELD, 1); /* more than a quarter, all together */
	assert_true(weighs(addresses[1]) > weighs(family));
	assert_true(weighs(addresses[0]) > weighs(addresses[1]));
	share_sub(addresses[0], SHARE_HELD, 1);
	share_sub(family, SHARE_HELD, 50);
	for (int i = 0; i < ROOM / 4; i++) {
		share_sub(addresses[i], SHARE_HELD, 1);
		share_unref(addresses[i]);
	}
	share_unref(family);
}

static void
without_memory_there_is_none(void **state)
{
	(void)state;
	mem_fail_after(0);
	assert_null(caller(SHARE_FAMILY, "a"));
	assert_null(shares_new());
	mem_fail_after(-1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_caller_has_one_share),
		TEST(the_more_is_used_the_more_it_weighs),
		TEST(an_eighth_is_kept_for_an_owner),
		TEST(many_addresses_come_before_every_family),
		TEST(without_memory_there_is_none),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
