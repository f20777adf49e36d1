/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/scan/unpack.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"

#define MAX_DEPTH    5 /* an image's archive, a layer, unpacked, a file in it, unpacked */
#define MAX_UNPACKED ((uint64_t)64 << 30) /* bytes that one gzip stream may become */
#define PIECE_BYTES  ((size_t)64 * 1024)
#define BLOCK        512 /* of a tar archive */
#define MAX_NAME     ((size_t)64 * 1024)
#define ONLY_GZIP    16 /* added to the window size: refuses zlib and raw deflate */

enum kind { UNKNOWN, PLAIN, GZIP, TAR, IGNORED };

struct tar {
	size_t have;   /* bytes of the header, in the stream's head */
	uint64_t left; /* bytes of the entry that are still to come */
	size_t padding;
	char type;
	struct buf long_name; /* of the next entry; empty: its header has it */
	struct buf pax;       /* the entry's text while it is a name */
};

struct unpack {
	const struct unpack_ops *ops;
	void *env;
	int depth;
	enum kind kind;
	struct buf name;
	char head[BLOCK]; /* the first bytes, until the kind is known; of tar the header */
	size_t n_head;
	struct unpack *inner; /* what is in it: one stream at a time */
	z_stream z;
	uint64_t unpacked;
	struct tar tar;
};

static void feed(struct unpack *u, struct span bytes);
static void finish(struct unpack *u);

static void
skip(struct unpack *u, const char *why, bool damaged)
{
	u->ops->skipped(u->env, buf_str(&u->name), why, damaged);
}

static struct unpack *
make(const struct unpack *outer, const char *name)
{
	struct unpack *u = mem_zalloc(sizeof *u);

	if (!u)
		return NULL;
	u->ops = outer->ops;
	u->env = outer->env;
	u->depth = outer->depth + 1;
	buf_init(&u->name, MAX_NAME);
	buf_init(&u->tar.long_name, MAX_NAME);
	buf_init(&u->tar.pax, MAX_NAME);
	buf_addf(
	    &u->name, "%s%s%s", buf_str(&outer->name), outer->name.len && *name ? ":" : "", name);
	return u;
}

static void
destroy(struct unpack *u)
{
	buf_fini(&u->name);
	buf_fini(&u->tar.long_name);
	buf_fini(&u->tar.pax);
	mem_free(u);
}

/* Begins the stream in u; without memory it is skipped. */
static void
open_inner(struct unpack *u, const char *name)
{
	u->inner = make(u, name);
	if (!u->inner)
		skip(u, "out of memory", true);
}

static void
close_inner(struct unpack *u)
{
	if (u->inner)
		finish(u->inner);
	u->inner = NULL;
}

static void
feed_inner(struct unpack *u, struct span bytes)
{
	if (u->inner)
		feed(u->inner, bytes);
}

/* --- gzip ------------------------------------------------------------------------------ */

static voidpf
z_alloc(voidpf opaque, uInt count, uInt size)
{
	(void)opaque;
	return mem_calloc(count, size);
}

static void
z_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	mem_free(p);
}

static void
gzip_begin(struct unpack *u)
{
	u->z = (z_stream){ .zalloc = z_alloc, .zfree = z_free };
	if (inflateInit2(&u->z, MAX_WBITS + ONLY_GZIP) != Z_OK) {
		skip(u, "out of memory", true);
		u->kind = IGNORED;
		return;
	}
	open_inner(u, "");
}

static void
gzip_end(struct unpack *u)
{
	(void)inflateEnd(&u->z);
	close_inner(u);
	u->kind = IGNORED;
}

/* After the end of one member another may follow; anything else is padding. */
static bool
gzip_next_member(struct unpack *u)
{
	if (u->z.avail_in == 0 || u->z.next_in[0] != 0x1f)
		return false;
	return inflateReset(&u->z) == Z_OK;
}

