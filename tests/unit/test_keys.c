/* SPDX-License-Identifier: Apache-2.0 */
/* manager/store/keys: where the key comes from, opening its envelopes, and rotation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/mem.h"
#include "manager/store/keys.h"
#include "tests/unit/check.h"
#include "tests/unit/memory_search.h"

#define AD   SPAN_LITERAL("object|x|sealed|1")
#define TEXT SPAN_LITERAL("a secret value")

struct fixture {
	char dir[TEST_DIR_SIZE];
	struct why why;
};

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof *f);

	assert_non_null(f);
	unsetenv("CREDENTIALS_DIRECTORY");
	test_dir_make(f->dir, "test_keys");
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

static const char *
path(const struct fixture *f, const char *name)
{
	static char out[TEST_DIR_SIZE + 64];

	(void)snprintf(out, sizeof out, "%s/%s", f->dir, name);
	return out;
}

static bool
is_there(const struct fixture *f, const char *name)
{
	return access(path(f, name), F_OK) == 0;
}

static struct keys *
make(struct fixture *f)
{
	struct keys *k;

	assert_int_equal(keys_make(&k, f->dir, NULL, &f->why), 0);
	return k;
}

static struct keys *
load(struct fixture *f)
{
	struct keys *k;

	assert_int_equal(keys_load(&k, f->dir, NULL, &f->why), 0);
	return k;
}

static void
seal_text(const struct keys *k, struct buf *envelope)
{
	buf_reset(envelope);
	assert_int_equal(keys_seal(k, AD, TEXT, envelope), 0);
	assert_int_equal(envelope->len, TEXT.n + KEYS_OVERHEAD);
}

static int
open_text(const struct keys *k, struct span ad, const struct buf *envelope)
{
	struct buf out = BUF_INIT(1000);
	int r = keys_open(k, ad, span_of_buf(envelope), &out);

	if (r == 0)
		assert_true(span_equal(span_of_buf(&out), TEXT));
	else
		assert_int_equal(out.len, 0);
	buf_fini(&out);
	return r;
}

static void
a_key_is_made_once_and_private(void **state)
{
	struct fixture *f = *state;
	struct buf envelope = BUF_INIT(1000);
	struct keys *k = make(f), *again;
	struct stat st;

	assert_int_equal(stat(path(f, "manager.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 65);
	assert_false(is_there(f, "manager.key.part"));
	seal_text(k, &envelope);
	again = make(f); /* the same one */
	assert_int_equal(open_text(again, AD, &envelope), 0);
	keys_free(k);
	keys_free(again);
	buf_fini(&envelope);
}

static void
a_missing_or_bad_key_says_what_is_wrong(void **state)
{
	struct fixture *f = *state;
	struct keys *k;
	int fd;

	assert_int_equal(keys_load(&k, f->dir, NULL, &f->why), -ENOENT);
	assert_null(k);
	assert_non_null(strstr(f->why.text, "missing") && strstr(f->why.text, "--key-file")
			    ? f->why.text
			    : NULL);
	assert_int_equal(keys_load(&k, f->dir, path(f, "elsewhere"), &f->why), -ENOENT);
	assert_non_null(strstr(f->why.text, "elsewhere"));
	fd = open(path(f, "manager.key"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "0123", 4), 4);
	assert_int_equal(keys_load(&k, f->dir, NULL, &f->why), -EINVAL);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(keys_load(&k, f->dir, NULL, &f->why), -EACCES);
	close(fd);
}

static void
a_credential_or_a_named_file_is_used_instead(void **state)
{
	static const uint8_t bytes[SEAL_KEY_SIZE] = { 3, 1, 4 };
	struct fixture *f = *state;
	struct buf envelope = BUF_INIT(1000);
	struct keys *k = keys_from_bytes(bytes), *named, *credential;

	seal_text(k, &envelope);
	assert_int_equal(file_create(path(f, "manager-key"), bytes, sizeof bytes, &f->why), 0);
	assert_int_equal(keys_load(&named, f->dir, path(f, "manager-key"), &f->why), 0);
	assert_int_equal(open_text(named, AD, &envelope), 0);
	setenv("CREDENTIALS_DIRECTORY", f->dir, 1);
	credential = make(f);
	assert_int_equal(open_text(credential, AD, &envelope), 0);
	assert_false(is_there(f, "manager.key"));
	/* A key that is passed in cannot be rotated without the new one. */
	assert_int_equal(keys_rotate(credential, NULL, &f->why), -EINVAL);
	assert_non_null(strstr(f->why.text, "--new-key-file"));
	unsetenv("CREDENTIALS_DIRECTORY");
	keys_free(k);
	keys_free(named);
	keys_free(credential);
	buf_fini(&envelope);
}

