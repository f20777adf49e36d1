/* SPDX-License-Identifier: Apache-2.0 */
/* base: wiped memory, buffers with a cap, the arena, hashes, sealing, secret files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json/write.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/minmax.h"
#include "base/rnd.h"
#include "base/seal.h"
#include "base/utf8.h"

/* This program is linked with --wrap=free, so every freed block passes through here. */
void __real_free(void *p);
void __wrap_free(void *p);

static const void *watched; /* the block to look at when it is freed */
static size_t watched_size;
static bool freed_zeroed;

void
__wrap_free(void *p)
{
	static const char zeros[256];

	if (p && p == watched)
		freed_zeroed = memcmp(p, zeros, watched_size) == 0;
	__real_free(p);
}

/* A block of n <= 256 bytes, none of them 0. */
static char *
watched_block(size_t n)
{
	char *p = mem_alloc(n);

	assert_non_null(p);
	memset(p, 's', n);
	watched = p;
	watched_size = n;
	freed_zeroed = false;
	return p;
}

static void
memory_is_zeroed_before_it_is_freed(void **state)
{
	char *p = watched_block(200), *q;

	(void)state;
	mem_free(p);
	assert_true(freed_zeroed);
	q = mem_resize(watched_block(200), 100000); /* moves */
	assert_non_null(q);
	assert_true(freed_zeroed);
	watched = NULL;
	mem_free(q);
}

static void
memory_counts_what_lives_and_fails_when_told(void **state)
{
	int64_t before = mem_live();
	char *p, *q;

	(void)state;
	p = mem_strdup("secret");
	assert_non_null(p);
	assert_int_equal(mem_live(), before + 1);
	q = mem_resize(p, 5000);
	assert_non_null(q);
	assert_string_equal(q, "secret");
	mem_fail_after(1);
	p = mem_alloc(1);
	assert_non_null(p);
	assert_null(mem_alloc(1));
	assert_null(mem_resize(q, 100000)); /* q is untouched */
	mem_fail_after(-1);
	assert_string_equal(q, "secret");
	mem_free(p);
	mem_free(q);
	mem_free(NULL);
	assert_null(mem_calloc(SIZE_MAX / 2, 3));
	assert_int_equal(mem_live(), before);
}

static void
buffer_stops_at_its_cap_and_the_failure_sticks(void **state)
{
	struct buf b = BUF_INIT(10);
	size_t len;
	char *text;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_adds(&b, "0123456789");
	assert_int_equal(buf_error(&b), 0);
	buf_addc(&b, 'x');
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	buf_consume(&b, 4);
	buf_adds(&b, "y"); /* would fit, but the error is sticky: a piece is missing */
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	assert_string_equal(buf_str(&b), "456789");
	assert_memory_equal(b.data + b.len, "\0\0\0\0\0", 5); /* the freed bytes are wiped */
	assert_null(buf_take(&b, &len));
	buf_reset(&b);
	buf_addf(&b, "%d-%s", 42, "ab");
	text = buf_take(&b, &len);
	assert_string_equal(text, "42-ab");
	assert_int_equal(len, 5);
	mem_free(text);
	assert_int_equal(b.len, 0);
	mem_fail_after(0);
	buf_adds(&b, "z");
	mem_fail_after(-1);
	assert_int_equal(buf_error(&b), -ENOMEM);
	buf_fini(&b);
}

static void
truncating_a_buffer_wipes_the_rest_and_clears_the_error(void **state)
{
	struct buf b = BUF_INIT(8);

	(void)state;
	buf_truncate(&b, 0);
	assert_string_equal(buf_str(&b), "");
	buf_adds(&b, "abcdefgh");
	buf_addc(&b, 'i');
	buf_truncate(&b, 3);
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(buf_str(&b), "abc");
	assert_memory_equal(b.data + b.len, "\0\0\0\0\0", 5);
	buf_addc(&b, 'j');
	assert_string_equal(buf_str(&b), "abcj");
	buf_fini(&b);
}

static void
json_integers_are_written_to_both_ends(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	jtext_int(&b, INT64_MIN);
	jtext_int(&b, 0);
	jtext_int(&b, INT64_MAX);
	jtext_int(&b, -7);
	assert_string_equal(buf_str(&b), "-922337203685477580809223372036854775807-7");
	buf_fini(&b);
}

