/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t live;
static _Atomic int64_t may_succeed = -1; /* allocations before the failing ones; < 0: no failures */
static _Atomic int64_t to_fail;          /* allocations that fail after those */

static int
must_fail(void)
{
	int64_t left = atomic_load(&may_succeed);

	while (left >= 0) {
		if (left == 0 && atomic_fetch_sub(&to_fail, 1) > 0)
			return 1;
		if (left == 0)
			return 0;
		if (atomic_compare_exchange_weak(&may_succeed, &left, left - 1))
			return 0;
	}
	return 0;
}

void *
mem_alloc(size_t n)
{
	void *p;

	if (must_fail())
		return NULL;
	p = malloc(n ? n : 1);
	if (p)
		atomic_fetch_add(&live, 1);
	return p;
}

void *
mem_zalloc(size_t n)
{
	void *p = mem_alloc(n);

	if (p)
		memset(p, 0, n);
	return p;
}

void *
mem_calloc(size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return NULL;
	return mem_zalloc(n);
}

/* Does not use realloc(), which frees the old block without wiping it. */
void *
mem_resize(void *p, size_t n)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *q;

	if (p && n <= had)
		return p;
	q = mem_alloc(n);
	if (q && p) {
		memcpy(q, p, had < n ? had : n);
		mem_free(p);
	}
	return q;
}

void *
mem_dup(const void *p, size_t n)
{
	void *q = mem_alloc(n);

	if (q && n)
		memcpy(q, p, n);
	return q;
}

char *
mem_strndup(const char *s, size_t n)
{
	char *q = mem_alloc(n + 1);

	if (!q)
		return NULL;
	if (n)
		memcpy(q, s, n);
	q[n] = '\0';
	return q;
}

char *
mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

void
mem_free(void *p)
{
	if (!p)
		return;
	atomic_fetch_sub(&live, 1);
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void *
mem_alloc_at(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_alloc(n);
}

void *
mem_resize_at(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_resize(p, n);
}

void
mem_free_at(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	mem_free(p);
}

void
mem_freep(void *pp)
{
	void **slot = pp;

	mem_free(*slot);
	*slot = NULL;
}

void
mem_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
	mem_wipe_registers();
}

void
mem_wipe_registers(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" ::
				     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
				 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
				 "xmm14", "xmm15");
	/* No code of ours is compiled to use these; glibc's memcpy() does. */
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile(".irp n,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
				 "vpxord %zmm\\n, %zmm\\n, %zmm\\n\n\t"
				 ".endr");
#endif
}

int64_t
mem_live(void)
{
	return atomic_load(&live);
}

int64_t
mem_fail_left(void)
{
	return atomic_load(&may_succeed);
}

void
mem_fail_after(int64_t n)
{
	mem_fail_some(n, INT64_MAX);
}

void
mem_fail_some(int64_t n, int64_t count)
{
	atomic_store(&to_fail, count);
	atomic_store(&may_succeed, n);
}