static void
an_envelope_opens_in_its_place_alone(void **state)
{
	struct fixture *f = *state;
	struct buf envelope = BUF_INIT(1000), cut = BUF_INIT(1000);
	struct keys *k = make(f);

	seal_text(k, &envelope);
	assert_int_equal(open_text(k, AD, &envelope), 0);
	assert_int_equal(open_text(k, SPAN_LITERAL("object|x|sealed|2"), &envelope), -EBADMSG);
	for (size_t i = 0; i < envelope.len; i++) { /* each byte counts */
		envelope.data[i] ^= 1;
		assert_int_equal(open_text(k, AD, &envelope), -EBADMSG);
		envelope.data[i] ^= 1;
	}
	for (size_t n = 0; n < envelope.len; n++) {
		buf_reset(&cut);
		buf_add(&cut, envelope.data, n);
		assert_int_equal(open_text(k, AD, &cut), -EBADMSG);
	}
	assert_int_equal(open_text(k, AD, &envelope), 0);
	keys_free(k);
	buf_fini(&envelope);
	buf_fini(&cut);
}

static void
two_envelopes_of_a_text_share_nothing(void **state)
{
	struct fixture *f = *state;
	struct buf a = BUF_INIT(1000), b = BUF_INIT(1000);
	struct keys *k = make(f);

	seal_text(k, &a);
	seal_text(k, &b);
	assert_memory_equal(a.data, b.data, 1 + KEYS_ID_SIZE);
	assert_memory_not_equal(
	    a.data + 1 + KEYS_ID_SIZE, b.data + 1 + KEYS_ID_SIZE, a.len - 1 - KEYS_ID_SIZE);
	assert_false(keys_is_first(span_of_buf(&a)));
	/*
	 * An envelope of the present format is not taken for one of the first, whatever its first
	 * byte.
	 */
	a.data[0] = 1;
	assert_true(keys_is_first(span_of_buf(&a)));
	buf_reset(&b);
	assert_int_equal(keys_open_first(k, AD, span_of_buf(&a), &b), -EBADMSG);
	assert_int_equal(keys_reseal(k, AD, span_of_buf(&a), &b), -EBADMSG);
	assert_int_equal(b.len, 0);
	keys_free(k);
	buf_fini(&a);
	buf_fini(&b);
}

static void
a_rotation_wraps_what_there_is_and_ends_with_one_key(void **state)
{
	struct fixture *f = *state;
	struct buf before = BUF_INIT(1000), after = BUF_INIT(1000);
	char was[2 * KEYS_ID_SIZE + 1], now[2 * KEYS_ID_SIZE + 1];
	struct keys *k = make(f), *old = load(f), *fresh;

	seal_text(k, &before);
	keys_name(k, was);
	assert_int_equal(keys_rotate(k, NULL, &f->why), 0);
	assert_true(is_there(f, "manager.key.new"));
	assert_int_equal(open_text(k, AD, &before), 0); /* both open meanwhile */
	assert_int_equal(keys_rewrap(k, AD, span_of_buf(&before), &after), 0);
	assert_int_equal(open_text(k, AD, &after), 0);
	assert_int_equal(open_text(old, AD, &after), -EBADMSG);
	assert_int_equal(keys_rotated(k), 0);
	assert_false(is_there(f, "manager.key.new"));
	keys_name(k, now);
	assert_string_not_equal(was, now);
	fresh = load(f);
	assert_int_equal(open_text(fresh, AD, &after), 0);
	assert_int_equal(open_text(fresh, AD, &before), -EBADMSG);
	/* And again. */
	assert_int_equal(keys_rotate(k, NULL, &f->why), 0);
	assert_int_equal(keys_rotated(k), 0);
	keys_free(k);
	keys_free(old);
	keys_free(fresh);
	buf_fini(&before);
	buf_fini(&after);
}

