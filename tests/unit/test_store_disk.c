/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directory: opening it, kills during writes, no value in plain text; and failing
 * allocations.
 */
#include "base/why.h"
#include "tests/unit/store_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"

/* True if a file of the directory contains these bytes. */
static bool
on_disk(const char *dir, const char *needle)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	assert_non_null(d);
	while ((e = readdir(d)) && !found) {
		struct buf b = BUF_INIT(64 << 20);
		char path[400], chunk[4096];
		ssize_t n;
		int fd;

		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		fd = open(path, O_RDONLY);
		while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
			buf_add(&b, chunk, (size_t)n);
		if (fd >= 0)
			close(fd);
		found = b.len && memmem(b.data, b.len, needle, strlen(needle));
		buf_fini(&b);
	}
	closedir(d);
	return found;
}

static void
the_disk_holds_no_value(void **state)
{
	struct fixture *f = *state;
	struct id id;

	assert_int_equal(
	    CREATE(f, &id, CONN, "findkey",
		"{\"type\":\"findtype\",\"host\":\"findhost\",\"password\":\"findpass\"}",
		"finddescription", SCOPE_WORKSPACE, &f->ws, false, { &f->dep[0] },
		{ "{\"login\":\"findlogin\"}" }),
	    0);
	assert_int_equal(store_secret_put(f->s, "seed", SPAN_LITERAL("findsecret")), 0);
	for (int closed = 0; closed < 2; closed++) {
		assert_true(on_disk(f->dir, "findkey")); /* proves that the search works */
		assert_false(on_disk(f->dir, "findtype"));
		assert_false(on_disk(f->dir, "findhost"));
		assert_false(on_disk(f->dir, "findpass"));
		assert_false(on_disk(f->dir, "finddescription"));
		assert_false(on_disk(f->dir, "findlogin"));
		assert_false(on_disk(f->dir, "findsecret"));
		reopen(f);
	}
}

static void
secrets_of_the_manager_are_kept_once(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(100);

	assert_int_equal(store_secret_get(f->s, "seed", &b), STORE_NOT_FOUND);
	assert_int_equal(store_secret_put(f->s, "seed", SPAN_LITERAL("abc")), 0);
	assert_int_equal(store_secret_put(f->s, "seed", SPAN_LITERAL("def")), STORE_CONFLICT);
	assert_int_equal(store_secret_get(f->s, "seed", &b), 0);
	assert_string_equal(buf_str(&b), "abc");
	buf_fini(&b);
}

static void
opening_says_why_not(void **state)
{
	struct fixture *f = *state;
	uint8_t other[SEAL_KEY_SIZE] = { 9 };
	struct why why;
	struct keys *wrong = keys_from_bytes(other);
	struct store *s = NULL;

	assert_int_equal(store_open(&s, f->dir, f->keys, &why), -EBUSY);
	assert_non_null(strstr(why.text, "another"));
	assert_int_equal(store_create(&s, f->dir, f->keys, &why), -EBUSY);
	store_close(f->s);
	assert_int_equal(store_create(&s, f->dir, f->keys, &why), -EEXIST);
	assert_int_equal(store_open(&s, f->dir, wrong, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "key"));
	assert_int_equal(store_open(&s, "/nonexistent/dir", f->keys, &why), -ENOENT);
	assert_int_equal(store_open(&f->s, f->dir, f->keys, &why), 0);
	keys_free(wrong);
}

/*
 * A child writes and is killed at a random moment. Everything that it reported as done must be
 * stored, and the store must open.
 */
static void
a_kill_loses_nothing_that_was_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct why why;
	struct id id;
	long acked = 0;

	assert_int_equal(CREATE(f, &id, VAR, "counter", V("0"), NULL, SCOPE_WORKSPACE, &f->ws,
			     false, { &f->dep[0] }, { "{\"value\":\"0\"}" }),
	    0);
	store_close(f->s);
	f->s = NULL;
	for (int round = 0; round < 10; round++) {
		int fds[2], status;
		struct store_object o;
		char value[64], line[64];
		long at;
		pid_t pid;
		FILE *in;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			f->keys =
			    keys_from_bytes(test_kek); /* a child has no threads of its parent */
			if (!f->keys || store_open(&f->s, f->dir, f->keys, &why) != 0)
				_exit(2);
			for (long i = acked + 1;; i++) {
				snprintf(value, sizeof value,
				    "{\"value\":\"%ld\",\"isSecret\":false}", i);
				snprintf(line, sizeof line, "{\"value\":\"%ld\"}", i);
				if (UPDATE(f, &id, VAR, NULL, value, NULL, .link = { &f->dep[0] },
					.override = { line }) != 0)
					_exit(3);
				if (dprintf(fds[1], "%ld\n", i) < 0)
					_exit(4);
			}
		}
		close(fds[1]);
		in = fdopen(fds[0], "r");
		for (int lines = 0; lines < 3 + round && fgets(line, sizeof line, in); lines++)
			acked = atol(line);
		kill(pid, SIGKILL);
		while (fgets(line, sizeof line, in))
			acked = atol(line);
		fclose(in);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(store_open(&f->s, f->dir, f->keys, &why), 0);
		get(f, &id, &o);
		at = atol(o.value.p + 10);
		assert_true(at == acked || at == acked + 1);
		assert_int_equal(atol(o.links[0].override.p + 10), at); /* never half of it */
		acked = at;
		if (round < 9) {
			store_close(f->s);
			f->s = NULL;
		}
	}
}