static void
gzip_feed(struct unpack *u, struct span bytes)
{
	unsigned char piece[PIECE_BYTES];
	int r = Z_OK;

	u->z.next_in = (unsigned char *)(uintptr_t)bytes.p;
	u->z.avail_in = (uInt)bytes.n;
	do {
		u->z.next_out = piece;
		u->z.avail_out = sizeof piece;
		r = inflate(&u->z, Z_NO_FLUSH);
		u->unpacked += sizeof piece - u->z.avail_out;
		feed_inner(u, (struct span){ (char *)piece, sizeof piece - u->z.avail_out });
		if (r == Z_STREAM_END && gzip_next_member(u))
			r = Z_OK;
	} while (r == Z_OK && (u->z.avail_in || !u->z.avail_out) && u->unpacked < MAX_UNPACKED);
	mem_wipe(piece, sizeof piece);
	if (r == Z_STREAM_END) {
		gzip_end(u);
	} else if (r != Z_OK && r != Z_BUF_ERROR) {
		skip(u, "its gzip data is damaged", true);
		gzip_end(u);
	} else if (u->unpacked >= MAX_UNPACKED) {
		skip(u, "it unpacks to more than 64 GiB", true);
		gzip_end(u);
	}
}

/* --- tar ------------------------------------------------------------------------------- */

/* Octal text, or with its first bit set a number in base 256. UINT64_MAX: neither. */
static uint64_t
tar_number(const char *p, size_t n)
{
	const unsigned char *byte = (const unsigned char *)p;
	uint64_t v = 0;

	if (byte[0] & 0x80) {
		for (size_t i = n - 8; i < n; i++)
			v = v << 8 | byte[i];
		return v;
	}
	while (n && *p == ' ')
		p++, n--;
	for (; n && *p >= '0' && *p <= '7'; p++, n--)
		v = v << 3 | (uint64_t)(*p - '0');
	return n && *p != ' ' && *p != '\0' ? UINT64_MAX : v;
}

/* The header's checksum counts its own eight bytes as spaces. */
static bool
tar_header_is_good(const char *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)h[i];
	return memcmp(h + 257, "ustar", 5) == 0 && tar_number(h + 148, 8) == sum;
}

static void
tar_name(const struct unpack *u, struct buf *out)
{
	const char *h = u->head;

	if (u->tar.long_name.len) {
		buf_adds(out, buf_str(&u->tar.long_name));
		return;
	}
	if (h[345] && memcmp(h + 257, "ustar", 6) == 0)
		buf_addf(out, "%.155s/", h + 345);
	buf_addf(out, "%.100s", h);
}

static bool
is_regular(char type)
{
	return type == '0' || type == '\0' || type == '7';
}

static void
tar_entry_begin(struct unpack *u)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(MAX_NAME);
	struct tar *t = &u->tar;

	t->left = tar_number(u->head + 124, 12);
	t->type = u->head[156];
	if (!tar_header_is_good(u->head) || t->left > UINT64_MAX / 2) {
		/* Two blocks of zeros are the end. */
		if (u->head[0])
			skip(u, "its tar headers are damaged", true);
		u->kind = IGNORED;
		return;
	}
	t->padding = (BLOCK - t->left % BLOCK) % BLOCK;
	buf_reset(&t->pax);
	if (!is_regular(t->type))
		return;
	tar_name(u, &name);
	buf_reset(&t->long_name);
	open_inner(u, buf_str(&name));
}

/* The record "LENGTH path=NAME\n" among those of a pax header. */
static void
tar_take_pax_path(struct tar *t)
{
	struct span text = span_of_buf(&t->pax);
	const char *at = memmem(text.p, text.n, " path=", 6);
	const char *end = at ? memchr(at, '\n', (size_t)(text.p + text.n - at)) : NULL;

	if (end)
		buf_add(&t->long_name, at + 6, (size_t)(end - at) - 6);
}

static void
tar_entry_end(struct unpack *u)
{
	struct tar *t = &u->tar;

	if (t->type == 'L') {
		buf_reset(&t->long_name);
		buf_adds(&t->long_name, buf_str(&t->pax));
	} else if (t->type == 'x' && t->pax.len) {
		buf_reset(&t->long_name);
		tar_take_pax_path(t);
	}
	close_inner(u);
}

static void
tar_entry_bytes(struct unpack *u, struct span bytes)
{
	if (u->tar.type == 'L' || u->tar.type == 'x')
		buf_add(&u->tar.pax, bytes.p, bytes.n);
	else
		feed_inner(u, bytes);
}

