/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/payload.h"

#include <errno.h>
#include <string.h>

#include <zlib.h>

#include "base/mem.h"

#define FIRST_PIECE_BYTES ((size_t)16 * 1024) /* most bodies fit in it */
#define UNPACK_BYTES      ((size_t)256 * 1024)
#define ONLY_GZIP         16 /* added to the window size: refuses zlib and raw deflate */

struct payload_piece {
	struct payload_piece *next;
	size_t n, room;
	unsigned char data[];
};

void
payload_init(struct payload *b, size_t max)
{
	*b = (struct payload){ .max = max };
}

static struct payload_piece *
drop_first(struct payload *b)
{
	struct payload_piece *next = b->first->next;

	mem_free(b->first);
	b->first = next;
	if (!next)
		b->last = NULL;
	return next;
}

void
payload_fini(struct payload *b)
{
	while (b->first)
		drop_first(b);
	payload_init(b, b->max);
}

void
payload_move(struct payload *to, struct payload *from)
{
	payload_fini(to);
	*to = *from;
	payload_init(from, from->max);
}

static struct payload_piece *
new_piece(struct payload *b)
{
	size_t room = b->first ? PAYLOAD_PIECE_BYTES : FIRST_PIECE_BYTES;
	struct payload_piece *p = mem_alloc(sizeof *p + room);

	if (!p) {
		b->error = -ENOMEM;
		return NULL;
	}
	p->next = NULL;
	p->n = 0;
	p->room = room;
	if (b->last)
		b->last->next = p;
	else
		b->first = p;
	b->last = p;
	return p;
}

void
payload_add(struct payload *b, const void *from, size_t n)
{
	const unsigned char *at = from;

	if (!b->error && n > b->max - b->n)
		b->error = -EMSGSIZE;
	while (!b->error && n > 0) {
		struct payload_piece *p = b->last;
		size_t part;

		if (!p || p->n == p->room)
			p = new_piece(b);
		if (!p)
			return;
		part = n < p->room - p->n ? n : p->room - p->n;
		memcpy(p->data + p->n, at, part);
		p->n += part;
		b->n += part;
		at += part;
		n -= part;
	}
	mem_wipe_registers();
}

/* --- unpacking ---------------------------------------------------------------------------- */

static int
unpack_plain(struct payload *b, struct buf *out)
{
	/* Reserve all at once: growing would copy and wipe again and again. */
	(void)buf_room(out, b->n);
	while (b->first) {
		buf_add(out, b->first->data, b->first->n);
		drop_first(b);
	}
	return buf_error(out);
}

static voidpf
zlib_alloc(voidpf env, uInt count, uInt size)
{
	(void)env;
	return mem_calloc(count, size);
}

static void
zlib_free(voidpf env, voidpf p)
{
	(void)env;
	mem_free(p);
}

/* Reserves space for the next bytes. Returns its size; 0 if out is full. */
static size_t
room_for_more(struct buf *out, char **to)
{
	size_t left = out->max - out->len, n = left < UNPACK_BYTES ? left : UNPACK_BYTES;

	*to = n ? buf_room(out, n) : NULL;
	return *to ? n : 0;
}

/* Inflates the input of z. Z_OK: needs more input; Z_BUF_ERROR: out is full; or zlib's code. */
static int
inflate_some(z_stream *z, struct buf *out)
{
	int code = Z_OK;

	while (code == Z_OK && (z->avail_in > 0 || z->avail_out == 0)) {
		unsigned char past_the_end;
		char *to;
		size_t n = room_for_more(out, &to);

		if (buf_error(out))
			return Z_MEM_ERROR;
		z->next_out = n ? (unsigned char *)to : &past_the_end;
		z->avail_out = n ? (uInt)n : 1;
		code = inflate(z, Z_NO_FLUSH);
		if (!n && z->avail_out == 0)
			return Z_BUF_ERROR; /* the text is longer than out->max */
		if (n)
			buf_grown(out, n - z->avail_out);
		if (code == Z_BUF_ERROR)
			return Z_OK; /* no progress without more input */
	}
	return code;
}

static int
error_of(int code)
{
	switch (code) {
	case Z_STREAM_END:
		return 0;
	case Z_MEM_ERROR:
		return -ENOMEM;
	case Z_BUF_ERROR:
		return -EMSGSIZE;
	default:
		return -EBADMSG; /* also Z_OK: the input is truncated */
	}
}

static int
unpack_gzip(struct payload *b, struct buf *out)
{
	z_stream z = { .zalloc = zlib_alloc, .zfree = zlib_free };
	int code = inflateInit2(&z, MAX_WBITS + ONLY_GZIP);

	if (code != Z_OK)
		return -ENOMEM;
	while (code == Z_OK && b->first) {
		z.next_in = b->first->data;
		z.avail_in = (uInt)b->first->n;
		code = inflate_some(&z, out);
		if (code == Z_STREAM_END && (z.avail_in > 0 || b->first->next))
			code = Z_DATA_ERROR; /* trailing bytes */
		drop_first(b);
	}
	(void)inflateEnd(&z);
	return error_of(code);
}

int
payload_unpack(struct payload *b, struct buf *out)
{
	int r = -EBADMSG;

	if (b->error)
		r = b->error;
	else if (b->coding == PAYLOAD_PLAIN)
		r = unpack_plain(b, out);
	else if (b->coding == PAYLOAD_GZIP)
		r = unpack_gzip(b, out);
	payload_fini(b);
	return r;
}
