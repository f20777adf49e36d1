/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepares the process: base_protect(), and the highest limits it may have for descriptors and
 * locked memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Call it first in main(). Failures are ignored. */
void harden_process(void);
uint64_t harden_max_files(void);  /* the current limit */
uint64_t harden_max_locked(void); /* bytes; UINT64_MAX: no limit */
bool harden_can_lock(size_t n);   /* true if n more bytes, at least a page, can be locked now */
