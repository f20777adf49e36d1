/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

#define STEP ((size_t)256 * 1024) /* bytes made usable and locked at a time */

struct arena {
	uint8_t *start;  /* the reserved range, guard pages included */
	size_t reserved; /* its length */
	uint8_t *base;   /* first usable byte */
	size_t max;      /* the cap the caller set */
	size_t room;     /* max, rounded up to whole pages */
	size_t ready;    /* usable bytes from base on; the rest has no access rights */
	size_t used, locked;
	enum arena_lock lock;
	int error;
	bool sealed;
};

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

int
arena_new(struct arena **out, size_t max_bytes, enum arena_lock lock)
{
	size_t page = page_size();
	struct arena *a;
	void *start;

	if (max_bytes > SIZE_MAX / 2)
		return -ENOMEM;
	a = mem_zalloc(sizeof *a);
	if (!a)
		return -ENOMEM;
	a->max = max_bytes;
	a->room = round_up(max_bytes, page);
	a->reserved = a->room + 2 * page;
	start =
	    mmap(NULL, a->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED) {
		mem_free(a);
		return -ENOMEM;
	}
	/* A refusal does no harm: base_protect() has already disabled core dumps. */
	(void)madvise(start, a->reserved, MADV_DONTDUMP);
	(void)madvise(start, a->reserved, MADV_DONTFORK);
	a->start = start;
	a->base = a->start + page;
	a->lock = lock;
	*out = a;
	return 0;
}

/* Makes at least the first `need` bytes usable. */
static int
make_ready(struct arena *a, size_t need)
{
	size_t to = round_up(need, STEP), step;

	if (to > a->room)
		to = a->room;
	step = to - a->ready;
	if (mprotect(a->base + a->ready, step, PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	if (a->lock != ARENA_LOCK_OFF) {
		if (mlock(a->base + a->ready, step) == 0)
			a->locked += step;
		else if (a->lock == ARENA_LOCK_REQUIRE)
			return -EPERM;
		else
			a->lock = ARENA_LOCK_OFF; /* do not repeat a refused call in every step */
	}
	a->ready = to;
	return 0;
}

void *
arena_alloc(struct arena *a, size_t n, size_t align)
{
	size_t at = round_up(a->used, align);

	if (a->error || a->sealed)
		return NULL;
	if (at > a->max || n > a->max - at)
		a->error = -EMSGSIZE;
	else if (at + n > a->ready)
		a->error = make_ready(a, at + n);
	if (a->error)
		return NULL;
	a->used = at + n;
	return a->base + at;
}

int
arena_seal(struct arena *a)
{
	size_t page = page_size(), keep = round_up(a->used, page);
	size_t tail = a->room - keep;

	if (a->error)
		return a->error;
	if (keep && mprotect(a->base, keep, PROT_READ) < 0)
		return -errno;
	/* Unmaps the unused tail, except for one page that becomes the guard page. */
	if (tail) {
		if (mprotect(a->base + keep, page, PROT_NONE) < 0)
			return -errno;
		if (a->ready > keep && a->locked)
			a->locked = a->locked > a->ready - keep ? a->locked - (a->ready - keep) : 0;
		if (munmap(a->base + keep + page, tail) < 0)
			return -errno;
		a->reserved -= tail;
		a->room = a->ready = keep;
	}
	a->sealed = true;
	return 0;
}

struct arena *
arena_free(struct arena *a)
{
	if (!a)
		return NULL;
	if (a->ready && mprotect(a->base, a->ready, PROT_READ | PROT_WRITE) == 0)
		mem_wipe(a->base, a->used);
	(void)munmap(a->start, a->reserved); /* unlocks; can only fail on a broken range */
	mem_free(a);
	return NULL;
}

int
arena_error(const struct arena *a)
{
	return a->error;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}

size_t
arena_locked(const struct arena *a)
{
	return a->locked;
}