/* As after copying an old file, resetting a virtual machine, or a killed restore. */
static void
a_store_that_was_set_back_repeats_no_version(void **state)
{
	struct fixture *f = *state;
	char copy[TEST_DIR_SIZE + 16], database[TEST_DIR_SIZE + 16];
	struct why why = { "" };
	struct store_version one, other, before;
	struct store_object o;
	struct id id;

	(void)snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
	(void)snprintf(database, sizeof database, "%s/manager.db", f->dir);
	assert_int_equal(CREATE(f, &id, VAR, "v", V("0"), NULL, SCOPE_WORKSPACE, &f->ws), 0);
	before = version_of(f, SCOPE_WORKSPACE, f->ws, STORE_ALL_TYPES, false);
	assert_int_equal(store_backup(f->s, copy, &why), 0);
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("one"), NULL), 0);
	one = version_of(f, SCOPE_WORKSPACE, f->ws, STORE_ALL_TYPES, false);
	f->s = store_close(f->s);
	assert_int_equal(rename(copy, database), 0);
	assert_int_equal(store_open(&f->s, f->dir, f->keys, &why), 0);
	/* Nothing has changed since, so the client's version is current. */
	other = version_of(f, SCOPE_WORKSPACE, f->ws, STORE_ALL_TYPES, false);
	assert_true(store_version_equal(&before, &other));
	assert_int_equal(UPDATE(f, &id, VAR, NULL, V("other"), NULL), 0);
	other = version_of(f, SCOPE_WORKSPACE, f->ws, STORE_ALL_TYPES, false);
	assert_int_equal(one.number, other.number);
	assert_false(store_version_equal(&one, &other));
	get(f, &id, &o);
	assert_true(o.draw != 0);
}

static void
out_of_memory_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct id id, extra;
	int r = -ENOMEM;

	assert_int_equal(CREATE(f, &id, VAR, "v", V("1"), NULL, SCOPE_WORKSPACE, &f->ws, false,
			     { &f->dep[0] }, { "{\"value\":\"2\"}" }),
	    0);
	for (int n = 0; r != 0; n++) {
		assert_true(n < 100000);
		mem_fail_after(n);
		r = CREATE(f, &extra, VAR, "w", V("3"), NULL, SCOPE_WORKSPACE, &f->ws, false,
		    { &f->dep[0] }, { "{\"value\":\"4\"}" });
		mem_fail_after(-1);
		assert_true(r == 0 || r < 0);
		assert_list(f, &VIEW(f->dep[0]), r == 0 ? 2 : 1, r == 0 ? ">v=2 >w=4" : ">v=2");
	}
	r = -ENOMEM;
	for (int n = 0; r != 0; n++) {
		assert_true(n < 100000);
		mem_fail_after(n);
		r = UPDATE(f, &id, VAR, NULL, V("5"), NULL, .link = { &f->dep[0] },
		    .override = { "{\"value\":\"6\"}" });
		mem_fail_after(-1);
		assert_list(f, &VIEW(f->dep[0]), 2, r == 0 ? ">v=6 >w=4" : ">v=2 >w=4");
	}
	/* The cached places do not contain a change that could not be written. */
	r = -ENOMEM;
	for (int n = 0; r != 0; n++) {
		struct store_entity e;

		assert_true(n < 100000);
		mem_fail_after(n);
		r = store_entity_update(f->s, SCOPE_DEPLOYMENT, &f->dep[0], NAMED("new"), &nobody);
		mem_fail_after(-1);
		assert_int_equal(store_entity_get(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &e), 0);
		assert_span(e.name, r == 0 ? "new" : "a");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(the_disk_holds_no_value),
		STORE_TEST(secrets_of_the_manager_are_kept_once),
		STORE_TEST(opening_says_why_not),
		STORE_TEST(a_kill_loses_nothing_that_was_acknowledged),
		STORE_TEST(a_store_that_was_set_back_repeats_no_version),
		STORE_TEST(out_of_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, store_start, NULL);
}
