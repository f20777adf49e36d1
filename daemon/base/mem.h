/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator of all our programs.
 *
 * It is also installed in libevent, libcurl, OpenSSL, cJSON and SQLite. A block is wiped when freed
 * and never moved by realloc(). A test can make the n-th allocation fail. The counters are atomic,
 * because libcurl allocates in its resolver threads. Long-lived secrets belong in base/arena.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* All return NULL when out of memory, or when a test demands it. Size 0 gives a unique pointer. */
MUST_CHECK void *mem_alloc(size_t n);
MUST_CHECK void *mem_zalloc(size_t n);
MUST_CHECK void *mem_calloc(size_t count, size_t size); /* zeroed; NULL on overflow */
/* p may be NULL. On failure p stays valid. When the data moves, the old block is wiped. */
MUST_CHECK void *mem_resize(void *p, size_t n);
MUST_CHECK char *mem_strdup(const char *s);
MUST_CHECK void *mem_dup(const void *p, size_t n);     /* copies n bytes */
MUST_CHECK char *mem_strndup(const char *s, size_t n); /* copies n bytes and adds a NUL */
void mem_free(void *p);                                /* wipes; p may be NULL */
void mem_wipe(void *p, size_t n); /* and the registers; p may be NULL if n is 0 */
/*
 * Wipes the vector registers, through which memcpy() copies: those of a sleeping thread keep the
 * last bytes, and a debugger's core has them.
 */
void mem_wipe_registers(void);

/* The same for OpenSSL's CRYPTO_set_mem_functions(); file and line are ignored. */
MUST_CHECK void *mem_alloc_at(size_t n, const char *file, int line);
MUST_CHECK void *mem_resize_at(void *p, size_t n, const char *file, int line);
void mem_free_at(void *p, const char *file, int line);

/* For CLEANUP(mem_freep) char *s: frees s when it leaves the scope. */
void mem_freep(void *pp);

/* Number of allocated blocks, for leak checks in tests. */
int64_t mem_live(void);
/* For tests: lets n allocations succeed and all later ones fail; n < 0 turns it off. */
void mem_fail_after(int64_t n);
/* For tests: lets n allocations succeed, fails the next `count`, and lets all others succeed. */
void mem_fail_some(int64_t n, int64_t count);
/* For tests: how many of the n are left; at 0 an allocation may have failed. */
int64_t mem_fail_left(void);
