/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One door for memory.
 *
 * Every heap block of our programs, and of the libraries that let us choose (libevent, libcurl,
 * OpenSSL, cJSON, SQLite), comes from here: it is wiped when freed, never moved by realloc(), and
 * a test can make the n-th allocation fail. Counters are atomic: libcurl resolves names in threads.
 * Long-lived secrets do not live here but in base/arena.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* All return NULL when memory is out (or a test says so). A size of 0 gives a unique pointer. */
MUST_CHECK void *mem_alloc(size_t n);
MUST_CHECK void *mem_zalloc(size_t n);
MUST_CHECK void *mem_calloc(size_t count, size_t size); /* zeroed; NULL on overflow */
/* p may be NULL. On failure p is untouched. The old block is wiped when the data moves. */
MUST_CHECK void *mem_resize(void *p, size_t n);
MUST_CHECK char *mem_strdup(const char *s);
MUST_CHECK void *mem_dup(const void *p, size_t n);     /* n bytes */
MUST_CHECK char *mem_strndup(const char *s, size_t n); /* n bytes and a NUL */
void mem_free(void *p);                                /* wipes; NULL is fine */
void mem_wipe(void *p, size_t n);                      /* explicit_bzero under our name */

/* The same in OpenSSL's form, for CRYPTO_set_mem_functions(); file and line are not looked at. */
MUST_CHECK void *mem_alloc_at(size_t n, const char *file, int line);
MUST_CHECK void *mem_resize_at(void *p, size_t n, const char *file, int line);
void mem_free_at(void *p, const char *file, int line);

/* CLEANUP(mem_freep) char *s: frees on leaving the scope. */
void mem_freep(void *pp);

/* Blocks alive, for leak checks in tests. */
int64_t mem_live(void);
/* Tests: let n allocations succeed, then fail every one after; n < 0 turns it off. */
void mem_fail_after(int64_t n);
/* Tests: lets n allocations succeed, fails `count`, and lets all others succeed. */
void mem_fail_some(int64_t n, int64_t count);
int64_t mem_fail_left(void); /* of those n; 0: they are used up, one may have failed */
