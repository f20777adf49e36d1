/* SPDX-License-Identifier: Apache-2.0 */
/* edge/upstream/payload and response_head: bodies in pieces, unpacking, and the header fields. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/mem.h"
#include "edge/upstream/payload.h"
#include "edge/upstream/response_head.h"

#define MIB ((size_t)1024 * 1024)

/* A text that can be compressed a little. */
static char *
make_text(size_t n)
{
	char *text = malloc(n + 1);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i * i % 23);
	text[n] = '\0';
	return text;
}

static size_t
gzip(const char *text, size_t n, unsigned char **out)
{
	z_stream z = { 0 };
	size_t room = n + n / 100 + 1024;

	*out = malloc(room);
	assert_non_null(*out);
	assert_int_equal(
	    deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)text;
	z.avail_in = (uInt)n;
	z.next_out = *out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	room -= z.avail_out;
	deflateEnd(&z);
	return room;
}

/* Adds in parts of such a size. */
static void
fill(struct payload *b, const void *p, size_t n, size_t part)
{
	for (size_t at = 0; at < n; at += part)
		payload_add(b, (const char *)p + at, n - at < part ? n - at : part);
}

static void
a_body_is_what_was_added(void **state)
{
	static const size_t parts[] = { 1, 7, 16384, 3 * MIB };
	size_t n = MIB + 5;
	char *text = make_text(n);

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
		struct buf out = BUF_INIT(2 * MIB);
		struct payload b, moved;

		payload_init(&b, 2 * MIB);
		payload_init(&moved, 0);
		fill(&b, text, n, parts[i]);
		assert_int_equal(b.n, n);
		payload_move(&moved, &b);
		assert_int_equal(b.n, 0);
		assert_int_equal(payload_unpack(&moved, &out), 0);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.data, text, n);
		assert_null(moved.first);
		buf_fini(&out);
	}
	free(text);
	assert_int_equal(mem_live(), 0);
}

static void
a_gzip_is_unpacked_however_it_is_cut(void **state)
{
	static const size_t parts[] = { 1, 1000, 16384, MIB };
	size_t n = MIB, packed_n;
	unsigned char *packed;
	char *text = make_text(n);

	(void)state;
	packed_n = gzip(text, n, &packed);
	for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
		/* Exactly at the limit. */
		struct buf out = BUF_INIT(n);
		struct payload b;

		payload_init(&b, 2 * MIB);
		b.coding = PAYLOAD_GZIP;
		fill(&b, packed, packed_n, parts[i]);
		assert_int_equal(payload_unpack(&b, &out), 0);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.data, text, n);
		buf_fini(&out);
	}
	free(packed);
	free(text);
	assert_int_equal(mem_live(), 0);
}

static int
unpack(enum payload_coding coding, const void *p, size_t n, size_t max)
{
	struct buf out = BUF_INIT(max);
	struct payload b;
	int r;

	payload_init(&b, 64 * MIB);
	b.coding = coding;
	fill(&b, p, n, 16384);
	r = payload_unpack(&b, &out);
	assert_true(out.len <= max);
	buf_fini(&out);
	return r;
}

static void
what_is_no_gzip_is_refused(void **state)
{
	size_t n = 100000, packed_n;
	unsigned char *packed;
	char *text = make_text(n);

	(void)state;
	packed_n = gzip(text, n, &packed);
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, packed_n, n), 0);
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, packed_n, n - 1), -EMSGSIZE);
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, packed_n, 0), -EMSGSIZE);
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, packed_n - 1, n), -EBADMSG);
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, 0, n), -EBADMSG);
	assert_int_equal(unpack(PAYLOAD_GZIP, text, n, n), -EBADMSG);
	assert_int_equal(unpack(PAYLOAD_UNKNOWN, text, n, n), -EBADMSG);
	assert_int_equal(unpack(PAYLOAD_PLAIN, text, n, n - 1), -EMSGSIZE);
	packed[packed_n / 2] ^= 1;
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, packed_n, n), -EBADMSG);
	packed[packed_n / 2] ^= 1;
	packed = realloc(packed, packed_n + 1);
	packed[packed_n] = 'x';
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, packed_n + 1, n), -EBADMSG);
	free(packed);
	free(text);
	assert_int_equal(mem_live(), 0);
}

/* A megabyte of zeros takes a kilobyte compressed: the unpacked size counts. */
static void
a_bomb_ends_at_the_cap(void **state)
{
	size_t n = 64 * MIB, packed_n;
	char *zeros = calloc(1, n);
	unsigned char *packed;

	(void)state;
	packed_n = gzip(zeros, n, &packed);
	assert_true(packed_n < n / 500);
	assert_int_equal(unpack(PAYLOAD_GZIP, packed, packed_n, MIB), -EMSGSIZE);
	free(packed);
	free(zeros);
	assert_int_equal(mem_live(), 0);
}

