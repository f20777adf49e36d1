/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process gives up before it holds a secret (base_protect()), and what it asks for: as
 * many descriptors and as much locked memory as it may have.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First thing in main(). Whatever the kernel refuses is done without. */
void harden_process(void);
uint64_t harden_max_files(void);  /* the limit in force */
uint64_t harden_max_locked(void); /* bytes; UINT64_MAX: no limit */
bool harden_can_lock(size_t n);   /* can n bytes more (a page at least) be locked now? */