static void
json_text_escapes_what_json_demands_and_no_more(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	buf_addc(&b, '{');
	jtext_member_string(&b, "a", SPAN_LITERAL("q\"b\\s\n\t\x01\x7f\xc3\xbc"));
	jtext_member_string(&b, "absent", (struct span){ NULL, 0 });
	jtext_member_string(&b, "empty", SPAN_LITERAL(""));
	jtext_member_int(&b, "i", INT64_MIN);
	jtext_member_bool(&b, "t", true);
	buf_addc(&b, '}');
	assert_string_equal(buf_str(&b),
	    "{\"a\":\"q\\\"b\\\\s\\n\\t\\u0001\x7f\xc3\xbc\",\"empty\":\"\","
	    "\"i\":-9223372036854775808,\"t\":true}");
	buf_fini(&b);
	assert_true(span_equal(SPAN_LITERAL(""), (struct span){ NULL, 0 }));
	assert_false(span_is((struct span){ NULL, 0 }, ""));
}

static void
utf8_is_what_the_standard_says(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} table[] = {
		{ "", true },
		{ "a\xc2\x80\xdf\xbf", true },
		{ "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", true },
		{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true },
		{ "\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xc3", false },
		{ "\xe2\x82", false },
		{ "\xc3(", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		assert_int_equal(utf8_is_valid(span_of(table[i].text)), table[i].valid);
	assert_false(utf8_is_valid((struct span){ "a\0b", 3 }));
	assert_int_equal(utf8_length(SPAN_LITERAL("a\xc3\xa4\xf0\x9f\x98\x80")), 3);
}

static void
utf8_is_cut_between_characters(void **state)
{
	struct span text = SPAN_LITERAL("a\xc3\xa4\xf0\x9f\x98\x80"); /* 1, 2 and 4 bytes */
	static const size_t cut[] = { 0, 1, 1, 3, 3, 3, 3, 7, 7 };

	(void)state;
	for (size_t most = 0; most < N_ELEMENTS(cut); most++)
		assert_int_equal(utf8_cut(text, most), cut[most]);
	for (size_t n = 0; n <= text.n; n++)
		assert_int_equal(utf8_whole((struct span){ text.p, n }), cut[n]);
	assert_int_equal(utf8_whole(SPAN_LITERAL("\x80\x80")), 2); /* no character starts here */
}

static void
what_must_not_reach_a_terminal_is_found(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
		uint32_t code;
	} table[] = {
		{ "\x1f", 1, 0x1f },
		{ " ", 0, 0 },
		{ "\x7f", 1, 0x7f },
		{ "\xc2\x9f", 2, 0x9f },
		{ "\xc2\xa0", 0, 0 },
		{ "\xe2\x80\x8d", 0, 0 },
		{ "\xe2\x80\x8e", 3, 0x200e },
		{ "\xe2\x80\xa7", 0, 0 },
		{ "\xe2\x80\xa8", 3, 0x2028 },
		{ "\xe2\x80\xae", 3, 0x202e },
		{ "\xe2\x80\xaf", 0, 0 },
		{ "\xe2\x81\xa6", 3, 0x2066 },
		{ "\xe2\x81\xa9", 3, 0x2069 },
		{ "\xe2\x81\xaa", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct span s = span_of(table[i].text);
		uint32_t code = 0;

		assert_int_equal(utf8_unsafe(s.p, s.n, &code), table[i].bytes);
		if (table[i].bytes)
			assert_int_equal(code, table[i].code);
		assert_int_equal(utf8_is_printable(s), table[i].code == 0 || table[i].code > 0xff);
	}
}

static void
arena_keeps_addresses_and_ends_at_its_cap(void **state)
{
	struct arena *a;
	char *first, *p = NULL;
	size_t got = 0;

	(void)state;
	assert_int_equal(arena_new(&a, 3 * 1000 * 1000, ARENA_LOCK_PREFER), 0);
	first = arena_alloc(a, 6, 1);
	memcpy(first, "first", 6);
	while ((p = arena_alloc(a, 1000, 8))) {
		assert_int_equal((uintptr_t)p % 8, 0);
		assert_int_equal(p[0] | p[999], 0);
		memset(p, 'x', 1000);
		got += 1000;
	}
	assert_int_equal(arena_error(a), -EMSGSIZE);
	assert_in_range(got, 2990 * 1000, 3000 * 1000);
	assert_string_equal(first, "first");
	assert_int_equal(arena_seal(a), -EMSGSIZE); /* half a generation is none */
	assert_null(arena_free(a));
}

static int
dies_writing(char *p)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)p = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

