/* SPDX-License-Identifier: Apache-2.0 */
/* edge/socket/caller: every permission, granted, denied, and when it cannot be determined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/mem.h"
#include "base/why.h"
#include "edge/socket/caller.h"

static int
no_user(const char *name, uid_t *uid)
{
	(void)name;
	(void)uid;
	return -ENOENT;
}

static int
no_group(const char *name, gid_t *gid)
{
	(void)name;
	(void)gid;
	return -ENOENT;
}

/* "+rule" allows, "-rule" denies; NULL ends. */
static struct acl *
rules(const char *const *texts)
{
	static const struct acl_lookup lookup = { no_user, no_group };
	struct why why;
	struct acl *a;

	assert_int_equal(acl_new(&a), 0);
	for (; *texts; texts++)
		assert_int_equal(acl_add(a, **texts == '+', *texts + 1, &lookup, &why), 0);
	return a;
}
#define RULES(...) rules((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

/* A caller whose groups cannot be read: its descriptor is not a socket. */
static struct caller
caller_without_groups(uid_t uid)
{
	return (struct caller){ .fd = -1, .uid = uid, .gid = uid };
}

static void
without_rules_everybody_may_and_no_group_is_read(void **state)
{
	struct caller c = caller_without_groups(1000);
	struct acl *a = RULES();

	(void)state;
	assert_int_equal(
	    caller_may_read(&c, a, KIND_CONNECTION, SPAN_LITERAL("x")), PERMISSION_ALLOWED);
	assert_int_equal(caller_may_read_any(&c, a), PERMISSION_ALLOWED);
	assert_false(c.groups_known);
	acl_free(a);
}

static void
rules_decide_by_uid_and_group(void **state)
{
	static gid_t groups[] = { 7, 50000 };
	struct caller alice = { .fd = -1, .uid = 1000, .gid = 1000, .groups_known = true };
	struct caller bob = {
		.fd = -1,
		.uid = 1001,
		.gid = 1001,
		.groups = groups,
		.n_groups = N_ELEMENTS(groups),
		.groups_known = true,
	};
	struct acl *a = RULES("-uid:1000 conn:secret", "+uid:1000 conn:*", "+gid:50000 var:a*");
	static const struct {
		bool bob;
		enum record_kind kind;
		const char *key;
		enum permission want;
	} rows[] = {
		{ false, KIND_CONNECTION, "open", PERMISSION_ALLOWED },
		{ false, KIND_CONNECTION, "secret", PERMISSION_DENIED },
		{ false, KIND_VARIABLE, "open", PERMISSION_DENIED },
		{ true, KIND_CONNECTION, "open", PERMISSION_DENIED },
		{ true, KIND_VARIABLE, "abc", PERMISSION_ALLOWED },
		{ true, KIND_VARIABLE, "bc", PERMISSION_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		if (caller_may_read(rows[i].bob ? &bob : &alice, a, rows[i].kind,
			span_of(rows[i].key)) != rows[i].want)
			fail_msg("row %zu", i);
	assert_int_equal(caller_may_read_any(&alice, a), PERMISSION_ALLOWED);
	assert_int_equal(caller_may_read_any(&bob, a), PERMISSION_ALLOWED);
	bob.n_groups = 1;
	assert_int_equal(caller_may_read_any(&bob, a), PERMISSION_DENIED);
	acl_free(a);
}

static void
groups_that_cannot_be_read_are_neither_yes_nor_no(void **state)
{
	struct caller c = caller_without_groups(1000);
	struct acl *a = RULES("+*");

	(void)state;
	assert_int_equal(
	    caller_may_read(&c, a, KIND_CONNECTION, SPAN_LITERAL("x")), PERMISSION_UNKNOWN);
	assert_int_equal(caller_may_read_any(&c, a), PERMISSION_UNKNOWN);
	acl_free(a);
}

static void
no_memory_for_the_groups_is_neither_yes_nor_no(void **state)
{
	struct acl *a = RULES("+*");
	struct caller c;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	c = (struct caller){ .fd = fd[0], .uid = getuid(), .gid = getgid() };
	mem_fail_after(0);
	assert_int_equal(caller_may_read_any(&c, a), PERMISSION_UNKNOWN);
	mem_fail_after(-1);
	assert_int_equal(caller_may_read_any(&c, a), PERMISSION_ALLOWED);
	caller_fini(&c);
	close(fd[0]);
	close(fd[1]);
	acl_free(a);
}

static void
the_kernel_tells_the_groups_and_they_are_asked_for_once(void **state)
{
	struct acl *a = RULES("+*");
	const gid_t *known;
	gid_t own[256];
	struct caller c;
	int fd[2], n;

	(void)state;
	n = getgroups(N_ELEMENTS(own), own);
	assert_true(n >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	c = (struct caller){ .fd = fd[0], .uid = getuid(), .gid = getgid() };
	assert_int_equal(caller_may_read_any(&c, a), PERMISSION_ALLOWED);
	assert_true(c.groups_known);
	assert_int_equal(c.n_groups, n);
	assert_memory_equal(c.groups, own, (size_t)n * sizeof *own);
	known = c.groups;
	assert_int_equal(caller_may_read_any(&c, a), PERMISSION_ALLOWED);
	assert_ptr_equal(c.groups, known);
	caller_fini(&c);
	close(fd[0]);
	close(fd[1]);
	acl_free(a);
	assert_int_equal(mem_live(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_everybody_may_and_no_group_is_read),
		cmocka_unit_test(rules_decide_by_uid_and_group),
		cmocka_unit_test(groups_that_cannot_be_read_are_neither_yes_nor_no),
		cmocka_unit_test(no_memory_for_the_groups_is_neither_yes_nor_no),
		cmocka_unit_test(the_kernel_tells_the_groups_and_they_are_asked_for_once),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
