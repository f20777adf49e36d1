/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/snapshot: content, stamp and moment, to bytes and back, and everything that must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "core/snapshot/content.h"
#include "core/snapshot/stamp.h"
#include "tests/lib/memory_source.h"
#include "tests/unit/check.h"

#define MAX_BYTES (64 << 20)
#define HOUR      ((int64_t)3600 * 1000)

static const uint8_t key_a[SEAL_KEY_SIZE] = { 1 }, key_b[SEAL_KEY_SIZE] = { 2 };
static const struct snap_keys keys = { .newest = key_a };
static const struct snap_owner owner = { .organization = "org", .deployment = "dep" };
static const struct moment wrote = {
	.boot_ms = 10 * HOUR, .wall_ms = 1000 * HOUR, .has_boot_id = true, .boot_id = { 7 }
};

/* Every kind and state, a held value, an empty text, a key with odd bytes. */
static struct generation *
sample(void)
{
	struct generation_builder *b = builder(ARENA_LOCK_OFF);

	add(b, KIND_CONNECTION, RECORD_VALUE, "db", "\"{\\\"host\\\":\\\"h\\\"}\"");
	add(b, KIND_CONNECTION, RECORD_INVALID, "odd é/@", "port");
	add(b, KIND_CONNECTION, RECORD_WITHHELD, "gone", "[\"password\"]");
	assert_int_equal(generation_builder_add_held(b, KIND_CONNECTION, span_of("hidden"),
			     span_of("[\"password\"]"), span_of("\"old\""), wrote.boot_ms - HOUR),
	    0);
	add(b, KIND_VARIABLE, RECORD_VALUE, "v", "\"\"");
	add(b, KIND_ENV, RECORD_VALUE, "E", "\"e\"");
	return finish(b);
}

static struct buf
written_with(struct generation *g, const struct snap_owner *whose, const struct snap_keys *with)
{
	struct content_about about = { .id = { 9 },
		.generation = 42,
		.written = wrote,
		.confirmed_ago_ms = 5000,
		.url = "https://m" };
	struct buf out = BUF_INIT(MAX_BYTES);
	struct content_writer *w;
	size_t size;
	int r;

	assert_int_equal(content_writer_new(&w, g, &about, whose, with), 0);
	size = content_writer_left(w);
	do {
		r = content_writer_step(w, &out);
		assert_true(r >= 0);
		assert_int_equal(out.len + content_writer_left(w), size);
	} while (r > 0);
	content_writer_free(w);
	return out;
}

static struct buf
written(struct generation *g)
{
	return written_with(g, &owner, &keys);
}

static int
read_with(struct generation **g, struct content_about *about, struct span file,
    const struct snap_owner *whose, const struct snap_keys *with, const struct moment *now,
    struct why *why)
{
	struct content_source source = memory_source(&file);

	*why->text = '\0';
	return content_read(g, about, &source, whose, with, now, ARENA_LOCK_OFF, MAX_BYTES, why);
}

static void
what_was_written_is_read(void **state)
{
	const struct moment now = {
		.boot_ms = 11 * HOUR, .wall_ms = 1, .has_boot_id = true, .boot_id = { 7 }
	};
	struct generation *g = sample(), *back;
	struct buf file = written(g);
	struct why why;
	struct content_about about;
	const struct record *r;

	(void)state;
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &keys, &now, &why), 0);
	assert_true(generation_equal(g, back));
	r = generation_find(back, KIND_CONNECTION, span_of("hidden"));
	assert_true(span_is(r->held->text, "\"old\""));
	assert_int_equal(r->held->confirmed_ms, 9 * HOUR);
	assert_null(generation_find(back, KIND_CONNECTION, span_of("gone"))->held);
	assert_int_equal(about.generation, 42);
	assert_int_equal(about.confirmed_ago_ms, 5000);
	assert_int_equal(about.id[0], 9);
	assert_string_equal(about.url, "https://m");
	assert_memory_equal(&about.written.boot_id, &wrote.boot_id, sizeof wrote.boot_id);
	generation_unref(back);

	/*
	 * After a reboot, an hour later by wall time: the held value's time moves to the new boot
	 * clock.
	 */
	assert_int_equal(read_with(&back, &about, span_of_buf(&file), &owner, &keys,
			     &(struct moment){ .boot_ms = 5000,
				 .wall_ms = 1001 * HOUR,
				 .has_boot_id = true,
				 .boot_id = { 8 } },
			     &why),
	    0);
	r = generation_find(back, KIND_CONNECTION, span_of("hidden"));
	assert_int_equal(r->held->confirmed_ms, 5000 - 2 * HOUR);
	generation_unref(back);
	generation_unref(g);
	buf_fini(&file);
}