static void
sealed_arena_is_read_only_and_not_inherited(void **state)
{
	struct arena *a;
	char *p;
	int zero;

	(void)state;
	assert_int_equal(arena_new(&a, (size_t)1 << 30, ARENA_LOCK_OFF), 0);
	p = arena_alloc(a, 5000, 1);
	memset(p, 'x', 5000);
	assert_int_equal(arena_seal(a), 0);
	assert_null(arena_alloc(a, 1, 1));
	assert_int_equal(p[4999], 'x');
	assert_true(dies_writing(p)); /* the child has not inherited it */
	zero = open("/dev/zero", O_RDONLY);
	assert_true(zero >= 0);
	assert_int_equal(read(zero, p, 1), -1);
	assert_int_equal(errno, EFAULT);
	close(zero);
	assert_int_equal(p[0], 'x');
	assert_int_equal(arena_locked(a), 0);
	arena_free(a);

	assert_int_equal(arena_new(&a, 1, ARENA_LOCK_OFF), 0);
	assert_int_equal(arena_seal(a), 0); /* an empty one is fine */
	arena_free(a);
}

static void
sealing_binds_text_to_its_place(void **state)
{
	uint8_t key[SEAL_KEY_SIZE], other[SEAL_KEY_SIZE];
	uint8_t sealed[5 + SEAL_OVERHEAD], plain[5];

	(void)state;
	rnd_bytes(key, sizeof key);
	seal_derive(other, key, "testtest", 1);
	seal(sealed, "hello", 5, "row 1", 5, key);
	assert_int_equal(seal_open(plain, sealed, sizeof sealed, "row 1", 5, key), 0);
	assert_memory_equal(plain, "hello", 5);
	assert_int_equal(seal_open(plain, sealed, sizeof sealed, "row 2", 5, key), -EBADMSG);
	assert_int_equal(seal_open(plain, sealed, sizeof sealed, "row 1", 5, other), -EBADMSG);
	assert_int_equal(seal_open(plain, sealed, SEAL_OVERHEAD - 1, "row 1", 5, key), -EBADMSG);
	for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
		    seal_open(plain, sealed, sizeof sealed, "row 1", 5, key), -EBADMSG);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
hex_takes_exactly_its_digits(void **state)
{
	uint8_t out[2];
	char text[5];

	(void)state;
	assert_true(hex_decode(out, 2, "0aFf", 4));
	hex_encode(text, out, 2);
	assert_string_equal(text, "0aff");
	assert_false(hex_decode(out, 2, "0aF", 3));
	assert_false(hex_decode(out, 2, "0aFf0", 5));
	assert_false(hex_decode(out, 2, "0a:f", 4));
	assert_false(hex_decode(out, 2, "0axf", 4));
}

static void
random_numbers_stay_in_their_range(void **state)
{
	int low = 0, high = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t v = rnd_between(-1, 1);

		assert_in_range(v + 1, 0, 2);
		low |= v == -1;
		high |= v == 1;
	}
	assert_true(low && high);
	assert_int_equal(rnd_between(7, 7), 7);
	assert_int_equal(rnd_between(9, 7), 9);
	(void)rnd_between(INT64_MIN, INT64_MAX);
}

static void
wall_time_is_written_as_rfc3339(void **state)
{
	char text[CLOCK_RFC3339_SIZE];

	(void)state;
	clock_rfc3339(1700000000999, text);
	assert_string_equal(text, "2023-11-14T22:13:20Z");
	assert_true(clock_boot_ms() > 0);
	assert_true(clock_wall_ms() > 1700000000000);
}