static void
a_body_has_a_cap(void **state)
{
	struct buf out = BUF_INIT(100);
	struct payload b;

	(void)state;
	payload_init(&b, 10);
	payload_add(&b, "0123456789", 10);
	assert_int_equal(b.error, 0);
	payload_add(&b, "x", 1);
	assert_int_equal(b.error, -EMSGSIZE);
	assert_int_equal(payload_unpack(&b, &out), -EMSGSIZE);
	assert_int_equal(b.error, 0);
	payload_add(&b, "x", 1);
	assert_int_equal(payload_unpack(&b, &out), 0);
	assert_string_equal(buf_str(&out), "x");
	buf_fini(&out);
}

static void
memory_may_end_anywhere(void **state)
{
	size_t n = 400000, packed_n;
	unsigned char *packed;
	char *text = make_text(n);
	bool done = false;

	(void)state;
	packed_n = gzip(text, n, &packed);
	for (int64_t i = 0; !done; i++) {
		int r;

		mem_fail_after(i);
		r = unpack(PAYLOAD_GZIP, packed, packed_n, n);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
		done = r == 0;
		assert_int_equal(mem_live(), 0);
	}
	free(packed);
	free(text);
}

/* --- header fields ------------------------------------------------------------------------ */

static bool
line(struct response_head *h, const char *text)
{
	return response_head_line(h, text, strlen(text));
}

static void
the_last_head_counts_and_trailers_do_not(void **state)
{
	struct response_head h = { 0 };

	(void)state;
	assert_true(line(&h, "HTTP/1.1 200 connection established\r\n"));
	assert_true(line(&h, "ETag: \"proxy\"\r\n"));
	assert_true(line(&h, "Preference-Applied: wait=3\r\n"));
	assert_true(line(&h, "\r\n"));
	assert_true(line(&h, "HTTP/1.1 200 OK\r\n"));
	assert_false(h.held);
	assert_string_equal(h.etag, "");
	assert_true(line(&h, "etag:  \"a\"  \r\n"));
	assert_true(line(&h, "ETag: \"second\"\r\n"));
	assert_true(line(&h, "Content-Encoding: GZIP\r\n"));
	assert_true(line(&h, "preference-applied: Wait=60\r\n"));
	assert_true(line(&h, "\r\n"));
	assert_true(line(&h, "Content-Encoding: br\r\n"));
	assert_string_equal(h.etag, "\"a\"");
	assert_int_equal(h.coding, PAYLOAD_GZIP);
	assert_true(h.held);
}

static void
codings_are_told_apart(void **state)
{
	static const struct {
		const char *line;
		enum payload_coding want;
	} rows[] = {
		{ "Content-Encoding: gzip\r\n", PAYLOAD_GZIP },
		{ "Content-Encoding: x-gzip\r\n", PAYLOAD_GZIP },
		{ "Content-Encoding: identity\r\n", PAYLOAD_PLAIN },
		{ "Content-Encoding:\r\n", PAYLOAD_PLAIN },
		{ "Content-Encoding: gzip, gzip\r\n", PAYLOAD_UNKNOWN },
		{ "Content-Encoding: br\r\n", PAYLOAD_UNKNOWN },
		{ "X-Content-Encoding: br\r\n", PAYLOAD_PLAIN },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct response_head h = { 0 };

		assert_true(line(&h, rows[i].line));
		assert_int_equal(h.coding, rows[i].want);
	}
}

/* Interim responses, header fields and trailers have one common limit. */
static void
every_byte_of_head_and_trailers_counts(void **state)
{
	struct response_head h = { 0 };
	size_t bytes = 0;

	(void)state;
	while (line(&h, "HTTP/1.1 103 Early Hints\r\n"))
		bytes += 26;
	assert_in_range(bytes, LIMIT_RESPONSE_HEAD - 26, LIMIT_RESPONSE_HEAD);
	h = (struct response_head){ 0 };
	bytes = 17 + 2;
	assert_true(line(&h, "HTTP/1.1 200 OK\r\n"));
	assert_true(line(&h, "\r\n"));
	while (line(&h, "Trailer-Field: x\r\n"))
		bytes += 18;
	assert_in_range(bytes, LIMIT_RESPONSE_HEAD - 18, LIMIT_RESPONSE_HEAD);
}

static void
a_tag_too_long_is_none(void **state)
{
	struct response_head h = { 0 };
	char text[LIMIT_ETAG + 64];

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "ETag: ", 6);
	strcpy(text + 6 + LIMIT_ETAG + 1, "\r\n");
	assert_true(line(&h, text));
	assert_string_equal(h.etag, "");
	strcpy(text + 6 + LIMIT_ETAG, "\r\n");
	assert_true(line(&h, text));
	assert_int_equal(strlen(h.etag), LIMIT_ETAG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_what_was_added),
		cmocka_unit_test(a_gzip_is_unpacked_however_it_is_cut),
		cmocka_unit_test(what_is_no_gzip_is_refused),
		cmocka_unit_test(a_bomb_ends_at_the_cap),
		cmocka_unit_test(a_body_has_a_cap),
		cmocka_unit_test(memory_may_end_anywhere),
		cmocka_unit_test(the_last_head_counts_and_trailers_do_not),
		cmocka_unit_test(codings_are_told_apart),
		cmocka_unit_test(every_byte_of_head_and_trailers_counts),
		cmocka_unit_test(a_tag_too_long_is_none),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