static void
nothing_and_much_are_written_too(void **state)
{
	enum { N = 3000, BIG = 300000 };
	struct generation_builder *b = builder(ARENA_LOCK_OFF);
	struct generation *g = finish(builder(ARENA_LOCK_OFF)), *back;
	struct buf file = written(g);
	struct content_about about;
	char key[32];
	struct why why;
	char *big = malloc(BIG);

	(void)state;
	assert_non_null(big);
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &keys, &wrote, &why), 0);
	assert_true(generation_equal(g, back));
	generation_unref(back);
	generation_unref(g);
	buf_fini(&file);

	/* Several pieces, and one record that is larger than a piece. */
	memset(big, 'x', BIG);
	for (int i = 0; i < N; i++) {
		snprintf(key, sizeof key, "key_%d", i);
		assert_int_equal(
		    generation_builder_add(b, KIND_VARIABLE, RECORD_VALUE, span_of(key),
			(struct span){ big, i == N / 2 ? BIG : (size_t)i % 200 }),
		    0);
	}
	g = finish(b);
	file = written(g);
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &keys, &wrote, &why), 0);
	assert_true(generation_equal(g, back));
	generation_unref(back);
	generation_unref(g);
	buf_fini(&file);
	free(big);
}

static void
no_secret_is_in_the_bytes(void **state)
{
	struct generation *g = sample();
	struct buf file = written(g);

	(void)state;
	assert_null(memmem(file.data, file.len, "host", 4));
	assert_null(memmem(file.data, file.len, "hidden", 6));
	assert_null(memmem(file.data, file.len, "dep", 3));
	generation_unref(g);
	buf_fini(&file);
}

/* One flipped bit anywhere, and every length: refused with a reason, without a leak. */
static void
every_damage_is_seen(void **state)
{
	struct generation *g = sample(), *back;
	struct buf file = written(g);
	int64_t before = mem_live();
	struct why why;
	struct content_about about;

	(void)state;
	for (size_t i = 0; i < file.len; i++) {
		file.data[i] ^= 0x40;
		if (read_with(&back, &about, span_of_buf(&file), &owner, &keys, &wrote, &why) == 0)
			fail_msg("byte %zu may be changed", i);
		assert_true(*why.text);
		file.data[i] ^= 0x40;
	}
	for (size_t n = 0; n < file.len; n++) {
		assert_int_equal(read_with(&back, &about, (struct span){ file.data, n }, &owner,
				     &keys, &wrote, &why),
		    -EBADMSG);
		if (n >= 8 && strcmp(why.text, "the file is truncated") != 0)
			fail_msg("%zu bytes: %s", n, why.text);
	}
	assert_int_equal(mem_live(), before);
	generation_unref(g);
	buf_fini(&file);
}

static void
pieces_keep_their_places(void **state)
{
	struct generation_builder *b = builder(ARENA_LOCK_OFF);
	struct content_about about;
	char key[32], text[1000];
	struct why why;
	struct generation *g, *back;
	struct buf file, swapped;
	size_t header, piece;
	uint32_t n;

	(void)state;
	memset(text, 't', sizeof text);
	for (int i = 100; i < 300; i++) { /* records of one size, so that the pieces are, too */
		snprintf(key, sizeof key, "key_%d", i);
		assert_int_equal(generation_builder_add(b, KIND_ENV, RECORD_VALUE, span_of(key),
				     (struct span){ text, sizeof text }),
		    0);
	}
	g = finish(b);
	file = written(g);
	header = 138 + strlen("https://m");
	memcpy(&n, file.data + header, 4);
	piece = 4 + n;
	assert_true(file.len > header + 2 * piece);
	swapped = BUF_INIT(MAX_BYTES);
	buf_add(&swapped, file.data, header);
	buf_add(&swapped, file.data + header + piece, piece);
	buf_add(&swapped, file.data + header, piece);
	buf_add(&swapped, file.data + header + 2 * piece, file.len - header - 2 * piece);
	assert_int_equal(swapped.len, file.len);
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&swapped), &owner, &keys, &wrote, &why), -EBADMSG);
	assert_string_equal(why.text, "the file is damaged or was tampered with");
	buf_fini(&swapped);
	buf_fini(&file);
	generation_unref(g);
}

