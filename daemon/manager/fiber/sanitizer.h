/* SPDX-License-Identifier: Apache-2.0 */
/* Tells AddressSanitizer about a change of stacks; does nothing in other builds. */
#pragma once

#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if SANITIZED
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* Call it before the switch. save: NULL when the old stack is not used again. */
static inline void
sanitizer_leave(void **save, const void *low, size_t size)
{
	__sanitizer_start_switch_fiber(save, low, size);
}

/* Call it after the switch, on the new stack. *low, *size: the old stack; may be NULL. */
static inline void
sanitizer_arrive(void *saved, const void **low, size_t *size)
{
	__sanitizer_finish_switch_fiber(saved, low, size);
}

static inline void
sanitizer_unpoison(const void *p, size_t n)
{
	__asan_unpoison_memory_region(p, n);
}
#else
static inline void
sanitizer_leave(void **save, const void *low, size_t size)
{
	(void)save;
	(void)low;
	(void)size;
}

static inline void
sanitizer_arrive(void *saved, const void **low, size_t *size)
{
	(void)saved;
	(void)low;
	(void)size;
}

static inline void
sanitizer_unpoison(const void *p, size_t n)
{
	(void)p;
	(void)n;
}
#endif
