/* SPDX-License-Identifier: Apache-2.0 */
/* edge/socket/usage: the share of each user in common resources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/mem.h"
#include "edge/socket/usage.h"

#define ROOM 6400

static void
one_user_gets_three_quarters_of_the_room(void **state)
{
	struct usages us;
	struct usage *greedy, *modest;
	size_t held = 0, other = 0;

	(void)state;
	usages_init(&us, ROOM);
	greedy = usage_join(&us, 1000);
	modest = usage_join(&us, 1001);
	assert_true(usage_fits(&us, greedy, ROOM * 3 / 4));
	assert_false(usage_fits(&us, greedy, ROOM * 3 / 4 + 1));
	usage_hold(&us, greedy, &held, ROOM * 3 / 4);
	assert_false(usage_fits(&us, greedy, 1));
	assert_null(usage_in_the_way(&us, greedy, 1));
	assert_true(usage_fits(&us, modest, ROOM / 4));
	usage_hold(&us, modest, &other, ROOM / 4);
	assert_int_equal(us.bytes, ROOM);
	usage_hold(&us, greedy, &held, 0);
	assert_int_equal(us.bytes, ROOM / 4);
	usage_hold(&us, modest, &other, 0);
	usage_leave(greedy);
	usage_leave(modest);
	usages_next_turn(&us);
	assert_int_equal(mem_live(), 0);
}

static void
when_all_is_taken_the_heaviest_gives_way_to_who_holds_less(void **state)
{
	size_t held[3] = { 0 };
	struct usage *u[3];
	struct usages us;

	(void)state;
	usages_init(&us, ROOM);
	for (uid_t i = 0; i < 3; i++)
		u[i] = usage_join(&us, 1000 + i);
	usage_hold(&us, u[0], &held[0], 3600);
	usage_hold(&us, u[1], &held[1], 2800);
	assert_false(usage_fits(&us, u[2], 1));
	assert_ptr_equal(usage_in_the_way(&us, u[2], 1), u[0]);
	assert_ptr_equal(usage_in_the_way(&us, u[1], 1), u[0]);
	assert_null(usage_in_the_way(&us, u[1], 800)); /* it would hold as much */
	assert_null(usage_in_the_way(&us, u[0], 1));
	usage_hold(&us, u[0], &held[0], 3500);
	assert_true(usage_fits(&us, u[2], 100));
	for (int i = 0; i < 3; i++) {
		usage_hold(&us, u[i], &held[i], 0);
		usage_leave(u[i]);
	}
	usages_next_turn(&us);
	assert_int_equal(mem_live(), 0);
}

static void
a_user_has_a_share_of_each_turn_and_its_connections_take_turns(void **state)
{
	struct usages us;
	struct usage *busy, *other;
	uint64_t round[3] = { 0 };

	(void)state;
	usages_init(&us, ROOM);
	busy = usage_join(&us, 1000);
	other = usage_join(&us, 1001);
	/*
	 * Each takes half a turn: two of three are served in the first turn, the third in the
	 * second.
	 */
	for (int i = 0; i < 3; i++)
		if (usage_may_go(busy, round[i])) {
			round[i] = busy->round + 1;
			busy->spent_us += USAGE_TURN_US / 2;
		}
	assert_true(round[0] == 1 && round[1] == 1 && round[2] == 0);
	assert_true(usage_may_go(other, 0));
	usages_next_turn(&us);
	assert_false(usage_may_go(busy, round[0]));
	assert_false(usage_may_go(busy, round[1]));
	assert_true(usage_may_go(busy, round[2]));
	round[2] = busy->round + 1;
	usages_next_turn(&us);
	assert_true(usage_may_go(busy, round[0]));
	assert_true(usage_may_go(busy, round[2]));
	usage_leave(busy);
	usage_leave(other);
	usages_next_turn(&us);
	assert_int_equal(mem_live(), 0);
}

static void
the_heaviest_has_most_connections(void **state)
{
	struct usages us;
	struct usage *one, *two;

	(void)state;
	usages_init(&us, ROOM);
	assert_null(usages_heaviest(&us));
	one = usage_join(&us, 1000);
	two = usage_join(&us, 1001);
	assert_ptr_equal(usage_join(&us, 1001), two);
	assert_ptr_equal(usages_heaviest(&us), two);
	usage_leave(two);
	usage_leave(two);
	assert_ptr_equal(usages_heaviest(&us), one);
	usage_leave(one);
	usages_next_turn(&us);
	assert_int_equal(mem_live(), 0);
}

static void
no_memory_for_a_new_user(void **state)
{
	struct usages us;

	(void)state;
	usages_init(&us, ROOM);
	mem_fail_after(0);
	assert_null(usage_join(&us, 1000));
	mem_fail_after(-1);
	assert_true(chain_is_empty(&us.all));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_user_gets_three_quarters_of_the_room),
		cmocka_unit_test(when_all_is_taken_the_heaviest_gives_way_to_who_holds_less),
		cmocka_unit_test(a_user_has_a_share_of_each_turn_and_its_connections_take_turns),
		cmocka_unit_test(the_heaviest_has_most_connections),
		cmocka_unit_test(no_memory_for_a_new_user),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
