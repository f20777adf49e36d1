/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_ROOM 256

void
buf_init(struct buf *b, size_t max)
{
	*b = BUF_INIT(max);
}

void
buf_fini(struct buf *b)
{
	mem_free(b->data);
	*b = BUF_INIT(b->max);
}

void
buf_reset(struct buf *b)
{
	if (b->data) {
		mem_wipe(b->data, b->len);
		b->data[0] = '\0';
	}
	b->len = 0;
	b->error = 0;
}

/* Moves the contents into a block for `need` bytes and a NUL. 0 or -ENOMEM. */
static int
grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : FIRST_ROOM;
	char *data;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap > b->max)
		cap = b->max;
	data = mem_alloc(cap + 1);
	if (!data)
		return -ENOMEM;
	if (b->len)
		memcpy(data, b->data, b->len);
	data[b->len] = '\0';
	mem_free(b->data);
	b->data = data;
	b->cap = cap;
	return 0;
}

char *
buf_room(struct buf *b, size_t n)
{
	if (b->error)
		return NULL;
	if (n > b->max - b->len) {
		b->error = -EMSGSIZE;
		return NULL;
	}
	if (!b->data || b->len + n > b->cap)
		b->error = grow(b, b->len + n);
	return b->error ? NULL : b->data + b->len;
}

void
buf_grown(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	char *at = buf_room(b, n);

	if (!at)
		return;
	if (n)
		memcpy(at, p, n);
	buf_grown(b, n);
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *at;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->error = b->error ? b->error : -EMSGSIZE;
		return;
	}
	at = buf_room(b, (size_t)n);
	if (!at)
		return;
	va_start(ap, fmt);
	vsnprintf(at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_grown(b, (size_t)n);
}

void
buf_truncate(struct buf *b, size_t n)
{
	if (b->data) {
		mem_wipe(b->data + n, b->len - n);
		b->data[n] = '\0';
	}
	b->len = n;
	b->error = 0;
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	mem_wipe(b->data + b->len - n, n);
	b->len -= n;
	b->data[b->len] = '\0';
}

const char *
buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *
buf_take(struct buf *b, size_t *len)
{
	char *data;

	if (!b->error && !b->data)
		b->error = grow(b, 0);
	if (b->error)
		return NULL;
	data = b->data;
	if (len)
		*len = b->len;
	*b = BUF_INIT(b->max);
	return data;
}