static void
each_refusal_has_its_own_words(void **state)
{
	static const struct snap_owner owners[] = {
		{ .organization = "org", .deployment = "other" },
		{ .organization = "org", .workspace = "dep" },
		{ .organization = "orgd", .deployment = "ep" },
		{ .organization = "dep", .deployment = "org" },
	};
	const struct moment early = { .boot_ms = 0,
		.wall_ms = 1000 * HOUR - MOMENT_FUTURE_MS - 1000,
		.has_boot_id = true,
		.boot_id = { 8 } };
	const struct snap_keys others = { .newest = key_b }, both = { key_b, key_a };
	struct generation *g = sample(), *back;
	struct buf file = written(g);
	struct span left = span_of_buf(&file);
	struct content_source source = memory_source(&left);
	struct why why;
	struct content_about about;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(owners); i++) {
		assert_int_equal(
		    read_with(&back, &about, span_of_buf(&file), &owners[i], &keys, &wrote, &why),
		    -EPERM);
		assert_non_null(strstr(why.text, "another organization, Deployment or Workspace"));
	}
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &others, &wrote, &why), -ENOKEY);
	assert_non_null(strstr(why.text, "another key than key_file"));
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &both, &wrote, &why), 0);
	generation_unref(back);
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &keys, &early, &why), -ERANGE);
	assert_non_null(strstr(why.text, "from the future, by 301 s"));
	assert_int_equal(
	    content_read(&back, &about, &source, &owner, &keys, &wrote, ARENA_LOCK_OFF, 100, &why),
	    -EMSGSIZE);
	assert_non_null(strstr(why.text, "max_bytes"));
	assert_int_equal(
	    read_with(&back, &about, span_of("#!/bin/sh\n"), &owner, &keys, &wrote, &why),
	    -EBADMSG);
	assert_string_equal(why.text, "the file is not a connd snapshot");
	file.data[8] = 2;
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &keys, &wrote, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "format 2 belongs to another version"));
	generation_unref(g);
	buf_fini(&file);
}

/* An attacker who can write the file controls its header: nothing in it is trusted early. */
static void
a_header_of_nonsense_is_damage(void **state)
{
	enum {
		WALL = 76,
		BOOT = 84,
		HAS_BOOT_ID = 92,
		RECORDS = 120,
		URL_SIZE = 136,
		HEADER = 138
	};
	static const int64_t times[] = { INT64_MIN, -1, INT64_MAX / 4 + 1, INT64_MAX };
	const uint16_t url_size = SNAP_URL_SIZE;
	struct generation *g = sample(), *back;
	struct buf file = written(g), longer = BUF_INIT(MAX_BYTES);
	struct content_about about;
	struct why why;

	(void)state;
	memset(file.data + RECORDS, 0xff, 4); /* no memory is reserved for 4,000,000,000 records */
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&file), &owner, &keys, &wrote, &why), -EBADMSG);
	assert_string_equal(why.text, "the file is damaged or was tampered with");
	memset(file.data + HAS_BOOT_ID, 0, 4);
	for (size_t i = 0; i < 2 * N_ELEMENTS(times); i++) {
		char *at = file.data + (i % 2 ? WALL : BOOT), was[8];

		memcpy(was, at, sizeof was);
		memcpy(at, &times[i / 2], sizeof times[0]);
		assert_int_equal(
		    read_with(&back, &about, span_of_buf(&file), &owner, &keys, &wrote, &why),
		    -EBADMSG);
		assert_string_equal(why.text, "the file is damaged or was tampered with");
		memcpy(at, was, sizeof was);
	}
	buf_add(&longer, file.data, HEADER);
	memcpy(longer.data + URL_SIZE, &url_size, sizeof url_size);
	for (size_t i = 0; i < SNAP_URL_SIZE; i++)
		buf_addc(&longer, 'u');
	buf_add(&longer, file.data + HEADER, file.len - HEADER);
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&longer), &owner, &keys, &wrote, &why), -EBADMSG);
	assert_string_equal(why.text, "the file is damaged or was tampered with");
	buf_fini(&longer);
	generation_unref(g);
	buf_fini(&file);
}

