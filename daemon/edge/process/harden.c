/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/harden.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/base.h"

#define MMAP_FROM (128 * 1024) /* larger blocks return to the kernel when freed */
#define TRIM_FROM (256 * 1024)

static void
raise_soft(int resource)
{
	struct rlimit r;

	if (getrlimit(resource, &r) < 0 || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(resource, &r);
}

static uint64_t
soft(int resource)
{
	struct rlimit r;

	if (getrlimit(resource, &r) < 0)
		return 0;
	return r.rlim_cur == RLIM_INFINITY ? UINT64_MAX : r.rlim_cur;
}

void
harden_process(void)
{
	base_protect();
	raise_soft(RLIMIT_NOFILE);
	raise_soft(RLIMIT_MEMLOCK);
	/*
	 * A sync needs megabytes for a short time. Fixed thresholds (glibc's grow with the size of
	 * freed blocks) and few arenas (libcurl resolves names in threads) return them at once.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_FROM);
	(void)mallopt(M_ARENA_MAX, 2);
}

uint64_t
harden_max_files(void)
{
	return soft(RLIMIT_NOFILE);
}

uint64_t
harden_max_locked(void)
{
	return soft(RLIMIT_MEMLOCK);
}

bool
harden_can_lock(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	bool can;
	void *p;

	if (n < page)
		n = page;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	can = mlock(p, n) == 0;
	(void)munmap(p, n);
	return can;
}