static void
a_rotation_that_fails_is_undone(void **state)
{
	struct fixture *f = *state;
	struct buf envelope = BUF_INIT(1000);
	struct keys *k = make(f), *again;

	seal_text(k, &envelope);
	assert_int_equal(keys_rotate(k, NULL, &f->why), 0);
	keys_rotate_undo(k);
	assert_false(is_there(f, "manager.key.new"));
	assert_int_equal(open_text(k, AD, &envelope), 0);
	again = load(f);
	assert_int_equal(open_text(again, AD, &envelope), 0);
	/* The present key is not a new one. */
	assert_int_equal(keys_rotate(k, path(f, "manager.key"), &f->why), -EINVAL);
	assert_non_null(strstr(f->why.text, "present"));
	assert_int_equal(open_text(k, AD, &envelope), 0);
	keys_free(k);
	keys_free(again);
	buf_fini(&envelope);
}

/* However a rotation was interrupted, the envelope of the state tells which key is valid. */
static void
what_was_cut_short_is_settled_by_an_envelope(void **state)
{
	struct fixture *f = *state;
	struct buf old = BUF_INIT(1000), fresh = BUF_INIT(1000);
	struct keys *k = make(f), *started;

	seal_text(k, &old);
	assert_int_equal(keys_rotate(k, NULL, &f->why), 0);
	assert_int_equal(keys_rewrap(k, AD, span_of_buf(&old), &fresh), 0);
	keys_free(k);
	/* Before the commit. */
	started = load(f);
	assert_int_equal(keys_settle(started, span_of_buf(&old)), 0);
	assert_false(is_there(f, "manager.key.new"));
	assert_int_equal(open_text(started, AD, &old), 0);
	assert_int_equal(keys_settle(started, span_of_buf(&fresh)), -EKEYREJECTED);
	/* After it; and a process was killed while it wrote a key. */
	assert_int_equal(keys_rotate(started, NULL, &f->why), 0);
	buf_reset(&fresh);
	assert_int_equal(keys_rewrap(started, AD, span_of_buf(&old), &fresh), 0);
	keys_free(started);
	assert_int_equal(file_create(path(f, "manager.key.new.part"), "12", 2, &f->why), 0);
	assert_int_equal(file_create(path(f, "manager.key.part"), "12", 2, &f->why), 0);
	started = load(f);
	assert_int_equal(keys_settle(started, span_of_buf(&fresh)), 0);
	assert_false(is_there(f, "manager.key.new"));
	assert_false(is_there(f, "manager.key.new.part"));
	assert_false(is_there(f, "manager.key.part"));
	keys_free(started);
	started = load(f);
	assert_int_equal(open_text(started, AD, &fresh), 0);
	assert_int_equal(open_text(started, AD, &old), -EBADMSG);
	keys_free(started);
	buf_fini(&old);
	buf_fini(&fresh);
}

/* The key in DIR/manager.key, turned. */
static void
read_turned(struct fixture *f, uint8_t turned[static SECRET_SIZE])
{
	uint8_t key[SEAL_KEY_SIZE];

	assert_int_equal(file_read_key(path(f, "manager.key"), key, &f->why), 0);
	secret_turn(turned, key);
	mem_wipe(key, sizeof key);
}

static void
keys_are_in_locked_memory_and_wiped(void **state)
{
	struct fixture *f = *state;
	int64_t live = mem_live();
	struct keys *k = make(f);
	uint8_t turned[SECRET_SIZE];
	struct copies c;

	read_turned(f, turned);
	c = secret_find(turned);
	assert_int_equal(c.locked, 1);
	assert_int_equal(c.elsewhere, 0);
	keys_free(k);
	c = secret_find(turned);
	assert_int_equal(c.locked + c.elsewhere, 0);
	assert_int_equal(mem_live(), live);
}