/* A file of which only the first bytes can be read; then reading fails with `error`. */
struct failing {
	struct span file;
	size_t good;
	int error;
};

static int
failing_read(void *env, void *to, size_t n)
{
	struct failing *f = env;

	if (n > f->good)
		return f->error;
	f->good -= n;
	return memory_source_read(&f->file, to, n);
}

static void
a_file_that_can_not_be_read_to_its_end(void **state)
{
	static const int errors[] = { -EIO, -EBADMSG };
	struct generation *g = sample(), *back;
	struct buf file = written(g);
	struct content_about about;
	struct why why;

	(void)state;
	for (size_t i = 0; i < 2 * file.len; i++) {
		struct failing f = { span_of_buf(&file), i / 2, errors[i % 2] };
		struct content_source source = { &f, file.len, failing_read };

		*why.text = '\0';
		assert_int_equal(content_read(&back, &about, &source, &owner, &keys, &wrote,
				     ARENA_LOCK_OFF, MAX_BYTES, &why),
		    f.error);
		assert_string_equal(why.text,
		    i % 2 ? "the file is damaged or was tampered with" : "reading the file failed");
	}
	generation_unref(g);
	buf_fini(&file);
}

static struct buf
stamped(const struct stamp *stamp)
{
	struct buf out = BUF_INIT(4096);

	stamp_write(&out, stamp, &owner, &keys);
	assert_int_equal(buf_error(&out), 0);
	return out;
}

static void
a_stamp_says_what_it_was_told(void **state)
{
	const struct stamp stamp = { .id = { 9 },
		.generation = 43,
		.written = wrote,
		.confirmed_ago_ms = 100,
		.refused_ago_ms = 0,
		.due_in_ms = -7,
		.floor_in_ms = 600000,
		.identity = "fifteen letters" };
	struct buf file = stamped(&stamp);
	struct why why = { "" };
	struct stamp back;

	(void)state;
	assert_int_equal(stamp_read(&back, span_of_buf(&file), &owner, &keys, &why), 0);
	assert_int_equal(back.generation, 43);
	assert_int_equal(back.confirmed_ago_ms, 100);
	assert_int_equal(back.refused_ago_ms, 0);
	assert_int_equal(back.due_in_ms, -7);
	assert_int_equal(back.floor_in_ms, 600000);
	assert_string_equal(back.identity, "fifteen letters");
	assert_memory_equal(back.id, stamp.id, sizeof stamp.id);
	for (size_t i = 0; i < file.len; i++) {
		file.data[i] ^= 1;
		assert_true(stamp_read(&back, span_of_buf(&file), &owner, &keys, &why) < 0);
		file.data[i] ^= 1;
	}
	for (size_t n = 0; n < file.len; n++)
		assert_int_equal(
		    stamp_read(&back, (struct span){ file.data, n }, &owner, &keys, &why),
		    -EBADMSG);
	buf_addc(&file, 'x');
	assert_int_equal(stamp_read(&back, span_of_buf(&file), &owner, &keys, &why), -EBADMSG);
	buf_fini(&file);
}

static void
a_stamp_is_no_snapshot_and_the_reverse(void **state)
{
	const struct stamp stamp = { .written = wrote, .refused_ago_ms = -1 };
	struct generation *g = sample(), *back;
	struct buf file = written(g), small = stamped(&stamp);
	struct why why;
	struct content_about about;
	struct stamp read;

	(void)state;
	assert_int_equal(
	    read_with(&back, &about, span_of_buf(&small), &owner, &keys, &wrote, &why), -EBADMSG);
	assert_int_equal(stamp_read(&read, span_of_buf(&file), &owner, &keys, &why), -EBADMSG);
	assert_string_equal(why.text, "the file is not a connd stamp");
	/* Not even with the magic of the other kind. */
	memcpy(small.data, file.data, 8);
	assert_true(read_with(&back, &about, span_of_buf(&small), &owner, &keys, &wrote, &why) < 0);
	assert_int_equal(stamp_read(&read, span_of_buf(&small), &owner, &keys, &why), -EBADMSG);
	buf_fini(&file);
	buf_fini(&small);
	generation_unref(g);
}