/* Takes some bytes of the header, the entry or its padding. Returns how many. */
static size_t
tar_step(struct unpack *u, struct span bytes)
{
	struct tar *t = &u->tar;
	size_t n = bytes.n;

	if (t->left) {
		n = n < t->left ? n : (size_t)t->left;
		tar_entry_bytes(u, (struct span){ bytes.p, n });
		t->left -= n;
	} else if (t->padding) {
		n = n < t->padding ? n : t->padding;
		t->padding -= n;
	} else {
		n = n < BLOCK - t->have ? n : BLOCK - t->have;
		memcpy(u->head + t->have, bytes.p, n);
		t->have += n;
		if (t->have < BLOCK)
			return n;
		t->have = 0;
		tar_entry_begin(u);
	}
	if (u->kind == TAR && !t->left && !t->have)
		tar_entry_end(u);
	return n;
}

static void
tar_feed(struct unpack *u, struct span bytes)
{
	while (bytes.n && u->kind == TAR) {
		size_t n = tar_step(u, bytes);

		bytes.p += n;
		bytes.n -= n;
	}
}

/* --- what is it? ----------------------------------------------------------------------- */

/* Compressed in a way that is not unpacked here; NULL: it is not. */
static const char *
foreign_format(const char *head, size_t n)
{
	static const struct {
		const char *magic;
		size_t n;
		const char *what;
	} format[] = {
		{ "PK\3\4", 4, "zip archives are not unpacked" },
		{ "\x28\xb5\x2f\xfd", 4, "zstd data is not unpacked" },
		{ "\xfd"
		  "7zXZ",
		    5, "xz data is not unpacked" },
		{ "BZh", 3, "bzip2 data is not unpacked" },
	};

	for (size_t i = 0; i < N_ELEMENTS(format); i++)
		if (n >= format[i].n && memcmp(head, format[i].magic, format[i].n) == 0)
			return format[i].what;
	return NULL;
}

static enum kind
kind_of(const struct unpack *u)
{
	if (u->depth < MAX_DEPTH && u->n_head >= 3 && memcmp(u->head, "\x1f\x8b\x08", 3) == 0)
		return GZIP;
	if (u->depth < MAX_DEPTH && u->n_head == BLOCK && tar_header_is_good(u->head))
		return TAR;
	return PLAIN;
}

/* The kind is known now: begins, with the bytes so far. */
static void
begin(struct unpack *u)
{
	char head[BLOCK];
	size_t n = u->n_head;
	const char *foreign = foreign_format(u->head, n);

	memcpy(head, u->head, n);
	u->kind = kind_of(u);
	if (foreign)
		skip(u, foreign, false);
	if (u->kind == GZIP)
		gzip_begin(u);
	if (u->kind == PLAIN)
		u->ops->begin(u->env, buf_str(&u->name));
	feed(u, (struct span){ head, n });
	mem_wipe(head, sizeof head);
}

static void
feed(struct unpack *u, struct span bytes)
{
	if (u->kind == UNKNOWN) {
		size_t n = bytes.n < BLOCK - u->n_head ? bytes.n : BLOCK - u->n_head;

		memcpy(u->head + u->n_head, bytes.p, n);
		u->n_head += n;
		bytes.p += n;
		bytes.n -= n;
		if (u->n_head == BLOCK)
			begin(u);
	}
	if (bytes.n == 0)
		return;
	if (u->kind == PLAIN)
		u->ops->bytes(u->env, bytes);
	else if (u->kind == GZIP)
		gzip_feed(u, bytes);
	else if (u->kind == TAR)
		tar_feed(u, bytes);
}

static void
finish(struct unpack *u)
{
	if (u->kind == UNKNOWN)
		begin(u);
	if (u->kind == PLAIN)
		u->ops->end(u->env);
	if ((u->kind == TAR && u->tar.left) || u->kind == GZIP)
		skip(u, "its end is missing", true);
	if (u->kind == GZIP)
		gzip_end(u);
	close_inner(u);
	destroy(u);
}

int
unpack_new(struct unpack **out, const struct unpack_ops *ops, void *env, const char *name)
{
	const struct unpack outer = { .ops = ops, .env = env };

	*out = make(&outer, name);
	return *out ? 0 : -ENOMEM;
}

void
unpack_feed(struct unpack *u, struct span bytes)
{
	feed(u, bytes);
}

void
unpack_end(struct unpack *u)
{
	finish(u);
}