static void
without_memory_there_are_no_keys(void **state)
{
	struct fixture *f = *state;
	struct keys *k = make(f);
	int r = -ENOMEM;

	keys_free(k);
	for (int n = 0; r != 0; n++) {
		int64_t live = mem_live();

		assert_true(n < 1000);
		mem_fail_after(n);
		r = keys_load(&k, f->dir, NULL, &f->why);
		mem_fail_after(-1);
		if (r == 0)
			keys_free(k);
		assert_int_equal(mem_live(), live);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

/* The database's answer to the rotation's COMMIT was lost. */
static void
a_rotation_of_unknown_end_is_decided_by_an_envelope(void **state)
{
	struct fixture *f = *state;
	struct buf old = BUF_INIT(1000), fresh = BUF_INIT(1000);
	struct keys *k = make(f);

	seal_text(k, &old);
	/* It was not made; that is known when nobody is committing it any more. */
	assert_int_equal(keys_rotate(k, NULL, &f->why), 0);
	keys_rotate_unknown(k);
	assert_int_equal(keys_rotate(k, NULL, &f->why), -EBUSY); /* it would lose a key */
	assert_int_equal(keys_follow(k, span_of_buf(&old), false), 0);
	assert_true(is_there(f, "manager.key.new"));
	assert_int_equal(keys_follow(k, span_of_buf(&old), true), 0);
	assert_false(is_there(f, "manager.key.new"));
	/* It was. */
	assert_int_equal(keys_rotate(k, NULL, &f->why), 0);
	assert_int_equal(keys_rewrap(k, AD, span_of_buf(&old), &fresh), 0);
	keys_rotate_unknown(k);
	assert_int_equal(keys_follow(k, span_of_buf(&fresh), false), 1);
	assert_false(is_there(f, "manager.key.new"));
	keys_free(k);
	k = load(f);
	assert_int_equal(open_text(k, AD, &fresh), 0);
	keys_free(k);
	buf_fini(&old);
	buf_fini(&fresh);
}

static void
a_key_that_another_manager_made_is_found_in_the_file(void **state)
{
	struct fixture *f = *state;
	struct buf old = BUF_INIT(1000), fresh = BUF_INIT(1000), later = BUF_INIT(1000);
	struct keys *one = make(f), *other = load(f);

	keys_share(one);
	keys_share(other);
	seal_text(one, &old);
	assert_int_equal(keys_rotate(one, NULL, &f->why), 0);
	assert_int_equal(keys_rewrap(one, AD, span_of_buf(&old), &fresh), 0);
	assert_int_equal(open_text(other, AD, &fresh), -EKEYREJECTED);
	assert_int_equal(keys_follow(other, span_of_buf(&fresh), true), -EKEYREJECTED);
	assert_int_equal(keys_rotated(one), 0); /* both use one file here */
	assert_int_equal(open_text(other, AD, &fresh), 0);
	assert_int_equal(keys_follow(other, span_of_buf(&fresh), true), 1);
	seal_text(other, &later);
	assert_int_equal(open_text(one, AD, &later), 0);
	assert_int_equal(open_text(other, AD, &old), 0); /* read before the change */
	keys_free(one);
	keys_free(other);
	buf_fini(&old);
	buf_fini(&fresh);
	buf_fini(&later);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_made_once_and_private),
		TEST(a_missing_or_bad_key_says_what_is_wrong),
		TEST(a_credential_or_a_named_file_is_used_instead),
		TEST(an_envelope_opens_in_its_place_alone),
		TEST(two_envelopes_of_a_text_share_nothing),
		TEST(a_rotation_wraps_what_there_is_and_ends_with_one_key),
		TEST(a_rotation_that_fails_is_undone),
		TEST(what_was_cut_short_is_settled_by_an_envelope),
		TEST(a_rotation_of_unknown_end_is_decided_by_an_envelope),
		TEST(a_key_that_another_manager_made_is_found_in_the_file),
		TEST(keys_are_in_locked_memory_and_wiped),
		TEST(without_memory_there_are_no_keys),
	};

	return base_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
