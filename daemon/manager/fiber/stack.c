/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/fiber/stack.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "manager/fiber/sanitizer.h"

/* AddressSanitizer's frames are several times larger. */
#define STACK_SIZE ((size_t)(SANITIZED ? 1024 : 256) * 1024)
#define PAGES_MAX  256
#define MAX_IDLE   64
#define KEEP       ((size_t)64 * 1024) /* memory that an idle stack may keep */

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE); /* always known on Linux */
}

/* Memory with a guard page below it. NULL: out of memory. */
static char *
map(size_t size)
{
	size_t guard = page_size();
	char *all = mmap(NULL, guard + size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	if (mprotect(all, guard, PROT_NONE) < 0) {
		(void)munmap(all, guard + size); /* as it was mapped */
		return NULL;
	}
	(void)madvise(all, guard + size, MADV_DONTDUMP); /* core dumps are off anyway */
	return all + guard;
}

struct stack *
stack_take(struct stacks *pool)
{
	struct stack *s = pool->idle;

	if (s) {
		pool->idle = s->next;
		pool->n_idle--;
		return s;
	}
	s = mem_zalloc(sizeof *s);
	if (!s)
		return NULL;
	s->size = STACK_SIZE;
	s->low = map(s->size);
	if (s->low)
		return s;
	mem_free(s);
	return NULL;
}

/* The lowest byte that may have been written to: pages below it have no memory. */
static char *
lowest_used(const struct stack *s)
{
	unsigned char resident[PAGES_MAX];
	size_t page = page_size(), n = s->size / page, i = 0;

	if (n > PAGES_MAX || mincore(s->low, s->size, resident) < 0)
		return s->low;
	while (i < n && !(resident[i] & 1))
		i++;
	return s->low + i * page;
}

static void
unmap(struct stack *s)
{
	size_t guard = page_size();

	(void)munmap(s->low - guard, guard + s->size); /* as it was mapped */
	mem_free(s);
}

void
stack_give_back(struct stacks *pool, struct stack *s)
{
	char *from = lowest_used(s);
	size_t used = (size_t)(s->low + s->size - from);

	sanitizer_unpoison(s->low, s->size); /* a fiber's first frames never return */
	mem_wipe(from, used);
	if (pool->n_idle == MAX_IDLE) {
		unmap(s);
		return;
	}
	if (used > KEEP)
		/* it is only advice to the kernel */
		(void)madvise(s->low, s->size - KEEP, MADV_DONTNEED);
	s->next = pool->idle;
	pool->idle = s;
	pool->n_idle++;
}

void
stacks_free(struct stacks *pool)
{
	struct stack *s;

	while ((s = pool->idle)) {
		pool->idle = s->next;
		unmap(s);
	}
	pool->n_idle = 0;
}