static void
recall_takes_the_youngest_word_and_the_oldest_refusal(void **state)
{
	const struct content_about about = {
		.id = { 9 }, .generation = 42, .written = wrote, .confirmed_ago_ms = HOUR
	};
	const struct content_about good = {
		.id = { 7 }, .generation = 45, .written = wrote, .confirmed_ago_ms = 59999
	};
	struct stamp stamp = { .id = { 9 },
		.generation = 44,
		.written = wrote,
		.confirmed_ago_ms = 90000,
		.refused_ago_ms = 60000,
		.due_in_ms = 30000,
		.floor_in_ms = 40000 };
	struct moment now = wrote;
	struct why why;
	struct replica_memory m;

	(void)state;
	now.boot_ms += HOUR;
	assert_int_equal(stamp_recall(&m, &about, NULL, &now, 24 * HOUR, &why), 0);
	assert_int_equal(m.generation, 42);
	assert_int_equal(m.confirmed_ms, wrote.boot_ms - HOUR);
	assert_false(m.refused);
	assert_int_equal(stamp_recall(&m, &about, &stamp, &now, 24 * HOUR, &why), 0);
	assert_int_equal(m.generation, 44);
	assert_int_equal(m.confirmed_ms, wrote.boot_ms - 90000);
	assert_true(m.refused);
	assert_int_equal(m.refused_ms, wrote.boot_ms - 60000);
	assert_int_equal(m.next_sync_ms, wrote.boot_ms + 30000);
	assert_int_equal(m.floor.until_ms, wrote.boot_ms + 40000);
	assert_int_equal(stamp_floor(&stamp, &now).until_ms, wrote.boot_ms + 40000);
	/* Of another snapshot: it does not make this one younger. */
	stamp.id[0] = 1;
	assert_int_equal(stamp_recall(&m, &about, &stamp, &now, 24 * HOUR, &why), 0);
	assert_int_equal(m.confirmed_ms, wrote.boot_ms - HOUR);
	assert_true(m.refused);
	/* A content confirmed after the first refusal: the refusal has ended. */
	assert_int_equal(stamp_recall(&m, &good, &stamp, &now, 24 * HOUR, &why), 0);
	assert_int_equal(m.confirmed_ms, wrote.boot_ms - 59999);
	assert_false(m.refused);
	assert_int_equal(stamp_recall(&m, &about, &stamp, &now, 2 * HOUR + 1, &why), 0);
	assert_int_equal(stamp_recall(&m, &about, &stamp, &now, 2 * HOUR, &why), -ESTALE);
	assert_non_null(strstr(why.text, "too old: last confirmed 7200 s ago"));
	stamp.written.boot_id[0] = 1;
	stamp.written.wall_ms = now.wall_ms + MOMENT_FUTURE_MS + 1;
	assert_int_equal(stamp_recall(&m, &about, &stamp, &now, 24 * HOUR, &why), -ERANGE);
	assert_int_equal(stamp_floor(&stamp, &now).until_ms, 0);
}

static void
what_is_filled_in_is_relative_and_has_its_own_id(void **state)
{
	struct replica_memory m = { .generation = 42,
		.confirmed_ms = wrote.boot_ms - 1000,
		.refused = true,
		.refused_ms = wrote.boot_ms - 500,
		.next_sync_ms = wrote.boot_ms + 300,
		.floor.until_ms = wrote.boot_ms + 700 };
	struct content_about first, second;
	struct stamp stamp;

	(void)state;
	content_about_fill(&first, &m, &wrote, "https://m");
	content_about_fill(&second, &m, &wrote, "https://m");
	assert_memory_not_equal(first.id, second.id, sizeof first.id);
	assert_int_equal(first.generation, 42);
	assert_int_equal(first.confirmed_ago_ms, 1000);
	assert_string_equal(first.url, "https://m");
	stamp_fill(&stamp, first.id, &m, &wrote);
	assert_memory_equal(stamp.id, first.id, sizeof first.id);
	assert_int_equal(stamp.confirmed_ago_ms, 1000);
	assert_int_equal(stamp.refused_ago_ms, 500);
	assert_int_equal(stamp.due_in_ms, 300);
	assert_int_equal(stamp.floor_in_ms, 700);
	m.refused = false;
	m.confirmed_ms = wrote.boot_ms + 1; /* a confirmation in the near future counts as now */
	stamp_fill(&stamp, first.id, &m, &wrote);
	assert_int_equal(stamp.confirmed_ago_ms, 0);
	assert_int_equal(stamp.refused_ago_ms, -1);
}

