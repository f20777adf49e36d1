/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers from libsodium. Call base_init() first. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void rnd_bytes(void *out, size_t n);
uint32_t rnd_below(uint32_t upper); /* uniform in [0, upper); 0 when upper < 2 */
/* Uniform in [low, high], both inclusive. */
int64_t rnd_between(int64_t low, int64_t high);