/* Every 19 hours and some, up to the year 10000, beside libc. */
static void
all_days_are_those_of_libc(void **state)
{
	char text[CLOCK_RFC3339_SIZE], expected[CLOCK_RFC3339_SIZE];
	int64_t read_ms;
	struct tm tm;

	(void)state;
	for (time_t s = 0; s < 253402300800; s += 68917) {
		assert_non_null(gmtime_r(&s, &tm));
		assert_true(strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
		clock_rfc3339(s * 1000 + 999, text);
		assert_string_equal(text, expected);
		assert_true(clock_from_rfc3339(span_of(text), &read_ms));
		assert_int_equal(read_ms, s * 1000);
	}
	clock_rfc3339(253402300799999, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	clock_rfc3339(253402300800000, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	clock_rfc3339(-1, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
}

static void
a_time_is_read_in_utc_or_not_at_all(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "1970-01-01", 0 },
		{ "2024-02-29", 1709164800000 },
		{ "2023-12-31", 1703980800000 },
		{ "2023-11-14T22:13:20Z", 1700000000000 },
		{ "2023-11-14T22:13:20.9Z", 1700000000900 },
		{ "2023-11-14T22:13:20.123456789Z", 1700000000123 },
	};
	static const char *const bad[] = { "", "2023", "2023-11-14T", "2023-11-14T22:13:20",
		"2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+00:00", "2023-11-14 22:13:20Z",
		"2023-11-14T22:13:20Zx", "2023-02-29", "2023-04-31", "2023-13-01", "2023-00-01",
		"2023-01-00", "1969-12-31", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z",
		"2023-11-14T22:13:60Z", "-023-11-14", "2023-1-1" };
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		assert_true(clock_from_rfc3339(span_of(good[i].text), &ms));
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		assert_false(clock_from_rfc3339(span_of(bad[i]), &ms));
}

/* Writes a file with this mode and reads it back as a key. */
static int
read_key_of(const char *path, const char *text, mode_t mode, uint8_t *key)
{
	struct why why = { "" };
	int r;

	(void)unlink(path);
	assert_int_equal(file_create(path, text, strlen(text), &why), 0);
	assert_int_equal(chmod(path, mode), 0);
	r = file_read_key(path, key, &why);
	assert_int_equal(r == 0, why.text[0] == '\0');
	return r;
}

static void
key_files_are_refused_when_others_may_read_them(void **state)
{
	static const char hex[] =
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	char dir[] = "/tmp/test_base.XXXXXX", path[64];
	struct why why;
	uint8_t key[SEAL_KEY_SIZE];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/key", dir);
	assert_int_equal(read_key_of(path, hex, 0600, key), 0);
	assert_int_equal(key[31], 0x1f);
	assert_int_equal(read_key_of(path, hex, 0440, key), 0); /* as systemd creates credentials */
	for (mode_t mode = 0601; mode <= 0604; mode = (mode - 0600) * 2 + 0600)
		assert_int_equal(read_key_of(path, hex, mode, key), -EACCES);
	assert_int_equal(read_key_of(path, hex, 0620, key), -EACCES);
	if (geteuid() == 0) {
		assert_int_equal(read_key_of(path, hex, 0600, key), 0);
		assert_int_equal(chown(path, 1, (gid_t)-1), 0);
		assert_int_equal(file_read_key(path, key, &why), -EACCES);
		assert_non_null(strstr(why.text, "is owned by another user"));
	}
	assert_int_equal(read_key_of(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", 0600, key), 0);
	assert_memory_equal(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", 32);
	assert_int_equal(read_key_of(path, "too short", 0600, key), -EINVAL);
	assert_int_equal(read_key_of(path, "", 0600, key), -EINVAL);
	assert_int_equal(file_create(path, "x", 1, &why), -EEXIST);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(file_read_key("/nonexistent/key", key, &why), -ENOENT);
	assert_int_equal(file_read_key("/dev/null", key, &why), -EACCES);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* What log_write() puts on stderr. */
static void
capture(enum log_format format, const struct log_field *fields, char *out, size_t size)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	log_setup(format, LOG_INFO);
	log_write(LOG_WARN, "sync failed", fields);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	n = read(ends[0], out, size - 1);
	assert_true(n > 0);
	out[n] = '\0';
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

static void
log_lines_can_not_be_forged(void **state)
{
	struct log_field fields[] = { LOG_STR("why", "a\nlevel=error \"x\" \xff"), LOG_INT("n", -5),
		{ 0 } };
	char line[1000];

	(void)state;
	capture(LOG_FORMAT_JOURNAL, fields, line, sizeof line);
	assert_string_equal(line,
	    "<4>level=warn event=\"sync failed\" why=\"a\\nlevel=error \\\"x\\\" \\u00ff\" n=-5\n");
	capture(LOG_FORMAT_JSON, fields, line, sizeof line);
	assert_non_null(strstr(line, "\"why\":\"a\\nlevel=error \\\"x\\\" \\u00ff\",\"n\":-5}\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	fields[0] = LOG_STR("why", "\x7f\xc2\x9b\xe2\x80\xae|\xe0\x80\x80|\xc3\xa9");
	capture(LOG_FORMAT_JSON, fields, line, sizeof line);
	assert_non_null(strstr(
	    line, "\"why\":\"\\u007f\\u009b\\u202e|\\u00e0\\u0080\\u0080|\xc3\xa9\",\"n\":-5}\n"));
	capture(LOG_FORMAT_KV, NULL, line, sizeof line);
	assert_memory_equal(line, "time=20", 7);
	assert_false(log_enabled(LOG_DEBUG));
	assert_true(log_enabled(LOG_INFO));
}

static void
a_long_foreign_text_is_cut_between_characters(void **state)
{
	char text[2000], line[1000];
	struct log_field fields[] = { LOG_STR("why", text), { 0 } };

	(void)state;
	text[0] = 'x';
	for (size_t i = 1; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[sizeof text - 1] = '\0';
	capture(LOG_FORMAT_JSON, fields, line, sizeof line);
	assert_true(utf8_is_valid(span_of(line)));
	assert_string_equal(line + strlen(line) - 6, "...\"}\n");
	assert_in_range(strlen(strstr(line, "\"why\"")), 512, 530);
}

static void
minimum_and_maximum_hold_at_both_ends_of_int64(void **state)
{
	(void)state;
	assert_true(min_i64(-1, 1) == -1 && min_i64(1, -1) == -1);
	assert_true(max_i64(-1, 1) == 1 && max_i64(1, -1) == 1);
	assert_true(min_i64(7, 7) == 7 && max_i64(7, 7) == 7);
	assert_true(min_i64(INT64_MIN, INT64_MAX) == INT64_MIN);
	assert_true(max_i64(INT64_MIN, INT64_MAX) == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_before_it_is_freed),
		cmocka_unit_test(memory_counts_what_lives_and_fails_when_told),
		cmocka_unit_test(buffer_stops_at_its_cap_and_the_failure_sticks),
		cmocka_unit_test(truncating_a_buffer_wipes_the_rest_and_clears_the_error),
		cmocka_unit_test(json_integers_are_written_to_both_ends),
		cmocka_unit_test(json_text_escapes_what_json_demands_and_no_more),
		cmocka_unit_test(utf8_is_what_the_standard_says),
		cmocka_unit_test(utf8_is_cut_between_characters),
		cmocka_unit_test(what_must_not_reach_a_terminal_is_found),
		cmocka_unit_test(arena_keeps_addresses_and_ends_at_its_cap),
		cmocka_unit_test(sealed_arena_is_read_only_and_not_inherited),
		cmocka_unit_test(sealing_binds_text_to_its_place),
		cmocka_unit_test(hex_takes_exactly_its_digits),
		cmocka_unit_test(random_numbers_stay_in_their_range),
		cmocka_unit_test(wall_time_is_written_as_rfc3339),
		cmocka_unit_test(all_days_are_those_of_libc),
		cmocka_unit_test(a_time_is_read_in_utc_or_not_at_all),
		cmocka_unit_test(key_files_are_refused_when_others_may_read_them),
		cmocka_unit_test(log_lines_can_not_be_forged),
		cmocka_unit_test(a_long_foreign_text_is_cut_between_characters),
		cmocka_unit_test(minimum_and_maximum_hold_at_both_ends_of_int64),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