static void
ages_are_told_across_boots(void **state)
{
	static const struct {
		struct moment then, now;
		int64_t age_ms; /* < 0: from the future by that much */
	} rows[] = {
		/* One boot, by its id: the wall does not matter. */
		{ { 100, 9000000, true, { 1 } }, { 150, 0, true, { 1 } }, 50 },
		{ { 100, 0, true, { 1 } }, { 150, 9000000, true, { 1 } }, 50 },
		{ { 100, 0, true, { 1 } }, { 50, 0, true, { 1 } }, 0 },
		{ { 400000, 0, true, { 1 } }, { 0, 0, true, { 1 } }, -400000 },
		/* Another boot: by the wall. */
		{ { 900000, 1000, true, { 1 } }, { 10, 3000, true, { 2 } }, 2000 },
		{ { 10, 300000, true, { 1 } }, { 900000, 0, true, { 2 } }, 0 },
		{ { 10, 300001, true, { 1 } }, { 900000, 0, true, { 2 } }, -300001 },
		/*
		 * An id is missing: the same boot if wall minus boot time differs by five seconds
		 * at most.
		 */
		{ { 100, 1000100, false, { 0 } }, { 200, 1000200, true, { 2 } }, 100 },
		{ { 100, 1000100, true, { 1 } }, { 200, 1005200, false, { 0 } }, 100 },
		{ { 100, 1000100, false, { 0 } }, { 200, 995200, false, { 0 } }, 100 },
		{ { 100, 1000100, false, { 0 } }, { 200, 1005201, false, { 0 } }, 5101 },
		{ { 100, 1000100, false, { 0 } }, { 200, 995199, false, { 0 } }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t age_ms = -1, ahead_ms = 0;
		int r = moment_age(&rows[i].then, &rows[i].now, &age_ms, &ahead_ms);

		if (rows[i].age_ms < 0 ? r != -ERANGE || ahead_ms != -rows[i].age_ms
				       : r != 0 || age_ms != rows[i].age_ms)
			fail_msg("row %zu: %d, age %lld, ahead %lld", i, r, (long long)age_ms,
			    (long long)ahead_ms);
	}
}

static int
write_and_read(struct generation *g)
{
	struct content_about about = { .written = wrote };
	struct buf file = BUF_INIT(MAX_BYTES);
	struct generation *back;
	struct why why;
	struct content_writer *w;
	int r = content_writer_new(&w, g, &about, &owner, &keys);

	if (r < 0)
		return r;
	do
		r = content_writer_step(w, &file);
	while (r > 0);
	content_writer_free(w);
	if (r == 0)
		r = read_with(&back, &about, span_of_buf(&file), &owner, &keys, &wrote, &why);
	if (r == 0)
		generation_unref(back);
	buf_fini(&file);
	return r;
}

static void
memory_may_end_anywhere(void **state)
{
	const struct stamp stamp = { .written = wrote };
	struct generation *g = sample();
	int64_t before = mem_live();
	struct buf out = BUF_INIT(4096);
	int n = 0, r;

	(void)state;
	do {
		mem_fail_after(n++);
		r = write_and_read(g);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(mem_live(), before);
	} while (r < 0);
	assert_true(n > 8);
	n = 0;
	do {
		buf_fini(&out);
		mem_fail_after(n++);
		stamp_write(&out, &stamp, &owner, &keys);
		mem_fail_after(-1);
		r = buf_error(&out);
		assert_true(r == 0 || r == -ENOMEM);
	} while (r < 0);
	assert_true(n > 2);
	buf_fini(&out);
	generation_unref(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(nothing_and_much_are_written_too),
		cmocka_unit_test(no_secret_is_in_the_bytes),
		cmocka_unit_test(every_damage_is_seen),
		cmocka_unit_test(pieces_keep_their_places),
		cmocka_unit_test(each_refusal_has_its_own_words),
		cmocka_unit_test(a_header_of_nonsense_is_damage),
		cmocka_unit_test(a_file_that_can_not_be_read_to_its_end),
		cmocka_unit_test(a_stamp_says_what_it_was_told),
		cmocka_unit_test(a_stamp_is_no_snapshot_and_the_reverse),
		cmocka_unit_test(recall_takes_the_youngest_word_and_the_oldest_refusal),
		cmocka_unit_test(what_is_filled_in_is_relative_and_has_its_own_id),
		cmocka_unit_test(ages_are_told_across_boots),
		cmocka_unit_test(memory_may_end_anywhere),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
